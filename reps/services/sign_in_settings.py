"""The provider of single sign-on, the roles of its groups, and who needs a second factor."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from allauth.socialaccount.models import SocialAccount
from django.core.exceptions import ValidationError
from django.db import transaction

from reps.models import GroupRole, SignInSettings, Team, User
from reps.queries.sign_in import sign_in_settings
from reps.services.calendars.fetching import FetchError
from reps.services.calendars.sealing import seal
from reps.services.edits import lock_unchanged
from reps.services.sign_in_fetching import check_address


@dataclass(frozen=True)
class Line:
    """Who is in the group has the role, and works in or manages the team."""

    group: str
    role: str
    team: Team | None = None


@transaction.atomic
def save_sign_in_settings(
    *,
    settings: SignInSettings,
    secret: str = "",
    break_glass: Collection[User],
    seen: datetime | None = None,
    by: User,
) -> SignInSettings:
    """An empty secret keeps what is stored, unless it was another provider's."""
    stored = lock_unchanged(settings, seen=seen)
    _refuse_halves(settings, secret, stored, break_glass)
    if settings.server_url != stored.server_url:
        settings.sealed = b""
        SocialAccount.objects.all().delete()  # another provider's number of a person may be anybody's here
    if secret:
        settings.sealed = seal({"secret": secret})
    settings.save()
    settings.break_glass.set(break_glass)
    return settings


def _refuse_halves(
    settings: SignInSettings, secret: str, stored: SignInSettings, break_glass: Collection[User]
) -> None:
    """What would lock people out, or lead nowhere."""
    if settings.server_url:
        try:
            check_address(settings.server_url)
        except FetchError as error:
            raise ValidationError({"server_url": str(error)}) from error
    if settings.uses_sso and not (settings.server_url and settings.client_id):
        raise ValidationError(
            {"server_url": "Give the provider's address and the client ID to switch it on."}
        )
    keeps = bool(stored.sealed) and settings.server_url == stored.server_url
    if settings.uses_sso and not secret and not keeps:
        raise ValidationError({"client_secret": "Give the client secret of this provider."})
    if not settings.only_sso:
        return
    if not settings.uses_sso:
        raise ValidationError({"only_sso": "Switch single sign-on on first."})
    if not any(user.is_active and user.has_usable_password() for user in break_glass):
        raise ValidationError(
            {"break_glass": "Name at least one admin with a password, who gets in when the provider is away."}
        )


@transaction.atomic
def save_group_roles(*, lines: Sequence[Line], by: User) -> list[GroupRole]:
    """These lines in this order, instead of those before."""
    names = [line.group for line in lines]
    if len(set(names)) != len(names):
        raise ValidationError("Each group stands once.")
    SignInSettings.objects.select_for_update().get(pk=sign_in_settings().pk)
    GroupRole.objects.all().delete()
    return GroupRole.objects.bulk_create(
        GroupRole(position=place, group=line.group, role=line.role, team=line.team)
        for place, line in enumerate(lines, start=1)
    )
