"""API tokens: made in the browser, shown once, stored as a digest (django-rest-knox)."""

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.utils import timezone
from knox.models import AbstractAuthToken


class ApiToken(AbstractAuthToken):
    """Acts as its user, with the user's role, narrowed to its scopes if it has any. The name says what uses it."""

    name = models.CharField(max_length=80, help_text="What will use it, such as “Website form”.")

    scopes = ArrayField(
        models.CharField(max_length=40), blank=True, default=list, help_text="None: all that the user may."
    )
    last_used_at = models.DateTimeField(null=True, blank=True, editable=False)
    last_used_from = models.GenericIPAddressField(null=True, blank=True, editable=False)

    class Meta:
        ordering = ("-created",)

    def __str__(self) -> str:
        return self.name

    @property
    def is_expired(self) -> bool:
        return self.expiry is not None and self.expiry <= timezone.now()
