"""What the sign-in's library and Django tell us: a session begins, a second factor is there."""

import time
from typing import Any

from allauth.account.signals import password_changed, password_reset, password_set
from allauth.mfa.models import Authenticator
from allauth.mfa.signals import authenticator_added, authenticator_removed
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.dispatch import receiver
from django.http import HttpRequest

from reps.lockout import account_of
from reps.middleware import BEGAN, MUST_ENROL, SEEN
from reps.models import AuditEntry, User
from reps.queries.sign_in import needs_second_factor
from reps.services.audit import note
from reps.services.sessions import end_sessions


@receiver(user_logged_in)
def note_beginning(request: HttpRequest | None, **_: Any) -> None:
    if request is not None and hasattr(request, "session"):
        request.session[BEGAN] = request.session[SEEN] = time.time()


@receiver([authenticator_added, authenticator_removed], sender=Authenticator)
def ask_again_for_factor(request: HttpRequest, user: Any, **_: Any) -> None:
    if getattr(request, "user", None) == user:
        request.session[MUST_ENROL] = needs_second_factor(user)


@receiver([password_changed, password_set, password_reset])
def end_the_others(request: HttpRequest, user: Any, **_: Any) -> None:
    """They hold no longer with another password; with this they are gone from the list as well."""
    end_sessions(user=user, but=request.session.session_key)


@receiver(user_logged_in)
def note_sign_in(user: Any, **_: Any) -> None:
    note(action=AuditEntry.Action.SIGNED_IN, kind="user", record_id=user.pk, record_name=user.name, by=user)


@receiver(user_logged_out)
def note_sign_out(user: Any, **_: Any) -> None:
    if isinstance(user, User):
        note(
            action=AuditEntry.Action.SIGNED_OUT,
            kind="user",
            record_id=user.pk,
            record_name=user.name,
            by=user,
        )


@receiver(user_login_failed)
def note_failed_sign_in(credentials: dict[str, Any], request: HttpRequest | None = None, **_: Any) -> None:
    """The account that was tried, where it is an address: some type their password into the wrong field."""
    tried = account_of(request, credentials) if request is not None else ""
    note(
        action=AuditEntry.Action.SIGN_IN_FAILED,
        kind="user",
        record_name=tried if "@" in tried else "no account",
    )
