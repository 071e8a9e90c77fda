"""What is to be worked out again. Written by triggers and by the refresh itself; taken away by it."""

from django.db import models


class Mark(models.Model):
    """An opportunity whose facts may have changed. Appended by triggers (analytics.0002): no index, no constraint, so
    that who writes waits for nobody."""

    opportunity_id = models.BigIntegerField()

    def __str__(self) -> str:
        return str(self.opportunity_id)


class StaleDay(models.Model):
    """A day whose sums do not follow its facts any more."""

    day = models.DateField()

    def __str__(self) -> str:
        return f"{self.day}"


class Refreshed(models.Model):
    """How far the facts are. One row; `change_number`: the last of routing’s changes (`Change`) taken in."""

    change_number = models.BigIntegerField(default=0)
    time_zone = models.CharField(max_length=64, blank=True, help_text="Whose days they are.")
    at = models.DateTimeField(null=True, help_text="Everything committed before is in, facts and sums.")
    definition = models.IntegerField(default=0, help_text="By which definition of facts.")

    def __str__(self) -> str:
        return f"up to {self.at}"
