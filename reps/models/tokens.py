"""API tokens: made in the browser, shown once, stored as a digest (django-rest-knox)."""

from django.db import models
from knox.models import AbstractAuthToken


class ApiToken(AbstractAuthToken):
    """Acts as its user, with the user's role. The name says what uses it."""

    name = models.CharField(max_length=80, help_text="What will use it, such as “Website form”.")

    class Meta:
        ordering = ("-created",)

    def __str__(self) -> str:
        return self.name
