"""Published versions: their names and texts without the person, ids as they were."""

from collections import Counter

from django.db.models import TextField
from django.db.models.functions import Cast

from privacy.engine.identity import Crowd
from routing.models import ConfigurationVersion
from routing.queries.configuration import compiled, content_hash


def erase_in_versions(crowd: Crowd, counts: Counter[str]) -> None:
    if not crowd.query:
        return
    rows = ConfigurationVersion.objects.alias(said=Cast("content", TextField()))
    for version in rows.filter(said__iregex=crowd.query):
        content = crowd.scrubbed(version.content)
        if content != version.content:
            counts["routing.ConfigurationVersion"] += ConfigurationVersion.objects.filter(
                pk=version.pk
            ).update(content=content, content_hash=content_hash(content))
    compiled.cache_clear()
