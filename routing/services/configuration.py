"""Publishing: the working configuration becomes a frozen version, which decides from then on or waits for an
experiment."""

import datetime
from collections.abc import Callable
from typing import Any

from django.db import connection, transaction
from django.db.models import Max

from reps.models import Organisation, User
from routing.engine.configuration import Configuration
from routing.models import ConfigurationVersion
from routing.queries.configuration import content_hash, live_version, working_content
from routing.services.restore import restore_version

PUBLISH_LOCK = 0x70756201


class DraftChanged(Exception):
    """The draft is not what was shown any more: somebody went on editing it."""


@transaction.atomic
def publish_configuration(
    *,
    by: User | None,
    at: datetime.datetime,
    note: str = "",
    seen: str | None = None,
    as_candidate: bool = False,
) -> tuple[ConfigurationVersion, bool]:
    """Publishes what is being worked on, and says whether that made a new version.

    `seen` is the hash of the draft that was shown. A candidate decides nothing until an experiment uses it. Raises
    ConfigurationError naming the part that cannot be used, and DraftChanged; then nothing is published.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [PUBLISH_LOCK])  # one number, one version
    content = working_content()
    digest = content_hash(content)
    if seen is not None and seen != digest:
        raise DraftChanged("The draft has changed since this page was opened. Look at it again.")
    newest = ConfigurationVersion.objects.order_by("-number")
    same = newest.filter(is_candidate=False).first()
    if as_candidate and (same is None or same.content_hash != digest):
        same = newest.filter(is_candidate=True, content_hash=digest).first()
    if same is not None and same.content_hash == digest:
        return same, False
    return _new_version(content, note=note, by=by, at=at, as_candidate=as_candidate), True


@transaction.atomic
def publish_change_of_live(
    *, change: Callable[[dict[str, Any]], dict[str, Any]], by: User | None, at: datetime.datetime, note: str
) -> ConfigurationVersion:
    """Publishes what is live with one change, whatever else somebody is working on in the draft.

    The same change must be made to the draft, or the next publication takes it back. Raises ConfigurationError.
    """
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_advisory_xact_lock(%s)", [PUBLISH_LOCK])
    return _new_version(change(live_version().content), note=note, by=by, at=at)


def _new_version(
    content: dict[str, Any], *, note: str, by: User | None, at: datetime.datetime, as_candidate: bool = False
) -> ConfigurationVersion:
    number = (ConfigurationVersion.objects.aggregate(n=Max("number"))["n"] or 0) + 1
    bounds = Configuration.from_content(number, content).capacity.bounds
    version = ConfigurationVersion.objects.create(
        number=number,
        content=content,
        content_hash=content_hash(content),
        note=note,
        is_candidate=as_candidate,
        published_by=by,
        published_at=at,
    )
    if not as_candidate:
        Organisation.objects.filter(pk=1).update(
            available_up_to_pct=bounds.available_up_to,
            near_up_to_pct=bounds.near_up_to,
            at_up_to_pct=bounds.at_up_to,
        )
    return version


@transaction.atomic
def discard_draft(*, seen: str) -> ConfigurationVersion:
    """Makes what is live the draft again; rules, policies and territories that are new stay, switched off.

    Raises DraftChanged where the draft is not what was shown.
    """
    if content_hash(working_content()) != seen:
        raise DraftChanged("The draft has changed since this page was opened. Look at it again.")
    live = ConfigurationVersion.objects.filter(is_candidate=False).order_by("-number")[:1].get()
    restore_version(version=live)
    return live
