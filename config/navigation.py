"""The main navigation: which pages a role sees, under the specification's own names."""

from typing import Any

from django.http import HttpRequest


def navigation(request: HttpRequest) -> dict[str, Any]:
    return {}
