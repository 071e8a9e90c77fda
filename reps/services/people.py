"""Users, teams and the organisation: who signs in, with which role, and who looks after whom."""

from collections.abc import Collection
from datetime import datetime

from django.core.exceptions import ValidationError
from django.db import transaction

from reps.models import Organisation, Team, User
from reps.services.edits import lock_unchanged


@transaction.atomic
def save_user(*, user: User, password: str = "", seen: datetime | None = None, by: User) -> User:
    """Create or change a user. Nobody takes the admin role from the last active admin."""
    if user.pk:
        lock_unchanged(user, seen=seen)
    if password:
        user.set_password(password)
    elif not user.pk:
        user.set_unusable_password()
    refuse_without_admin(user)
    user.save()
    return user


@transaction.atomic
def set_user_active(*, user: User, is_active: bool, by: User) -> User:
    """Let a user in, or keep a user out. The records, and a rep's pipeline, stay as they are."""
    if user.pk == by.pk and not is_active:
        raise ValidationError("You cannot deactivate yourself.")
    user.is_active = is_active
    refuse_without_admin(user)
    user.save(update_fields=["is_active", "is_staff", "updated_at"])
    return user


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
