"""Past assignments by role, with the load that the rep carried, and what the page says of them."""

import datetime
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from django.db import connection

from reps.engine.capacity import Band, BandBounds
from reps.engine.unavailable import Unavailable
from reps.models import RoleTemplate
from reps.queries.people import organisation, roles_in_use
from routing.engine.load_effects import (
    Assignments,
    Estimate,
    Group,
    Supported,
    by_band,
    by_load,
    loads_before,
    maximum_for,
    shares,
    supported_load,
)
from routing.models import LoadSample

WINDOW = datetime.timedelta(days=365)
SECONDS = 3600.0


@dataclass(frozen=True)
class GroupLine:
    """A row of a table: what loads, how many assignments, and the two figures in words."""

    label: str
    count: int
    share: float
    touch: str
    wins: str


@dataclass(frozen=True)
class RolePage:
    """One role: what the data say, in sentences; by load; and by band under the maximum that is tried."""

    template: RoleTemplate
    tried: int
    assignments: int
    verdict: str
    tone: str
    advice: str
    loads: Sequence[GroupLine]
    bands: Sequence[GroupLine]


def load_effects(now: datetime.datetime, tried: Mapping[int, int]) -> list[RolePage]:
    """Each role template that somebody has; `tried` is template id → another maximum than today's."""
    bounds = organisation().band_bounds
    found = kept_assignments() or past_assignments(now)
    nothing = Assignments(np.zeros(0, dtype=np.int64), np.zeros(0), np.zeros(0, dtype=bool), np.zeros(0))
    return [
        _page(template, found.get(template.pk, nothing), tried.get(template.pk, template.max_open), bounds)
        for template in roles_in_use()
    ]


def kept_assignments() -> dict[int, Assignments]:
    """As the last night counted them (`routing.services.load_samples`); nothing before the first one."""
    return {sample.role_template_id: unpacked(bytes(sample.content)) for sample in LoadSample.objects.all()}


def packed(found: Assignments) -> bytes:
    """Compressed arrays."""
    buffer = io.BytesIO()
    np.savez_compressed(
        buffer, load=found.load, touch_hours=found.touch_hours, touched=found.touched, won=found.won
    )
    return buffer.getvalue()


def unpacked(content: bytes) -> Assignments:
    with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
        return Assignments(**{name: arrays[name] for name in arrays.files})


def counted_at() -> datetime.datetime | None:
    """When the page's assignments were counted; None where they are counted now."""
    return LoadSample.objects.order_by("counted_at").values_list("counted_at", flat=True).first()


def past_assignments(now: datetime.datetime) -> dict[int, Assignments]:
    """Role template id → the assignments of twelve months that are an opportunity's last, with what came of them."""
    rows = _rows(now)
    if not len(rows):
        return {}
    rep, role, start, end, last, touch, won, kept = rows.T
    load = loads_before(start, end, rep.astype(np.int64))
    counted = (last == 1) & (start > (now - WINDOW).timestamp())
    touched = touch >= start
    until = np.where(touched, touch, np.minimum(end, now.timestamp()))
    hours = np.where(touched | (kept == 1), (until - start) / SECONDS, np.nan)
    everything = Assignments(load, hours, touched, won)
    return {int(one): everything.part(counted & (role == one)) for one in np.unique(role[counted])}


def _rows(now: datetime.datetime) -> np.ndarray:
    """rep, role, start, end (infinite while it lasts), whether it is the opportunity's last, first touch, won, and
    whether a missing first touch means none (an import may not have brought it along)."""
    with connection.cursor() as cursor:
        cursor.execute(
            """
            SELECT a.rep_id, r.role_template_id, extract(epoch FROM a.assigned_at)::float8,
                   coalesce(extract(epoch FROM least(a.ended_at, o.closed_at))::float8, 'infinity'),
                   (row_number() OVER (PARTITION BY a.opportunity_id
                                       ORDER BY a.assigned_at DESC, a.id DESC) = 1)::int,
                   coalesce(extract(epoch FROM o.first_touch_at)::float8, 'nan'),
                   CASE o.stage WHEN 'won' THEN 1 WHEN 'lost' THEN 0 ELSE 'nan'::float8 END,
                   (a.source <> 'import')::int
            FROM crm_assignment a
            JOIN crm_opportunity o ON o.id = a.opportunity_id
            JOIN reps_rep r ON r.id = a.rep_id
            WHERE a.assigned_at <= %s AND coalesce(least(a.ended_at, o.closed_at), 'infinity') > %s
            """,
            [now, now - WINDOW],
        )
        return np.array(cursor.fetchall(), dtype=float)


def _page(template: RoleTemplate, found: Assignments, tried: int, bounds: BandBounds) -> RolePage:
    bands = by_band(found, tried, bounds)
    verdict, tone, advice = _verdict(template, supported_load(found), bounds)
    loads = by_load(found)
    return RolePage(
        template=template,
        tried=tried,
        assignments=len(found),
        verdict=verdict,
        tone=tone,
        advice=advice,
        loads=_lines(loads, [f"{g.least}" if g.least == g.most else f"{g.least} to {g.most}" for g in loads]),
        bands=_lines(bands, [band.label.capitalize() for band in Band]),
    )


def _lines(groups: Sequence[Group], labels: Sequence[str]) -> list[GroupLine]:
    return [
        GroupLine(label, group.count, share, touch_words(group.touch_hours), wins_words(group.win_rate))
        for group, label, share in zip(groups, labels, shares(groups), strict=True)
    ]


def _verdict(
    template: RoleTemplate, found: Supported | Unavailable, bounds: BandBounds
) -> tuple[str, str, str]:
    """What the data say, its tone, and what follows for the maximum."""
    if isinstance(found, Unavailable):
        return f"Too early to say: {found.reason}.", "", ""
    if not found.because or found.below is None or found.above is None:
        said = f"Nothing gets clearly worse up to {found.load} open opportunities, the most that anybody carried."
        return said, "good", "The data give no reason for a lower maximum, and say nothing of higher ones."
    words = touch_words if found.because == "touch" else wins_words
    what = "the first touch takes" if found.because == "touch" else "the share won is"
    said = f"With more than {found.load} open, {what} {words(found.above)}; up to there {words(found.below)}."
    fitting = maximum_for(found.load, bounds)
    advice = (
        f"A maximum of {fitting} stops automation there ({bounds.near_up_to:g} % of it); "
        f"{template} has {template.max_open}."
    )
    return said, "warn" if fitting < template.max_open else "good", advice


def touch_words(found: Estimate) -> str:
    """“1.9 h (1.6 to 2.3)”; half were touched by then."""
    if not found.of:
        return "not known"
    if found.value is None:
        return "more than half never touched"
    low = "0" if found.low is None else _number(found.low, found.value)
    high = "more" if found.high is None else _number(found.high, found.value)
    return f"{_number(found.value, found.value)} {_unit(found.value)} ({low} to {high})"


def _unit(hours: float) -> str:
    return "min" if hours < 2 else "h" if hours < 72 else "days"


def _number(hours: float, like: float) -> str:
    unit = _unit(like)
    return f"{hours * 60:.0f}" if unit == "min" else f"{hours:.1f}" if unit == "h" else f"{hours / 24:.1f}"


def wins_words(found: Estimate) -> str:
    """“41 % of 120 (33 to 50)”."""
    if found.value is None or found.low is None or found.high is None:
        return "none closed yet"
    return f"{found.value:.0%} of {found.of:,} ({found.low:.0%} to {found.high:.0%})".replace(
        "%", "\N{NO-BREAK SPACE}%"
    )
