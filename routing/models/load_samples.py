"""Past assignments of a role with the load of then, as the night counted them: what Analytics › Load is made of."""

from django.db import models

from reps.models import RoleTemplate


class LoadSample(models.Model):
    """All of a role's assignments of twelve months, or so many of them by chance (`kept` of `counted`)."""

    role_template = models.OneToOneField(RoleTemplate, on_delete=models.CASCADE, related_name="+")
    content = models.BinaryField(help_text="Arrays, compressed (routing.queries.load_effects).")
    counted = models.IntegerField()
    kept = models.IntegerField()
    counted_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.role_template}: {self.kept} of {self.counted}"
