"""How one signs in oneself: password, second factor, passkeys, where one is signed in, the account at the provider."""

from allauth.socialaccount.models import SocialAccount
from allauth.usersessions.models import UserSession
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from reps.engine.browsers import browser_words
from reps.middleware import MUST_ENROL
from reps.models import User
from reps.pages import say, show
from reps.permissions import SignedIn
from reps.queries.sign_in import authenticators_of, sessions_of
from reps.services.sessions import end_session, end_sessions

Row = tuple[UserSession, str, bool]


def security(request: SignedIn) -> HttpResponse:
    found = authenticators_of(request.user)
    context = {
        "must_enrol": request.session.get(MUST_ENROL, False),
        "totp": next((one for one in found if one.type == one.Type.TOTP), None),
        "codes": next((one for one in found if one.type == one.Type.RECOVERY_CODES), None),
        "keys": [one for one in found if one.type == one.Type.WEBAUTHN],
        "sessions": session_rows(request.user, request.session.session_key),
        "linked": list(SocialAccount.objects.filter(user=request.user)),
    }
    return show(request, "reps/security.html", context)


def session_rows(user: User, current: str | None) -> list[Row]:
    """Sessions with their browser in words, and which is the reader's."""
    return [
        (session, browser_words(session.user_agent), session.session_key == current)
        for session in sessions_of(user)
    ]


@require_POST
def session_end(request: SignedIn, pk: int) -> HttpResponse:
    session = get_object_or_404(sessions_of(request.user), pk=pk)
    is_own = session.session_key == request.session.session_key
    end_session(session=session)
    if is_own:
        request.session.flush()
        return redirect("login")
    say(request, "That browser is signed out.")
    return redirect("security")


@require_POST
def sessions_end(request: SignedIn) -> HttpResponse:
    number = end_sessions(user=request.user, but=request.session.session_key)
    say(request, f"{number} other session{'' if number == 1 else 's'} ended. You stay signed in here.")
    return redirect("security")
