"""Published configuration versions as pages list them."""

from django.db.models import QuerySet

from routing.models import ConfigurationVersion


def listed_versions() -> QuerySet[ConfigurationVersion]:
    """All of them, without their bulk."""
    return ConfigurationVersion.objects.select_related("published_by").defer("content")


def version_before(version: ConfigurationVersion) -> ConfigurationVersion | None:
    """The one that it took the place of."""
    return ConfigurationVersion.objects.filter(number__lt=version.number).order_by("-number").first()
