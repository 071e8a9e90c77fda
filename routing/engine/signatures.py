"""What a webhook's receiver can trust: HMAC-SHA256 (RFC 2104) over the time and the exact bytes of the body.

    v1 = hex(HMAC-SHA256(secret, "<unix seconds>.<body>"))

The time is signed, so that a recorded request cannot be sent again later under a new time; within the receiver's
tolerance a repeat is told by its delivery key. While two secrets are valid both sign, separated by a comma.
"""

import hashlib
import hmac
from collections.abc import Sequence

TOLERANCE_SECONDS = 300  # what receivers are told to allow


def signature(secret: str, timestamp: int, body: bytes) -> str:
    signed = str(timestamp).encode() + b"." + body
    return "v1=" + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()


def signatures(secrets: Sequence[str], timestamp: int, body: bytes) -> str:
    return ",".join(signature(secret, timestamp, body) for secret in secrets)
