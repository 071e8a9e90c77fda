"""Whose address a request comes from: web forms, the sign-in and the list of sessions count by it."""

import ipaddress

from django.conf import settings
from django.http import HttpRequest


def client_address(request: HttpRequest) -> str:
    """Who connects; behind proxies that are known, the first address from the right that is none of theirs."""
    address = str(request.META.get("REMOTE_ADDR", ""))
    forwarded = request.headers.get("X-Forwarded-For", "").split(",")
    while forwarded and _is_proxy(address):
        address = forwarded.pop().strip() or address
    return address


def is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def _is_proxy(address: str) -> bool:
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return False
    return any(found in ipaddress.ip_network(known, strict=False) for known in settings.TRUSTED_PROXIES)
