"""Where the library of the sign-in asks us: who gets in, how secrets are stored, what is said."""

import base64
import hmac
import logging
import time
from collections.abc import Mapping
from typing import Any

import requests
from allauth.account.adapter import DefaultAccountAdapter
from allauth.account.internal.flows.login import get_authentication_records
from allauth.account.internal.flows.reauthentication import get_reauthentication_flows
from allauth.account.internal.stagekit import clear_login
from allauth.core import context
from allauth.core.exceptions import ImmediateHttpResponse
from allauth.core.internal import ratelimit
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.socialaccount.adapter import DefaultSocialAccountAdapter
from allauth.socialaccount.models import SocialApp, SocialLogin
from django.conf import settings
from django.core.validators import validate_ipv46_address
from django.forms import ValidationError
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse

from reps.addresses import client_address
from reps.middleware import MUST_ENROL
from reps.queries.sign_in import may_use_password, needs_second_factor, sign_in_settings
from reps.services.calendars.sealing import SealBroken, seal, unseal
from reps.services.sign_in_fetching import guarded_session
from reps.services.single_sign_on import Claims, NotAdmitted, admit, note_refusal

PASSWORDS = "password_failed"  # the limit of ACCOUNT_RATE_LIMITS that counts wrong passwords
log = logging.getLogger(__name__)
PROVIDER = "sso"  # the one provider's name in addresses and in stored accounts
UNSAID = {"account/messages/logged_in.txt", "account/messages/logged_out.txt"}


class AccountAdapter(DefaultAccountAdapter):
    error_messages = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": "Email address and password do not go together, or the account is switched off.",
        "too_many_login_attempts": "There were too many wrong attempts. Wait 15 minutes, then try again.",
    }

    def pre_authenticate(self, request: HttpRequest, **credentials: Any) -> None:
        """By address alone and by account alone. Apart from the limit of second-factor codes, which is tighter: whoever
        guesses those has the password already."""
        key = self._get_login_attempts_cache_key(request, **credentials)
        usage = ratelimit.consume(request, app="allauth.account", action=PASSWORDS, key=key)
        self._login_failed_rl_usage = usage
        if not usage:
            raise self.validation_error("too_many_login_attempts")

    def _delete_login_attempts_cached_email(self, request: HttpRequest, **credentials: Any) -> None:
        key = self._get_login_attempts_cache_key(request, **credentials)
        ratelimit.clear(request, app="allauth.account", action=PASSWORDS, key=key)

    def get_client_ip(self, request: HttpRequest) -> str:
        address = client_address(request)
        try:
            validate_ipv46_address(address)
        except ValidationError:
            return "0.0.0.0"
        return address

    def add_message(
        self, request: HttpRequest, level: int, message_template: str | None = None, *args: Any, **kwargs: Any
    ) -> None:
        if message_template not in UNSAID:  # the page itself says it
            super().add_message(request, level, message_template, *args, **kwargs)

    def get_reset_password_from_key_url(self, key: str) -> str:
        """Under the installation's own address, whatever host the request named."""
        uid, _, rest = key.partition("-")
        path = reverse("account_reset_password_from_key", kwargs={"uidb36": uid, "key": rest})
        return f"{settings.BASE_URL}{path}"

    def get_password_change_redirect_url(self, request: HttpRequest) -> str:
        return reverse("security")

    def send_password_reset_mail(self, user: Any, email: str, context: dict[str, Any]) -> None:
        """Only to the address of now; and none for those who have no password here, as the provider signs them in."""
        if user.has_usable_password() and may_use_password(user):
            super().send_password_reset_mail(user, user.email, context)

    def is_reauthentication_required(self, app: str = "") -> bool:
        """Who has neither password nor second factor here has nothing to repeat: a fresh sign-in counts instead."""
        request = context.request
        if get_reauthentication_flows(request.user):
            return True
        records = get_authentication_records(request, request.user)
        newest = max((record["at"] for record in records), default=0.0)
        return bool(time.time() - newest > settings.ACCOUNT_REAUTHENTICATION_TIMEOUT)

    def pre_login(self, request: HttpRequest, user: Any, **kwargs: Any) -> HttpResponse | None:
        """A passkey is no way around the provider either."""
        by_provider = "sociallogin" in (kwargs.get("signal_kwargs") or {})
        if not by_provider and not may_use_password(user):
            clear_login(request)
            return refused(request, "People sign in through the provider here.")
        return super().pre_login(request, user, **kwargs)

    def post_login(self, request: HttpRequest, user: Any, **kwargs: Any) -> HttpResponse:
        request.session[MUST_ENROL] = needs_second_factor(user)
        return super().post_login(request, user, **kwargs)


class SecondFactorAdapter(DefaultMFAAdapter):
    """Keys of authenticator apps and recovery codes are stored sealed, as calendars' passwords are."""

    def encrypt(self, text: str) -> str:
        return base64.b64encode(seal({"text": text})).decode()

    def decrypt(self, encrypted_text: str) -> str:
        try:
            return unseal(base64.b64decode(encrypted_text))["text"]
        except SealBroken:
            return ""  # another SECRET_KEY: no code fits, and an admin takes the factor away


class SingleSignOnAdapter(DefaultSocialAccountAdapter):
    """One provider, from the settings page. It never makes a user by a form, and never connects by an unverified
    address (`reps.services.single_sign_on`)."""

    def list_apps(
        self, request: HttpRequest, provider: str | None = None, client_id: str | None = None
    ) -> list[SocialApp]:
        found = sign_in_settings()
        if not found.is_ready or provider not in (None, PROVIDER, "openid_connect"):
            return []
        try:
            secret = unseal(found.sealed)["secret"] if found.sealed else ""
        except SealBroken:
            secret = ""
        return [
            SocialApp(
                provider="openid_connect",
                provider_id=PROVIDER,
                name=found.button_label,
                client_id=found.client_id,
                secret=secret,
                settings={
                    "server_url": found.server_url,
                    "scope": found.scopes.split(),
                    "token_auth_method": found.token_auth_method,
                },
            )
        ]

    def get_requests_session(self) -> requests.Session:
        return guarded_session()

    def on_authentication_error(
        self, request: HttpRequest, provider: Any, error: Any = None, exception: Any = None, **_: Any
    ) -> None:
        """For whoever runs the installation: the page tells people no more than that it failed."""
        log.warning("single sign-on failed (%s): %r", error, exception)

    def is_open_for_signup(self, request: HttpRequest, sociallogin: SocialLogin) -> bool:
        return False

    def pre_social_login(self, request: HttpRequest, sociallogin: SocialLogin) -> None:
        claims = claims_of(sociallogin.account.extra_data)
        known = sociallogin.account.user if sociallogin.account.pk else None
        try:
            _check_nonce(sociallogin, claims)
            user = admit(claims=claims, known=known)
        except NotAdmitted as refusal:
            raise ImmediateHttpResponse(refused(request, str(refusal))) from None
        if known is None:
            sociallogin.connect(request, user)
        else:
            sociallogin.user = user


def _check_nonce(sociallogin: SocialLogin, claims: Claims) -> None:
    """The identity token belongs to this very sign-in, and what else was told to the same person."""
    wanted = str(sociallogin.state.get("nonce") or "")
    token = sociallogin.account.extra_data.get("id_token") or {}
    told = sociallogin.account.extra_data.get("userinfo") or {}
    fits = hmac.compare_digest(str(token.get("nonce", "")), wanted)
    if not wanted or not fits or told.get("sub", token.get("sub")) != token.get("sub"):
        reason = "The provider's answer belongs to another sign-in. Try again."
        note_refusal(claims=claims, reason=reason)
        raise NotAdmitted(reason)


def claims_of(data: Mapping[str, Any]) -> Claims:
    """From the identity token and what the provider's page of the user adds. Groups may be a list or one name."""
    token, told = data.get("id_token") or {}, data.get("userinfo") or {}
    merged = {**token, **told}
    groups = merged.get(sign_in_settings().groups_claim) or []
    names = [groups] if isinstance(groups, str) else groups if isinstance(groups, list) else []
    verified = merged.get("email_verified")
    return Claims(
        email=text_of(merged.get("email")),
        is_verified=None if verified is None else str(verified).lower() == "true",
        name=text_of(merged.get("name")),
        groups=tuple(text_of(name) for name in names),
    )


def text_of(value: object) -> str:
    """What can be stored of it."""
    return str(value or "").replace("\x00", "").strip()


def refused(request: HttpRequest, reason: str) -> HttpResponse:
    return render(request, "socialaccount/refused.html", {"reason": reason}, status=403)
