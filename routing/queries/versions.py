"""Published configuration versions as pages list them."""

from django.db.models import QuerySet

from routing.models import ConfigurationVersion


def listed_versions() -> QuerySet[ConfigurationVersion]:
    """All of them, without their bulk."""
    return ConfigurationVersion.objects.select_related("published_by").defer("content")


def version_before(version: ConfigurationVersion) -> ConfigurationVersion | None:
    """The one that was live when it was published."""
    earlier = ConfigurationVersion.objects.filter(number__lt=version.number, is_candidate=False)
    return earlier.order_by("-number").first()
