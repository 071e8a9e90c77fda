"""API tokens made and revoked."""

import datetime

from reps.models import ApiToken, User


def make_token(*, user: User, name: str, days: int | None = None) -> tuple[ApiToken, str]:
    """A token that acts as the user, and its secret, which is stored nowhere."""
    expiry = None if days is None else datetime.timedelta(days=days)
    token, secret = ApiToken.objects.create(user=user, name=name, expiry=expiry)
    return token, secret


def revoke_token(*, token: ApiToken) -> None:
    """From now on requests with it are refused."""
    token.delete()
