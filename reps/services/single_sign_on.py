"""Whom the provider of single sign-on lets in, and as what. Matched by the provider's own number of the person, then by
a verified email address; the role follows the groups at every sign-in."""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils import timezone

from reps.models import GroupRole, Invitation, Rep, SignInRefusal, SignInSettings, Team, User
from reps.queries.people import organisation
from reps.queries.sign_in import group_roles, sign_in_settings
from reps.services.people import give_profile, refuse_without_admin

log = logging.getLogger(__name__)
REFUSALS_KEPT = 100
ASK = "Ask an admin of your organisation."


@dataclass(frozen=True)
class Claims:
    """What the provider says of a person. `is_verified` is None where it says nothing of the address."""

    email: str
    is_verified: bool | None
    name: str
    groups: tuple[str, ...]


class NotAdmitted(Exception):
    """Why somebody stays out, in words for that person."""


def admit(*, claims: Claims, known: User | None) -> User:
    """The user that these claims sign in, made or brought up to date. `known`: whom the provider's number of the person
    belongs to here. Raises NotAdmitted, which is written down."""
    try:
        with transaction.atomic():
            return _admit(claims, known)
    except NotAdmitted as refusal:
        note_refusal(claims=claims, reason=str(refusal))
        raise


def _admit(claims: Claims, known: User | None) -> User:
    settings = sign_in_settings()
    _refuse_unverified(claims, settings)
    user = known or User.objects.filter(email__iexact=claims.email).first()
    if user is not None:
        user = User.objects.select_for_update(no_key=True).get(pk=user.pk)
        if not user.is_active:
            raise NotAdmitted(f"Your account here is switched off. {ASK}")
        if settings.break_glass.filter(pk=user.pk).exists():
            return user  # the provider must not take the way back in
    lines = group_roles()
    met = [line for line in lines if line.group in claims.groups]
    role = met[0].role if met else settings.default_role
    if not role:
        if user is not None and not lines:
            return user  # nothing is mapped: roles are given by hand
        raise NotAdmitted(f"None of your groups has a role here. {ASK}")
    user = _with_role(user, claims, role)
    _place(user, claims, lines, met)
    return user


def _refuse_unverified(claims: Claims, settings: SignInSettings) -> None:
    if not is_address(claims.email):
        raise NotAdmitted(f"The provider did not tell your email address. {ASK}")
    verified = settings.trusts_unmarked_email if claims.is_verified is None else claims.is_verified
    if not verified:
        raise NotAdmitted(f"The provider has not verified your email address. {ASK}")


def is_address(email: str) -> bool:
    try:
        User._meta.get_field("email").clean(email, None)
    except ValidationError:
        return False
    return True


def _with_role(user: User | None, claims: Claims, role: str) -> User:
    if user is None:
        user = User(
            email=claims.email.lower(),
            name=claims.name[:120] or claims.email.partition("@")[0],
            role=role,
            time_zone=organisation().time_zone,
        )
        user.set_unusable_password()
        user.save()
        Invitation.objects.filter(
            email__iexact=user.email, accepted_at__isnull=True, revoked_at__isnull=True
        ).update(accepted_at=timezone.now(), accepted_by=user)
        return user
    if user.role != role:
        before, user.role = user.role, role
        try:
            refuse_without_admin(user)
        except ValidationError:
            log.warning("single sign-on would take the role from the last active admin; it stays")
            user.role = before
            return user
        user.save()
    return user


def _place(user: User, claims: Claims, lines: Sequence[GroupRole], met: Sequence[GroupRole]) -> None:
    """The teams of the lines that hold: a manager manages them and no other team of the mapping, a rep works there."""
    theirs = [line.team for line in met if line.role == user.role and line.team is not None]
    if user.role == User.Role.MANAGER:
        mapped = {line.team_id for line in lines if line.role == User.Role.MANAGER and line.team_id}
        for team in Team.objects.filter(pk__in=mapped - {team.pk for team in theirs}, managers=user):
            team.managers.remove(user)
        for team in theirs:
            team.managers.add(user)
    elif user.role == User.Role.REP and not Rep.objects.filter(user=user).exists():
        give_profile(user=user, team=theirs[0] if theirs else None)


def note_refusal(*, claims: Claims, reason: str) -> None:
    SignInRefusal.objects.create(
        at=timezone.now(), email=claims.email[:254], reason=reason[:300], groups=list(claims.groups)[:50]
    )
    kept = SignInRefusal.objects.values("pk")[:REFUSALS_KEPT]
    SignInRefusal.objects.exclude(pk__in=kept).delete()
