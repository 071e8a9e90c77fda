"""Which API tokens a user may see and revoke."""

from django.db.models import QuerySet

from reps.models import ApiToken, User


def tokens_visible_to(user: User) -> QuerySet[ApiToken]:
    """Everybody's for admins, the own ones for others."""
    tokens = ApiToken.objects.select_related("user").order_by("-created")
    return tokens if user.role == User.Role.ADMIN else tokens.filter(user=user)
