"""Which API tokens a user may see and revoke."""

from django.db.models import QuerySet
from django.shortcuts import get_object_or_404

from reps.models import ApiToken, User


def find_token(tokens: QuerySet[ApiToken], digest: str) -> ApiToken:
    """Raises Http404, also for what can be no digest."""
    return get_object_or_404(tokens if digest.isalnum() else tokens.none(), pk=digest)


def tokens_visible_to(user: User) -> QuerySet[ApiToken]:
    """Everybody's for admins, the own ones for others."""
    tokens = ApiToken.objects.select_related("user").order_by("-created")
    return tokens if user.role == User.Role.ADMIN else tokens.filter(user=user)
