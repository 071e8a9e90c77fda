"""Users with their roles, and teams with their managers."""

import zoneinfo
from typing import Any, ClassVar

from django.contrib.auth.base_user import BaseUserManager
from django.contrib.auth.models import AbstractUser
from django.core.exceptions import ValidationError
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower


def check_time_zone(name: str) -> None:
    if name not in zoneinfo.available_timezones():
        raise ValidationError(f"“{name}” is not a time zone. Use a name such as Europe/Berlin.")


class UserManager(BaseUserManager["User"]):
    def create_user(self, email: str, password: str | None = None, **fields: Any) -> "User":
        user = self.model(email=self.normalize_email(email).lower(), **fields)
        user.set_password(password)
        user.save(using=self._db)
        return user

    def create_superuser(self, email: str, password: str | None = None, **fields: Any) -> "User":
        return self.create_user(email, password, role=User.Role.ADMIN, **fields)

    def get_by_natural_key(self, username: str | None) -> "User":
        return self.get(email__iexact=username)


class User(AbstractUser):  # type: ignore[django-manager-missing]  # the tokens' manager is untyped
    """Somebody who signs in. The role says what the person may do; a rep's user also has a `Rep`."""

    class Role(models.TextChoices):
        OPS = "ops", "Ops leader"
        MANAGER = "manager", "Manager"
        REP = "rep", "Rep"
        ANALYST = "analyst", "Analyst"
        ADMIN = "admin", "Admin"

    username = None  # type: ignore[assignment]
    first_name = None  # type: ignore[assignment]
    last_name = None  # type: ignore[assignment]
    email = models.EmailField(unique=True)
    name = models.CharField(max_length=120)
    role = models.CharField(max_length=10, choices=Role, default=Role.REP)
    time_zone = models.CharField(max_length=64, default="UTC", validators=[check_time_zone])
    updated_at = models.DateTimeField(auto_now=True)

    USERNAME_FIELD = "email"
    REQUIRED_FIELDS: ClassVar[list[str]] = ["name"]
    objects: ClassVar[UserManager] = UserManager()  # type: ignore[assignment]

    class Meta:
        ordering = ("name", "id")
        constraints = (
            models.UniqueConstraint(Lower("email"), name="user_email_once"),
            models.CheckConstraint(
                condition=Q(role__in=["ops", "manager", "rep", "analyst", "admin"]), name="user_role_known"
            ),
        )

    def __str__(self) -> str:
        return self.name or self.email

    def get_full_name(self) -> str:
        return self.name

    def get_short_name(self) -> str:
        return self.name.split(" ")[0]

    def save(self, *args: Any, **kwargs: Any) -> None:
        # The admin site is the admin role's, and nobody else's.
        self.is_staff = self.is_superuser = self.role == self.Role.ADMIN
        super().save(*args, **kwargs)


class Team(models.Model):
    """Reps who share work, and the managers who look after them. One team is the organisation's default."""

    name = models.CharField(max_length=80, unique=True)
    external_id = models.CharField(max_length=120, unique=True, null=True, blank=True)
    managers = models.ManyToManyField(User, blank=True, related_name="managed_teams")
    is_default = models.BooleanField(default=False, help_text="Opportunities that fall to no team go here.")
    turn_clock = models.FloatField(default=0, editable=False)  # virtual time of the round-robin
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ("name",)
        constraints = (
            models.UniqueConstraint(
                fields=["is_default"], condition=Q(is_default=True), name="team_one_default"
            ),
        )

    def __str__(self) -> str:
        return self.name
