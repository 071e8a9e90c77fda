"""Publishing: the working configuration becomes a frozen version, which decides from then on."""

import datetime

from django.db import connection, transaction
from django.db.models import Max

from reps.models import Organisation, User
from routing.engine.configuration import Configuration
from routing.models import ConfigurationVersion
from routing.queries.configuration import content_hash, working_content

PUBLISH_LOCK = 0x70756201


@transaction.atomic
def publish_configuration(
    *, by: User | None, at: datetime.datetime, note: str = ""
) -> tuple[ConfigurationVersion, bool]:
    """Publishes what is being worked on, and whether that changed anything.

    Raises ConfigurationError naming the part that cannot be used; then nothing is published.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [PUBLISH_LOCK])  # one number, one version
    content = working_content()
    digest = content_hash(content)
    live = ConfigurationVersion.objects.order_by("-number").first()
    if live is not None and live.content_hash == digest:
        return live, False
    number = (ConfigurationVersion.objects.aggregate(n=Max("number"))["n"] or 0) + 1
    bounds = Configuration.from_content(number, content).capacity.bounds
    version = ConfigurationVersion.objects.create(
        number=number, content=content, content_hash=digest, note=note, published_by=by, published_at=at
    )
    Organisation.objects.filter(pk=1).update(
        available_up_to_pct=bounds.available_up_to,
        near_up_to_pct=bounds.near_up_to,
        at_up_to_pct=bounds.at_up_to,
    )
    return version, True
