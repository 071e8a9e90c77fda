"""How people get in: what is set, who is invited, and where somebody is signed in."""

from collections.abc import Iterable
from datetime import timedelta
from uuid import UUID

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.sessions.models import Session
from django.core import signing
from django.db.models import Q, QuerySet
from django.utils import timezone

from reps.models import GroupRole, Invitation, SignInSettings, User

SALT = "invitation"


def sign_in_settings() -> SignInSettings:
    """The one row, made with its defaults when it is first asked for."""
    return SignInSettings.objects.get_or_create(pk=1)[0]


def may_use_password(user: User) -> bool:
    """Everybody, unless single sign-on is the only way in: then the named admins."""
    found = SignInSettings.objects.filter(pk=1).first()
    if found is None or not found.is_only_way:
        return True
    return user.role == User.Role.ADMIN and found.break_glass.filter(pk=user.pk).exists()


def is_only_sso() -> bool:
    return sign_in_settings().is_only_way


def needs_second_factor(user: User) -> bool:
    """Whether the user's role needs one and the user has none yet."""
    found = SignInSettings.objects.filter(pk=1, second_factor_roles__contains=[user.role])
    return found.exists() and not has_second_factor(user)


def has_second_factor(user: User) -> bool:
    kinds = (Authenticator.Type.TOTP, Authenticator.Type.WEBAUTHN)
    return Authenticator.objects.filter(user=user, type__in=kinds).exists()


def role_of_groups(groups: Iterable[str]) -> GroupRole | None:
    """The first line of the mapping that one of these groups meets."""
    return GroupRole.objects.select_related("team").filter(group__in=list(groups)).first()


def group_roles() -> list[GroupRole]:
    return list(GroupRole.objects.select_related("team"))


def open_invitations() -> QuerySet[Invitation]:
    """Those that nobody has taken up or taken back, expired ones among them."""
    return (
        Invitation.objects.filter(accepted_at__isnull=True, revoked_at__isnull=True)
        .select_related("invited_by")
        .prefetch_related("teams")
    )


def invitations_matching(*, words: str, role: str) -> QuerySet[Invitation]:
    found = open_invitations()
    if words:
        found = found.filter(Q(name__icontains=words) | Q(email__icontains=words))
    return found.filter(role=role) if role else found


def token_of(invitation: Invitation) -> str:
    """What the link carries: which invitation, and which sending of it."""
    return signing.dumps([invitation.pk, str(invitation.stamp)], salt=SALT)


def invitation_of(token: str) -> Invitation | None:
    """The invitation that the link lets accept now; None where it was taken up, taken back, sent anew or expired."""
    try:
        pk, stamp = signing.loads(token, salt=SALT)
        found = open_invitations().filter(pk=int(pk), stamp=UUID(stamp)).first()
    except (signing.BadSignature, ValueError, TypeError):
        return None
    return None if found is None or found.is_expired else found


def sessions_of(user: User) -> QuerySet[UserSession]:
    """Where the user is signed in, used last first: sessions that there still are and that are not over."""
    now = timezone.now()
    alive = Session.objects.filter(expire_date__gt=now).values("session_key")
    awake = now - timedelta(hours=settings.SESSION_IDLE_HOURS, minutes=5)
    found = UserSession.objects.filter(user=user, session_key__in=alive, last_seen_at__gt=awake)
    return found.order_by("-last_seen_at", "-pk")


def authenticators_of(user: User) -> list[Authenticator]:
    return list(Authenticator.objects.filter(user=user).order_by("type", "created_at"))
