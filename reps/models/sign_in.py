"""How people get in: invitations, the provider of single sign-on with its roles, and who needs a second factor."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.db import models
from django.db.models import Q
from django.db.models.functions import Lower
from django.utils import timezone

from reps.models.people import Team, User


class Invitation(models.Model):
    """Somebody may become a user by a link. The link is signed and names `stamp`, so that sending it again makes the
    one before worthless; nothing in this row lets anybody in."""

    email = models.EmailField()
    name = models.CharField(max_length=120, blank=True)
    role = models.CharField(max_length=10, choices=User.Role, default=User.Role.REP)
    teams = models.ManyToManyField(Team, blank=True, related_name="+")
    stamp = models.UUIDField(editable=False)
    invited_by = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="+")
    invited_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    accepted_at = models.DateTimeField(null=True, blank=True)
    accepted_by = models.ForeignKey(User, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    revoked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        ordering = ("-invited_at", "-id")
        constraints = (
            models.UniqueConstraint(
                Lower("email"),
                condition=Q(accepted_at__isnull=True, revoked_at__isnull=True),
                name="invitation_one_open",
            ),
            models.CheckConstraint(
                condition=Q(role__in=["ops", "manager", "rep", "analyst", "admin"]),
                name="invitation_role_known",
            ),
            models.CheckConstraint(
                condition=Q(accepted_at__isnull=True) | Q(revoked_at__isnull=True),
                name="invitation_ends_once",
            ),
        )

    def __str__(self) -> str:
        return self.name or self.email

    @property
    def is_expired(self) -> bool:
        return self.expires_at <= timezone.now()


class SignInSettings(models.Model):
    """The provider of single sign-on, and who needs a second factor. One row; the client's secret is stored sealed."""

    class TokenAuth(models.TextChoices):
        """How the client proves itself where it fetches the tokens."""

        OFFERED = "", "As the provider offers it"
        POST = "client_secret_post", "In the request (client_secret_post)"
        BASIC = "client_secret_basic", "In the header (client_secret_basic)"

    uses_sso = models.BooleanField("people sign in through this provider", default=False)
    server_url = models.URLField("address of the provider", max_length=400, blank=True)
    client_id = models.CharField("client ID", max_length=200, blank=True)
    sealed = models.BinaryField(default=bytes, editable=False)
    token_auth_method = models.CharField(max_length=20, choices=TokenAuth, blank=True, default="")
    button_label = models.CharField(max_length=60, default="Single sign-on")
    scopes = models.CharField(
        max_length=200, default="openid profile email", help_text="Separated by spaces."
    )
    groups_claim = models.CharField(max_length=100, default="groups")
    trusts_unmarked_email = models.BooleanField(default=False)
    default_role = models.CharField(max_length=10, choices=User.Role, blank=True)
    only_sso = models.BooleanField(default=False)
    break_glass = models.ManyToManyField(User, blank=True, related_name="+")
    second_factor_roles = ArrayField(
        models.CharField(max_length=10, choices=User.Role), blank=True, default=list
    )
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name_plural = "sign-in settings"
        constraints = (models.CheckConstraint(condition=Q(id=1), name="sign_in_settings_one_row"),)

    def __str__(self) -> str:
        return "Sign-in"

    @property
    def is_ready(self) -> bool:
        """Whether people can be sent to the provider."""
        return bool(self.uses_sso and self.server_url and self.client_id)

    @property
    def is_only_way(self) -> bool:
        """Whether passwords let in nobody but the named admins."""
        return self.only_sso and self.is_ready


class GroupRole(models.Model):
    """Who is in this group of the provider has this role. The first that holds decides."""

    position = models.PositiveSmallIntegerField()
    group = models.CharField(max_length=200)
    role = models.CharField(max_length=10, choices=User.Role)
    team = models.ForeignKey(Team, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")

    class Meta:
        ordering = ("position", "id")
        constraints = (
            models.UniqueConstraint(fields=["group"], name="group_role_once"),
            models.CheckConstraint(condition=~Q(group=""), name="group_role_named"),
            models.CheckConstraint(
                condition=Q(role__in=["ops", "manager", "rep", "analyst", "admin"]),
                name="group_role_known",
            ),
        )

    def __str__(self) -> str:
        return f"{self.group}: {self.get_role_display()}"


class SignInRefusal(models.Model):
    """What a provider sent that was refused, so that an admin can say why. The newest hundred are kept."""

    at = models.DateTimeField()
    email = models.CharField(max_length=254, blank=True)
    reason = models.CharField(max_length=300)
    groups: Any = models.JSONField(default=list, blank=True)

    class Meta:
        ordering = ("-at", "-id")

    def __str__(self) -> str:
        return f"{self.email or 'somebody'}, {self.at:%Y-%m-%d %H:%M}"
