"""Taking in many at once: looked up, decided and stored in waves, each one transaction.

What becomes of each is what `intake` would do with one after the other: every decision of a wave is made on what those
before it leave, and no limit is passed. Only what stands in nobody's way shares a wave; whatever a wave cannot do (a
limit that others took meanwhile, a row that broke it) is left to `intake`.
"""

import datetime
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.core.exceptions import ValidationError
from django.db import DatabaseError, transaction
from django.db.models import Model
from django.utils import timezone

from crm.models import DuplicateLink, Opportunity
from crm.queries.duplicates import links_that_hold, standing_originals
from crm.services.duplicates import link_repeats_among
from crm.services.placing import Brought
from crm.services.placing_many import Key, keys_of, store_many_placed
from reps.models import User
from reps.services.copying import copy_in
from routing.engine.ladder import decide
from routing.engine.sequence import state_after
from routing.models import IntakeReceipt
from routing.queries.arms import ArmBook
from routing.queries.inputs import inputs_of
from routing.queries.state import look
from routing.services.batches import new_wait, waits_for_batch
from routing.services.claims import Claims, LimitGone, Situation
from routing.services.decided import Made, keep_roster
from routing.services.intake import (
    Accepted,
    answer_of,
    count,
    fingerprint,
    known_external_ids,
    late_answer,
    take_in,
)
from routing.services.queue import Waited
from routing.services.waves import carried_out, write_what_follows
from telemetry.metrics import WAVE_DECISIONS
from telemetry.traces import span

log = logging.getLogger(__name__)
WAVE = 100  # so many people and companies are locked for about half a second, and the reps chosen for half of that
ROUNDS = 2

Outcome = Accepted | ValidationError


@dataclass
class Row:
    """One lead of a list: its values as `take_in` takes them, and the body that they came in."""

    values: Mapping[str, Any]
    body: Any
    keys: frozenset[Key] = field(init=False)

    def __post_init__(self) -> None:
        self.keys = frozenset(keys_of(self.values))


def take_in_many(*, rows: Sequence[Row], by: User) -> list[Outcome]:
    """Accepts, routes and answers each row by itself; ValidationError for one that is refused."""
    ids = [row.values.get("external_id") for row in rows]
    known = known_external_ids([external_id for external_id in ids if external_id])
    # Repeats get the first answer: of what is here, and of what comes earlier in the list.
    first: dict[Any, int] = {}
    alone = {p for p, one in enumerate(ids) if one and (one in known or first.setdefault(one, p) < p)}
    left = [place for place in range(len(rows)) if place not in alone]
    found: dict[int, Outcome] = {}
    while left:
        wave = _wave([(place, rows[place]) for place in left])
        with span("wave", rows=len(wave)):
            stored = _taken([rows[place] for place in wave], by)
        found |= {place: one for place, one in zip(wave, stored, strict=True) if one is not None}
        if stored[0] is None:  # nothing of the same wave stood in its way
            alone |= set(wave) - found.keys()
        left = [place for place in left if place not in found and place not in alone]
    for one in found.values():
        if isinstance(one, Accepted):
            count(one, "bulk")
    found |= {place: _taken_alone(rows[place], by) for place in sorted(alone)}
    return [found[place] for place in range(len(rows))]


def _wave(waiting: Sequence[tuple[int, Row]]) -> list[int]:
    """The first ones that have nothing in common."""
    chosen: list[int] = []
    met: set[Key] = set()
    for place, row in waiting:
        if len(chosen) == WAVE:
            break
        if met.isdisjoint(row.keys):
            chosen.append(place)
        met |= row.keys  # also of one that waits, or a third would overtake it
    return chosen


def _taken_alone(row: Row, by: User) -> Outcome:
    try:
        return take_in(values=row.values, body=row.body, by=by, at=timezone.now(), way="bulk")
    except ValidationError as error:
        return error


def _taken(wave: Sequence[Row], by: User) -> list[Outcome | None]:
    """None for what was not taken in."""
    try:
        found = _Wave(wave, by, timezone.now()).store()
    except DatabaseError:
        # Somebody else's row with the same external id, or two lists that waited for each other.
        log.info("a wave of %s rows is taken in one by one", len(wave), exc_info=True)
        return [None] * len(wave)
    return [
        replace(one, answer=late_answer(one.opportunity))
        if isinstance(one, Accepted) and not one.answer
        else one
        for one in found
    ]


@dataclass
class _Wave:
    """One transaction. `made`: what was decided, by opportunity."""

    rows: Sequence[Row]
    by: User
    at: datetime.datetime
    made: dict[int, Made] = field(default_factory=dict)
    links: Mapping[int, DuplicateLink] = field(default_factory=dict)
    is_decided: bool = False

    @transaction.atomic
    def store(self) -> list[Outcome | None]:
        brought = store_many_placed(rows=[row.values for row in self.rows], at=self.at, by=self.by)
        stored = [one for one in brought if isinstance(one, Brought)]
        known = [one.opportunity for one in stored if not one.is_all_new]
        repeating = link_repeats_among(opportunities=known, at=self.at) if known else set()
        if repeating:
            self.links = links_that_hold([one for one in known if one.pk in repeating])
        self._decide([one.opportunity for one in stored], repeating)
        found = [
            self._accepted(one, row) if isinstance(one, Brought) else one
            for one, row in zip(brought, self.rows, strict=True)
        ]
        copy_in(
            self._receipt(one, row)
            for one, row in zip(found, self.rows, strict=True)
            if isinstance(one, Accepted)
        )
        return found

    def _accepted(self, one: Brought, row: Row) -> Accepted:
        """Without an answer where deciding failed: it is routed by itself afterwards."""
        made, link = self.made.get(one.opportunity.pk), self.links.get(one.opportunity.pk)
        return Accepted(
            one.opportunity, True, answer_of(one.opportunity, made, link) if self.is_decided else {}
        )

    def _receipt(self, one: Accepted, row: Row) -> IntakeReceipt:
        return IntakeReceipt(
            opportunity=one.opportunity,
            user=self.by,
            fingerprint=fingerprint(row.body),
            answer=one.answer or None,
            created_at=self.at,
        )

    # --- deciding ---------------------------------------------------------------------------------------------

    def _decide(self, opportunities: Sequence[Opportunity], repeating: set[int]) -> None:
        for round_ in range(ROUNDS):
            try:
                with (
                    WAVE_DECISIONS.time(),
                    transaction.atomic(),
                ):  # whose end lets go of the reps, should it fail
                    self._decide_each(opportunities, repeating)
                self.is_decided = True
                return
            except LimitGone as gone:
                log.info("a wave, round %s: %s", round_ + 1, gone)
                self._forget(opportunities)
            except DatabaseError:
                raise
            except Exception:
                log.exception("a wave is accepted but could not be decided with it")
                self._forget(opportunities)
                return

    def _forget(self, opportunities: Sequence[Opportunity]) -> None:
        """The records as they are stored: what was decided is rolled back."""
        self.made.clear()
        for one in opportunities:
            one.owner, one.assigned_at = None, None
            one.routing, one.routing_since = Opportunity.Routing.WAITING, self.at

    def _decide_each(self, opportunities: Sequence[Opportunity], repeating: set[int]) -> None:
        situations = _situations(opportunities, repeating)
        if not situations:
            return  # automation is paused
        live, at = situations[0].live, situations[0].inputs.at
        keep_roster(live)
        claims = Claims([one for one in situations if not waits_for_batch(one.verdict)], at)
        # After the locks, so that a rep's assignments are dated in the order in which they happened.
        now = timezone.now()
        records: list[Model] = []
        for place, (opportunity, situation) in enumerate(zip(opportunities, situations, strict=True)):
            if waits_for_batch(situation.verdict):
                records.append(new_wait(opportunity, situation.verdict, live.configuration_id, at))
                opportunity.routing = Opportunity.Routing.BATCH
                continue
            moment = now + datetime.timedelta(microseconds=place)
            waited = Waited(opportunity.accepted_at)
            decided = carried_out(opportunity, situation, claims, moment, waited)
            self.made[opportunity.pk] = decided.made
            records += decided.records
        copy_in(records)
        carried = [one for one in situations if not waits_for_batch(one.verdict)]
        write_what_follows(opportunities, carried, now)


def _situations(opportunities: Sequence[Opportunity], repeating: set[int]) -> list[Situation]:
    """The verdicts, each on what those before it leave; none while automation is paused."""
    at = timezone.now()
    state, live = look(at, holding_off_pause=True)
    if live.is_paused:
        return []
    found = []
    book = ArmBook.of(opportunities, live, at)
    originals = standing_originals(repeating)
    for opportunity in opportunities:
        inputs = inputs_of(opportunity, live, state, at, repeats=originals.get(opportunity.pk), book=book)
        verdict = decide(inputs)
        found.append(Situation(inputs, live, verdict))
        if not waits_for_batch(verdict):
            after = state_after(inputs, verdict)
            # Where nothing was taken it is the same state, which is packed once.
            state = after if after.room is None else replace(after, room=None)
            book = book.with_taken(inputs, verdict)
    return found
