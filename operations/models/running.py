"""What runs: processes by their heartbeats, and jobs by their last runs."""

from django.db import models


class ProcessBeat(models.Model):
    """A web process or a worker that said it is alive. Gone with an orderly stop; one that fell silent stays a day."""

    class Kind(models.TextChoices):
        WEB = "web", "Web"
        WORKER = "worker", "Worker"

    host = models.CharField(max_length=255)
    pid = models.PositiveIntegerField()
    kind = models.CharField(max_length=10, choices=Kind)
    version = models.CharField(max_length=60, blank=True)
    started_at = models.DateTimeField()
    last_seen_at = models.DateTimeField()
    disk_free_bytes = models.BigIntegerField(default=0)
    disk_total_bytes = models.BigIntegerField(default=0)
    intake_requests = models.PositiveIntegerField(default=0, help_text="In the last five minutes.")
    intake_failed = models.PositiveIntegerField(default=0)

    class Meta:
        ordering = ("kind", "host", "pid")
        constraints = (models.UniqueConstraint(fields=["host", "pid"], name="process_once"),)

    def __str__(self) -> str:
        return f"{self.get_kind_display()} {self.host}, process {self.pid}"


class JobRun(models.Model):
    """How a job went last, by its function: one row for each, for as long as it exists. The tasks themselves are
    forgotten soon."""

    func = models.CharField(max_length=200, unique=True)
    last_started_at = models.DateTimeField()
    last_ended_at = models.DateTimeField()
    last_worked_at = models.DateTimeField(null=True, blank=True)
    last_failed_at = models.DateTimeField(null=True, blank=True)
    last_error = models.CharField(max_length=300, blank=True, help_text="The first line of the last failure.")
    failures = models.PositiveIntegerField(default=0, help_text="In a row.")

    class Meta:
        ordering = ("func",)

    def __str__(self) -> str:
        return self.func

    @property
    def label(self) -> str:
        """ "Train model" of `routing.jobs.train_model`."""
        return self.func.rpartition(".")[2].replace("_", " ").capitalize()
