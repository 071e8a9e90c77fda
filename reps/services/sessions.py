"""Sessions ended, second factors taken away, and links for a new password: what an admin does for somebody."""

from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db import transaction
from django.urls import reverse

from reps.models import AuditEntry, User
from reps.queries.sign_in import may_use_password, sessions_of
from reps.services.audit import note


@transaction.atomic
def end_sessions(*, user: User, but: str | None = None) -> int:
    """Ends the user's sessions, but the one of this key; returns how many there were."""
    number = sessions_of(user).exclude(session_key=but or "").count()
    for session in UserSession.objects.filter(user=user).exclude(session_key=but or ""):
        session.end()
    if number:
        _note_end(user, number)
    return number


@transaction.atomic
def end_session(*, session: UserSession) -> None:
    session.end()
    _note_end(session.user, 1)


def _note_end(user: User, number: int) -> None:
    note(
        action=AuditEntry.Action.SESSION_ENDED,
        kind="user",
        record_id=user.pk,
        record_name=user.name,
        changes={"sessions": [number, None]},
    )


@transaction.atomic
def reset_second_factor(*, user: User, by: User) -> int:
    """Takes away everything that a sign-in asks for beside the password, for who lost it; returns how many there were.
    Sessions end with it, since whoever has the device may be somebody else now. An admin's own is taken away on the
    own page, which asks for it once more."""
    if user.pk == by.pk:
        raise ValidationError("Your own second factor you change under Security.")
    found = Authenticator.objects.filter(user=user)
    number = found.exclude(type=Authenticator.Type.RECOVERY_CODES).count()
    found.delete()
    end_sessions(user=user)
    return number


def password_link(*, user: User) -> str:
    """A link that sets a new password, once, for some hours; for installations that send no email."""
    if not user.is_active:
        raise ValidationError(f"{user} cannot sign in. Let {user} in again first.")
    if not may_use_password(user):
        raise ValidationError("People sign in through the provider here; there are no passwords.")
    key = default_token_generator.make_token(user)
    path = reverse("account_reset_password_from_key", kwargs={"uidb36": user_pk_to_url_str(user), "key": key})
    return f"{settings.BASE_URL}{path}"
