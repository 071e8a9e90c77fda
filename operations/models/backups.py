"""Backups that were tried: when, where, how large, or why not."""

from django.db import models
from django.db.models import F, Q


class Backup(models.Model):
    """A backup, noted after its end. `error` is empty where it was made."""

    began_at = models.DateTimeField()
    ended_at = models.DateTimeField()
    place = models.CharField(max_length=500)
    size_bytes = models.BigIntegerField(default=0)
    error = models.CharField(max_length=500, blank=True)

    class Meta:
        ordering = ("-began_at", "-id")
        constraints = (
            models.CheckConstraint(condition=Q(ended_at__gte=F("began_at")), name="backup_ends_later"),
        )

    def __str__(self) -> str:
        return f"{self.began_at:%Y-%m-%d %H:%M}: {self.error or self.place}"
