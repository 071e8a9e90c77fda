"""API tokens made, made anew and revoked."""

import datetime
from collections.abc import Collection

from django.core.exceptions import ValidationError
from django.db import transaction

from reps.models import ApiToken, User
from reps.permissions import SCOPES


def make_token(
    *, user: User, name: str, days: int | None = None, scopes: Collection[str] = ()
) -> tuple[ApiToken, str]:
    """A token that acts as the user, and its secret, which is stored nowhere. No scopes: all that the user may."""
    if unknown := set(scopes) - set(SCOPES):
        raise ValidationError(f"There is no scope {', '.join(sorted(unknown))}.")
    expiry = None if days is None else datetime.timedelta(days=days)
    token, secret = ApiToken.objects.create(user=user, name=name, expiry=expiry, scopes=sorted(scopes))
    return token, secret


@transaction.atomic
def renew_token(
    *, token: ApiToken, keeps_hours: int, days: int | None, at: datetime.datetime
) -> tuple[ApiToken, str]:
    """Another token of the same user, name and scopes. The one before holds for so many hours more, so that what
    uses it can change over; never longer than it would have."""
    old = ApiToken.objects.select_for_update(of=("self",)).get(pk=token.pk)
    made = make_token(user=old.user, name=old.name, days=days, scopes=old.scopes)
    ends_at = at + datetime.timedelta(hours=keeps_hours)
    if old.expiry is None or old.expiry > ends_at:
        old.expiry = ends_at
        old.save(update_fields=["expiry"])
    return made


def revoke_token(*, token: ApiToken) -> None:
    """From now on requests with it are refused."""
    token.delete()
