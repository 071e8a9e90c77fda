"""Why each fell through; and that the rows kept bit by bit are those made from scratch."""

import datetime
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django_q.models import Schedule

from analytics.engine.fall_through import Cause
from analytics.models import FallThrough, ReadUpTo
from analytics.services.gaps import note_fall_throughs
from crm.models import Opportunity
from reps.models import Absence, Rep
from routing.models import Decision, Policy, Rule
from routing.services.decisions import route
from territories.models import Coverage, Territory
from tests.analytics.conftest import LATER, TODAY, noted
from tests.conftest import NOW

pytestmark = pytest.mark.django_db
Decide = Callable[..., Decision]
Turns = Callable[..., None]
GERMAN = {"language": "German", "country": "DE"}


def require(**values: Any) -> Rule:
    plain = {"name": "Certified", "action": "require", "position": 1, "condition": {}}
    return Rule.objects.create(
        **plain | {"required_field": "certification", "required_value": "ISO"} | values
    )


def full(rep: Rep) -> None:
    Rep.objects.filter(pk=rep.pk).update(own_max_open=1, load=1)


class TestCause:
    def test_a_match_has_none(self, turns: Turns, ana: Rep, bo: Rep, decide: Decide) -> None:
        turns(threshold=10)
        row = noted(decide(industry="Healthcare", value=500, currency="USD"))
        assert (row.cause, row.missing, row.lacking) == ("", "", [])
        assert (row.day, row.industry, row.value_base) == (TODAY, "Healthcare", Decimal(500))

    def test_below_the_threshold(self, turns: Turns, ana: Rep, bo: Rep, decide: Decide) -> None:
        turns(threshold=95)
        row = noted(decide(industry="Energy"))
        assert (row.cause, row.missing) == (Cause.CONFIDENCE, "Suggest everything")
        assert row.subject_id == Policy.objects.get().pk
        assert (row.threshold, round(row.best_score or 0)) == (95, 50)

    def test_a_language_that_nobody_speaks(self, turns: Turns, ana: Rep, bo: Rep, decide: Decide) -> None:
        turns(threshold=95)
        row = noted(decide(**GERMAN))
        assert (row.cause, row.missing, sorted(row.lacking)) == (Cause.LANGUAGE, "German", [ana.pk, bo.pk])

    def test_a_language_whose_speaker_is_full(
        self, turns: Turns, ana: Rep, make_rep: Callable[..., Rep], decide: Decide
    ) -> None:
        turns()
        full(make_rep("Grete", skills={"language": ["German"]}))
        row = noted(decide(**GERMAN))
        assert (row.cause, row.missing, row.lacking) == (Cause.LANGUAGE, "German", [ana.pk])

    def test_a_language_is_no_cause_where_the_others_are_full_as_well(
        self, turns: Turns, ana: Rep, make_rep: Callable[..., Rep], decide: Decide
    ) -> None:
        turns()
        grete = make_rep("Grete", skills={"language": ["German"]})
        full(grete)
        full(ana)
        row = noted(decide(**GERMAN))
        assert (row.cause, row.missing, row.lacking) == (Cause.CAPACITY, "open opportunities", [grete.pk])

    def test_a_requirement_that_only_the_full_one_meets(
        self, turns: Turns, ana: Rep, make_rep: Callable[..., Rep], decide: Decide
    ) -> None:
        rule = require()
        turns()
        full(make_rep("Ida", skills={"certification": ["ISO"]}))
        row = noted(decide())
        assert (row.cause, row.missing, row.subject_id) == (Cause.REQUIREMENT, "certification: ISO", rule.pk)
        assert row.lacking == [ana.pk]

    def test_two_requirements_that_nobody_lacks_alone_are_no_cause(
        self, turns: Turns, ana: Rep, make_rep: Callable[..., Rep], decide: Decide
    ) -> None:
        require()
        turns()
        full(make_rep("Ida", skills={"certification": ["ISO"], "language": ["German"]}))
        assert noted(decide(**GERMAN)).cause == Cause.CAPACITY

    def test_a_requirement_that_nobody_meets_and_no_match(
        self, turns: Turns, ana: Rep, decide: Decide
    ) -> None:
        require()
        turns(threshold=95)
        row = noted(decide())
        assert (row.cause, row.missing, row.lacking) == (Cause.REQUIREMENT, "certification: ISO", [ana.pk])

    def test_a_rule_that_leaves_the_full_one(self, turns: Turns, ana: Rep, bo: Rep, decide: Decide) -> None:
        rule = Rule.objects.create(name="To Bo", action="route_to_rep", rep=bo, position=1, condition={})
        turns()
        full(bo)
        row = noted(decide())
        assert (row.cause, row.missing, row.subject_id, row.lacking) == (
            Cause.RULE, "To Bo", rule.pk, [ana.pk],
        )  # fmt: skip

    def test_a_territory_that_nobody_covers(self, turns: Turns, ana: Rep, decide: Decide) -> None:
        germany = Territory.objects.create(
            name="Germany", condition={"field": "country", "op": "is", "value": "DE"}
        )
        Coverage.objects.create(territory=germany, rep=ana, ends_on=TODAY - datetime.timedelta(days=1))
        turns()
        row = noted(decide(country="DE"))
        assert (row.cause, row.missing, row.subject_id) == (Cause.TERRITORY, "Germany", germany.pk)
        assert row.territory == "Germany"

    def test_everybody_is_away(self, turns: Turns, ana: Rep, bo: Rep, decide: Decide) -> None:
        for rep in (ana, bo):
            Absence.objects.create(rep=rep, starts_at=NOW - datetime.timedelta(days=1))
        turns()
        row = noted(decide())
        assert (row.cause, sorted(row.lacking)) == (Cause.AWAY, [ana.pk, bo.pk])

    def test_nobody_is_at_work(self, turns: Turns, ana: Rep, decide: Decide) -> None:
        Rep.objects.update(working_hours={"sun": [["09:00", "10:00"]]})
        turns(needs_working_now=True)
        assert noted(decide()).cause == Cause.HOURS

    def test_the_weekly_cap(self, turns: Turns, ana: Rep, decide: Decide) -> None:
        Rep.objects.update(own_max_new_per_week=0)
        turns()
        row = noted(decide())
        assert (row.cause, row.missing) == (Cause.CAPACITY, "new in seven days")

    def test_whoever_had_it_before(
        self, turns: Turns, ana: Rep, make_opportunity: Callable[..., Opportunity]
    ) -> None:
        turns()
        opportunity = make_opportunity()
        Opportunity.objects.filter(pk=opportunity.pk).update(not_again={str(ana.pk): "declined"})
        decision = route(opportunity_id=opportunity.pk, at=NOW)
        assert decision is not None
        assert noted(decision).cause == Cause.TURNED_DOWN


class TestKept:
    def rows(self) -> list[tuple[Any, ...]]:
        fields = [f.name for f in FallThrough._meta.concrete_fields if f.name != "id"]
        return list(FallThrough.objects.order_by("opportunity").values_list(*fields))

    @pytest.fixture
    def mixed(self, turns: Turns, ana: Rep, bo: Rep, decide: Decide) -> list[Decision]:
        turns(threshold=50)
        made = [decide(industry=industry) for industry in ("Healthcare", "Energy", "Retail") * 4]
        for rep in (ana, bo):
            Absence.objects.create(rep=rep, starts_at=NOW + datetime.timedelta(minutes=1))
        return made + [decide(**GERMAN, at=NOW + datetime.timedelta(hours=n + 1)) for n in range(6)]

    def test_bit_by_bit_is_from_scratch(self, mixed: list[Decision]) -> None:
        for hours in range(8):  # the last hour is read again each time
            note_fall_throughs(at=NOW + datetime.timedelta(hours=hours), piece=3)
        kept = self.rows()
        FallThrough.objects.all().delete()
        ReadUpTo.objects.all().delete()
        note_fall_throughs(at=LATER + datetime.timedelta(days=1))
        assert self.rows() == kept
        assert len(kept) == 18
        assert FallThrough.objects.filter(cause=Cause.AWAY).count() == 6

    def test_again_changes_nothing_and_reads_little(self, mixed: list[Decision]) -> None:
        much_later = LATER + datetime.timedelta(days=1)
        assert note_fall_throughs(at=much_later) == 18
        kept = self.rows()
        assert note_fall_throughs(at=much_later) == 0
        assert self.rows() == kept

    def test_what_may_not_be_visible_yet_is_read_again(self, mixed: list[Decision]) -> None:
        note_fall_throughs(at=NOW)
        assert ReadUpTo.objects.get().number == 0
        FallThrough.objects.filter(opportunity=mixed[0].opportunity_id).delete()  # as if it had come later
        note_fall_throughs(at=NOW)
        assert FallThrough.objects.count() == 18

    def test_the_first_that_fell_through_speaks_for_the_opportunity(
        self, turns: Turns, ana: Rep, decide: Decide
    ) -> None:
        absence = Absence.objects.create(rep=ana, starts_at=NOW, ends_at=LATER)
        turns(threshold=10)
        held = decide()
        assert noted(held).decision_id == held.pk
        absence.delete()
        again = route(opportunity_id=held.opportunity_id, at=LATER)
        assert again is not None
        assert again.via == "prediction"
        row = noted(again)
        assert (row.decision_id, row.cause) == (held.pk, Cause.AWAY)

    def test_a_later_one_that_fell_through_replaces_a_match(
        self, turns: Turns, ana: Rep, decide: Decide
    ) -> None:
        turns(threshold=10)
        first = decide()
        assert noted(first).cause == ""
        Absence.objects.create(rep=ana, starts_at=NOW)
        fell = decide("Another")
        assert noted(fell).cause == Cause.AWAY
        fell.pk, fell.opportunity = None, first.opportunity  # as if it had been decided again
        fell.save()
        row = noted(first)
        assert (row.decision_id, row.cause) == (fell.pk, Cause.AWAY)

    def test_what_is_locked_or_waits_for_its_original_does_not_count(
        self, turns: Turns, ana: Rep, make_opportunity: Callable[..., Opportunity]
    ) -> None:
        turns()
        opportunity = make_opportunity()
        Opportunity.objects.filter(pk=opportunity.pk).update(is_locked=True)
        route(opportunity_id=opportunity.pk, at=NOW)
        note_fall_throughs(at=LATER)
        assert FallThrough.objects.count() == 0

    def test_queries_do_not_grow_with_matches(self, turns: Turns, ana: Rep, bo: Rep, decide: Decide) -> None:
        turns(threshold=10)
        decide(industry="Healthcare")
        counts = []
        for more in (0, 12):
            for _ in range(more):
                decide(industry="Healthcare")
            ReadUpTo.objects.all().delete()
            with CaptureQueriesContext(
                connection,
            ) as caught:
                note_fall_throughs(at=LATER)
            counts.append(len(caught))
        assert counts[0] == counts[1]

    def test_it_is_scheduled(self) -> None:
        assert Schedule.objects.get(name="Note fall-throughs").func == "analytics.jobs.note_fall_throughs"
