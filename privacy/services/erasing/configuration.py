"""Published versions: their names and texts without the person, ids as they were."""

from collections import Counter

from privacy.engine.identity import Crowd
from privacy.queries.catalogue.mentions import as_said
from routing.models import ConfigurationVersion
from routing.queries.configuration import compiled, content_hash


def erase_in_versions(crowd: Crowd, counts: Counter[str]) -> None:
    if not crowd.query:
        return
    rows = ConfigurationVersion.objects.alias(said=as_said("content"))
    for version in rows.filter(said__iregex=crowd.query):
        content = crowd.scrubbed(version.content)
        if content != version.content:
            counts["routing.ConfigurationVersion"] += ConfigurationVersion.objects.filter(
                pk=version.pk
            ).update(content=content, content_hash=content_hash(content))
    compiled.cache_clear()
