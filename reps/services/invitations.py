"""Invitations: made, sent again, taken back, and taken up once."""

import uuid
from collections.abc import Collection
from datetime import datetime, timedelta

from django.conf import settings
from django.core.exceptions import ValidationError
from django.core.mail import send_mail
from django.db import transaction
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone

from reps.models import Invitation, Team, User
from reps.queries.people import organisation
from reps.queries.sign_in import invitation_of, open_invitations, token_of
from reps.services.people import give_profile

GONE = "This invitation is no longer open. Ask who invited you for a new one."


@transaction.atomic
def invite(
    *, email: str, name: str, role: str, teams: Collection[Team], by: User, at: datetime
) -> Invitation:
    """An open invitation and, where there is a mail server, the letter with its link."""
    if User.objects.filter(email__iexact=email).exists():
        raise ValidationError({"email": "Somebody with this address is a user already."})
    if open_invitations().filter(email__iexact=email).exists():
        raise ValidationError({"email": "This address is invited already. Send the invitation again."})
    invitation = Invitation.objects.create(
        email=email.lower(),
        name=name,
        role=role,
        stamp=uuid.uuid4(),
        invited_by=by,
        invited_at=at,
        expires_at=at + timedelta(days=settings.INVITATION_DAYS),
    )
    invitation.teams.set(teams)
    _send(invitation, by)
    return invitation


@transaction.atomic
def invite_again(*, invitation: Invitation, by: User, at: datetime) -> Invitation:
    """A new link; the one before holds no longer."""
    found = _locked(invitation)
    found.stamp = uuid.uuid4()
    found.invited_at, found.expires_at = at, at + timedelta(days=settings.INVITATION_DAYS)
    found.save(update_fields=["stamp", "invited_at", "expires_at"])
    _send(found, by)
    return found


@transaction.atomic
def revoke_invitation(*, invitation: Invitation, at: datetime) -> Invitation:
    found = _locked(invitation)
    found.revoked_at = at
    found.save(update_fields=["revoked_at"])
    return found


def _locked(invitation: Invitation) -> Invitation:
    found = Invitation.objects.select_for_update().get(pk=invitation.pk)
    if found.accepted_at or found.revoked_at:
        raise ValidationError("This invitation is no longer open.")
    return found


@transaction.atomic
def accept_invitation(*, token: str, name: str, password: str, time_zone: str, at: datetime) -> User:
    """The new user, with the invitation's role and teams. Of two at once the second finds it taken up."""
    found = invitation_of(token)
    if found is None:
        raise ValidationError(GONE)
    invitation = Invitation.objects.select_for_update().get(pk=found.pk)
    is_open = invitation.accepted_at is None and invitation.revoked_at is None
    if (
        not is_open
        or invitation.stamp != found.stamp
        or User.objects.filter(email__iexact=found.email).exists()
    ):
        raise ValidationError(GONE)
    user = User(
        email=invitation.email,
        name=name,
        role=invitation.role,
        time_zone=time_zone or organisation().time_zone,
    )
    user.set_password(password)
    user.save()
    _give_teams(user, list(invitation.teams.all()))
    invitation.accepted_at, invitation.accepted_by = at, user
    invitation.save(update_fields=["accepted_at", "accepted_by"])
    return user


def _give_teams(user: User, teams: list[Team]) -> None:
    if user.role == User.Role.MANAGER:
        for team in teams:
            team.managers.add(user)
    elif user.role == User.Role.REP:
        give_profile(user=user, team=teams[0] if teams else None)


def link_of(invitation: Invitation) -> str:
    return f"{settings.BASE_URL}{reverse('invitation', args=[token_of(invitation)])}"


def _send(invitation: Invitation, by: User) -> None:
    context = {
        "invitation": invitation,
        "by": by,
        "organisation": organisation().name,
        "link": link_of(invitation),
        "days": max(1, (invitation.expires_at - timezone.now()).days),
    }
    subject = f"{by.name} invites you to Predictive Routing"
    send_mail(subject, render_to_string("reps/invitation.txt", context), None, [invitation.email])
