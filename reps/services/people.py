"""Users, teams and the organisation: who signs in, with which role, and who looks after whom."""

from collections.abc import Collection
from datetime import datetime

from allauth.account.models import EmailAddress
from django.core.exceptions import ValidationError
from django.db import transaction

from reps.models import Organisation, Rep, RoleTemplate, Team, User
from reps.services.edits import lock_unchanged
from reps.services.profiles import save_rep
from reps.services.sessions import end_sessions


@transaction.atomic
def save_user(*, user: User, seen: datetime | None = None, by: User) -> User:
    """Change a user. Nobody takes the admin role from the last active admin. An address that was the user's is nobody's
    any more: no link for a new password goes there."""
    lock_unchanged(user, seen=seen)
    refuse_without_admin(user)
    user.save()
    EmailAddress.objects.filter(user=user).exclude(email__iexact=user.email).delete()
    return user


@transaction.atomic
def set_user_active(*, user: User, is_active: bool, by: User) -> User:
    """Let a user in, or keep a user out: then every session ends and tokens are refused. The records, and a rep's
    pipeline, stay as they are."""
    if user.pk == by.pk and not is_active:
        raise ValidationError("You cannot deactivate yourself.")
    user.is_active = is_active
    refuse_without_admin(user)
    user.save(update_fields=["is_active", "is_staff", "updated_at"])
    if not is_active:
        end_sessions(user=user)
    return user


def give_profile(*, user: User, team: Team | None) -> Rep | None:
    """The profile that a rep's user works with: the one of the same address that nobody uses yet, else a new one in the
    team. None without either."""
    free = Rep.objects.filter(user__isnull=True, left_at__isnull=True).exclude(email="")
    rep = free.select_for_update(no_key=True, of=("self",)).filter(email__iexact=user.email).first()
    if rep is None and team is None:
        return None
    if rep is None:
        template = RoleTemplate.objects.get(is_default=True)
        taken = Rep.objects.filter(email__iexact=user.email).exists()
        rep = Rep(
            name=user.name,
            email="" if taken else user.email,
            team=team,
            role_template=template,
            time_zone=user.time_zone,
        )
    rep.user = user
    return save_rep(rep=rep, by=user)


def refuse_without_admin(user: User) -> None:
    if user.role == User.Role.ADMIN and user.is_active:
        return
    admins = User.objects.select_for_update().filter(role=User.Role.ADMIN, is_active=True)
    ids = set(admins.values_list("pk", flat=True))
    if ids == {user.pk}:
        raise ValidationError("This is the last active admin. Make somebody else an admin first.")


@transaction.atomic
def save_team(*, team: Team, managers: Collection[User], seen: datetime | None = None, by: User) -> Team:
    """Create or change a team. Making it the default takes that from the team that was."""
    if team.pk:
        lock_unchanged(team, seen=seen)
    if team.is_default:
        Team.objects.filter(is_default=True).exclude(pk=team.pk).update(is_default=False)
    team.save()
    team.managers.set(managers)
    return team


@transaction.atomic
def save_organisation(*, organisation: Organisation, seen: datetime | None = None, by: User) -> Organisation:
    lock_unchanged(organisation, seen=seen)
    organisation.save()
    return organisation
