"""The audit log: who changed what, when and from where. Rows are written by triggers of the database
(`audit_table`, docs/audit.md), those of what is no change of a row by `reps.services.audit`."""

from django.core.serializers.json import DjangoJSONEncoder
from django.db import models
from django.db.models.functions import Now


class AuditEntry(models.Model):
    """Names and addresses are kept as they were then, so that nothing refers to a row that may go. The database refuses
    to change or delete one."""

    class Way(models.TextChoices):
        PERSON = "person", "a person in the browser"
        TOKEN = "token", "an API token"
        VISITOR = "visitor", "somebody who was not signed in"
        COMMAND = "command", "a command"
        JOB = "job", "a job"
        DATABASE = "database", "the database itself"

    class Action(models.TextChoices):
        CREATED = "created", "Created"
        CHANGED = "changed", "Changed"
        DELETED = "deleted", "Deleted"
        EMPTIED = "emptied", "Emptied"
        SIGNED_IN = "signed_in", "Signed in"
        SIGN_IN_FAILED = "sign_in_failed", "Sign-in failed"
        SIGNED_OUT = "signed_out", "Signed out"
        SESSION_ENDED = "session_ended", "Session ended"
        EXPORTED = "exported", "Exported"
        FORGOTTEN = "forgotten", "Forgotten"

    at = models.DateTimeField(db_default=Now())
    way = models.CharField(max_length=10, choices=Way)
    user_id = models.BigIntegerField(null=True)
    user_name = models.CharField(max_length=200, db_default="", default="")
    user_email = models.CharField(max_length=254, db_default="", default="")
    through = models.CharField(
        max_length=200,
        default="",
        db_default="",
        help_text="The token, command, job or account of the database.",
    )
    address = models.GenericIPAddressField(null=True)
    agent = models.CharField(max_length=80, default="", db_default="")
    request_id = models.CharField(max_length=64, default="", db_default="")
    action = models.CharField(max_length=16, choices=Action)
    kind = models.CharField(max_length=40)
    record_id = models.CharField(max_length=40, default="", db_default="")
    record_name = models.CharField(max_length=300, default="", db_default="")
    of_kind = models.CharField(max_length=40, default="", db_default="")
    of_id = models.CharField(max_length=40, default="", db_default="")
    of_name = models.CharField(max_length=300, default="", db_default="")
    changes = models.JSONField(
        default=dict,
        encoder=DjangoJSONEncoder,
        help_text="Field: [before, after]. What refers to a record says its id and its name then.",
    )

    class Meta:
        ordering = ("-id",)
        verbose_name_plural = "audit entries"
        indexes = (
            models.Index(fields=["at"], name="audit_at"),
            models.Index(fields=["user_id", "id"], name="audit_user"),
            models.Index(fields=["kind", "id"], name="audit_kind"),
            models.Index(fields=["action", "id"], name="audit_action"),
            models.Index(fields=["address", "id"], name="audit_address"),
            models.Index(fields=["of_kind", "of_id", "id"], name="audit_of"),
            models.Index(fields=["kind", "record_id", "id"], name="audit_record"),
        )

    def __str__(self) -> str:
        return f"{self.kind} {self.record_name or self.record_id} {self.action}"


class AuditSeal(models.Model):
    """The number of an entry, given once it is committed and without gaps, and the digest over it and all before it: an
    entry that a superuser changed or took away shows."""

    number = models.BigIntegerField(primary_key=True)
    entry_id = models.BigIntegerField(unique=True)
    entry_at = models.DateTimeField()
    digest = models.BinaryField()

    class Meta:
        ordering = ("number",)

    def __str__(self) -> str:
        return f"{self.number}"


class AuditRedaction(models.Model):
    """An entry that says less than when it was sealed: somebody was erased since (`erasure_id`, of privacy). `digest`
    is over its seal and what it says now, so that it cannot say anything else either."""

    entry_id = models.BigIntegerField(unique=True)
    erasure_id = models.BigIntegerField()
    digest = models.BinaryField()

    def __str__(self) -> str:
        return f"Entry {self.entry_id}"
