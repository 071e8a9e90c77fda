"""Requests to the provider of single sign-on, through the guard of addresses that people give (docs/decisions/0009).

allauth speaks through a session of `requests`; ours hands every request to `Fetcher`, so that no name of the provider's
discovery leads into the installation's own network, and size and time are bounded.
"""

import json
from typing import Any

import requests
from django.conf import settings
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from reps.services.calendars.fetching import Fetcher, FetchError, split

SECONDS = 10.0
MOST_BYTES = 2**20
IDENTIFIES_AS = "PredictiveRouting-SignIn/1"
WELL_KNOWN = "/.well-known/openid-configuration"
NEEDED = ("issuer", "authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri")


def fetcher() -> Fetcher:
    return Fetcher.within(
        SECONDS,
        allows_private=settings.SSO_ALLOW_PRIVATE,
        most_bytes=MOST_BYTES,
        most_redirects=0,
        identifies_as=IDENTIFIES_AS,
        opened_by="SSO_ALLOW_PRIVATE",
    )


def check_address(address: str) -> None:
    """Raises FetchError. Secrets and people's tokens go there, so it is https, but in the own network where allowed."""
    if split(address).scheme != "https" and not settings.SSO_ALLOW_PRIVATE:
        raise FetchError("The provider's address begins with https.")


class GuardedAdapter(BaseAdapter):
    def send(self, request: requests.PreparedRequest, *args: Any, **options: Any) -> requests.Response:
        address = request.url or ""
        body = request.body if isinstance(request.body, bytes) else str(request.body or "").encode()
        try:
            check_address(address)
            answer = fetcher().fetch(
                address,
                method=request.method or "GET",
                body=body,
                headers={name: str(value) for name, value in request.headers.items()},
            )
        except FetchError as error:
            raise requests.ConnectionError(str(error), request=request) from error
        response = requests.Response()
        response.status_code, response.url, response.request = answer.status, answer.address, request
        response.headers = CaseInsensitiveDict(answer.headers)
        response._content = answer.body
        return response

    def close(self) -> None:
        """Nothing is kept open."""


def guarded_session() -> requests.Session:
    session = requests.Session()
    session.trust_env = False  # neither proxies nor .netrc of the environment
    for scheme in ("http://", "https://"):
        session.mount(scheme, GuardedAdapter())
    return session


def discover(server_url: str) -> dict[str, str]:
    """What the provider says of itself: issuer and endpoints. Raises FetchError with the reason in words."""
    address = server_url if "/.well-known/" in server_url else server_url.rstrip("/") + WELL_KNOWN
    check_address(address)
    answer = fetcher().fetch(address)
    if answer.status != 200:
        raise FetchError(f"The provider answers {answer.status} at {address}.", status=answer.status)
    try:
        found = json.loads(answer.body)
    except ValueError as error:
        raise FetchError(f"What stands at {address} is no description of a provider.") from error
    missing = [name for name in NEEDED if not isinstance(found, dict) or not found.get(name)]
    if missing:
        raise FetchError(f"The provider's description lacks {', '.join(missing)}.")
    return {name: str(found[name]) for name in NEEDED}
