"""What a calendar's address and password are stored as: sealed with a key made from SECRET_KEY."""

import base64
import json

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings


class SealBroken(Exception):
    """SECRET_KEY has changed since."""


def seal(values: dict[str, str]) -> bytes:
    return seal_bytes(json.dumps(values).encode())


def unseal(sealed: bytes | memoryview) -> dict[str, str]:
    """Raises SealBroken."""
    found: dict[str, str] = json.loads(unseal_bytes(sealed))
    return found


def seal_bytes(content: bytes) -> bytes:
    return _fernet().encrypt(content)


def unseal_bytes(sealed: bytes | memoryview) -> bytes:
    """Raises SealBroken."""
    try:
        return _fernet().decrypt(bytes(sealed))
    except InvalidToken as error:
        raise SealBroken(
            "What was stored cannot be opened any more, since this installation has another SECRET_KEY. Give the "
            "address and the password again."
        ) from error


def _fernet() -> Fernet:
    made = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"calendar feeds")
    return Fernet(base64.urlsafe_b64encode(made.derive(settings.SECRET_KEY.encode())))
