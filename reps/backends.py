"""Who gets in with a password."""

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.http import HttpRequest

from reps.models import User
from reps.queries.sign_in import may_use_password


class PasswordBackend(ModelBackend):
    """Django's, by email address. Where single sign-on is the only way in, passwords are those of the named admins
    only: a right one of somebody else is refused like a wrong one."""

    def authenticate(
        self, request: HttpRequest | None, username: str | None = None, password: str | None = None,
        **credentials: Any,
    ) -> User | None:  # fmt: skip
        user = super().authenticate(request, username=username, password=password, **credentials)
        if not isinstance(user, User) or not may_use_password(user):
            return None
        return user
