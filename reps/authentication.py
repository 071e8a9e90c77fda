"""Bearer tokens of the API."""

import binascii
from typing import Any

from drf_spectacular.extensions import OpenApiAuthenticationExtension
from knox.auth import TokenAuthentication
from knox.crypto import hash_token
from rest_framework.exceptions import AuthenticationFailed

from reps.addresses import client_address
from reps.models import ApiToken
from reps.services.token_use import note_use


class BearerToken(TokenAuthentication):
    """knox's tokens, looked up by their digest in one query. An expired one stays in the list, and is told so."""

    def authenticate(self, request: Any) -> Any:
        found = super().authenticate(request)
        if found is not None:
            note_use(token=found[1], address=client_address(request))
        return found

    def authenticate_credentials(self, token: bytes) -> Any:
        try:
            digest = hash_token(token.decode("ascii"))
        except (
            UnicodeDecodeError,
            TypeError,
            binascii.Error,
        ):  # no text, or no token's: as invalid as any other
            raise AuthenticationFailed("Invalid token.") from None
        found = ApiToken.objects.select_related("user").filter(pk=digest).first()
        if found is None:
            raise AuthenticationFailed("Invalid token.")
        if found.is_expired:
            raise AuthenticationFailed(
                f"This token expired on {found.expiry:%Y-%m-%d}. Make a new one under Settings › API Tokens."
            )
        return self.validate_user(found)


class BearerTokenScheme(OpenApiAuthenticationExtension):
    """How the schema names it."""

    target_class = BearerToken
    name = "token"

    def get_security_definition(self, auto_schema: Any) -> dict[str, str]:
        return {"type": "http", "scheme": "bearer"}
