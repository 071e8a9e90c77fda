"""What another configuration would have won, from decisions that were really made and logged."""

import datetime
import io
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone

from crm.models import Opportunity
from reps.engine.unavailable import Unavailable
from reps.models import Rep, User
from routing.engine.arms import Choice, InArm
from routing.engine.configuration import Configuration
from routing.engine.facts import OpportunityFacts
from routing.engine.model import MatchModel
from routing.engine.roster import ArmRoom, RepFacts, Roster, RosterState
from routing.engine.verdict import Inputs
from routing.models import ConfigurationVersion, Decision, ModelVersion, Policy, QueueItem, Rule
from routing.queries.models import champion_version
from routing.queries.off_policy import (
    LogCounts,
    Target,
    count_log,
    in_words,
    logged_decisions,
    value_from_log,
    value_log,
)
from routing.services import training
from routing.services.batch_runs.asking import open_due
from routing.services.batch_runs.planning import run_batch
from routing.services.decisions import route
from routing.services.outcomes import record_outcome
from routing.services.queue import approve, give_to
from tests.conftest import NOW

TODAY = NOW.date()
pytestmark = pytest.mark.django_db
LEADS = 200
SINCE = NOW - datetime.timedelta(days=1)


@pytest.fixture
def explored(
    ana: Rep, bo: Rep, publish: Callable[[], int], make_opportunity: Callable[..., Opportunity],
    close_deals: Callable[..., Any],
) -> Callable[[], None]:  # fmt: skip
    """A learned model, then leads assigned with half of the choices at random; Ana wins 3 of 4, Bo 1 of 4."""

    def play() -> None:
        Rep.objects.update(own_max_open=1000, own_max_new_per_week=1000, own_max_new_per_day=1000)
        close_deals()
        training.train_at_once(as_of=TODAY, at=NOW)
        Policy.objects.update(application="assign", exploration_share=0.5, exploration_within=30, threshold=0)
        publish()
        for i in range(LEADS):
            lead = make_opportunity(f"Lead {i}")
            decision = route(opportunity_id=lead.pk, at=NOW + datetime.timedelta(milliseconds=i))
            assert decision is not None
            won = i % 4 != 0 if decision.rep_id == ana.pk else i % 4 == 0
            record_outcome(opportunity_id=lead.pk, stage="won" if won else "lost", at=NOW, by=None)

    return play


def test_logs_the_chance_of_every_choice_and_values_the_greedy_configuration(
    explored: Callable[[], None], ana: Rep, bo: Rep, publish: Callable[[], int]
) -> None:
    explored()
    decisions = list(logged_decisions(SINCE))
    assert len(decisions) == LEADS
    chances = {round(decision.propensity, 6) for decision in decisions}
    assert chances == {0.75, 0.25}
    shares = [sum(d.rep_id == rep.pk for d in decisions) / LEADS for rep in (ana, bo)]
    assert max(shares) == pytest.approx(0.75, abs=0.14)  # 4.5 standard errors: ids are other ones each time
    Policy.objects.update(exploration_share=0)
    publish()
    greedy = ConfigurationVersion.objects.order_by("-number").first()
    found = value_from_log(Target.of(configuration=greedy), since=SINCE)
    assert not isinstance(found, Unavailable)
    assert found.share_without_overlap == 0
    assert found.effective_size > 100
    best = max(decisions, key=lambda d: d.propensity).rep_id
    truth = 0.75 if best == ana.pk else 0.25
    for valued in (found.snips, found.doubly_robust):
        assert not isinstance(valued, Unavailable)
        assert valued.value.low < truth < valued.value.high
        assert valued.value.value == pytest.approx(truth, abs=0.08)
    said = list(in_words(found))
    assert f"{LEADS} followed predictions with an outcome" in said[0]
    assert "Doubly robust: " in said[2]


@pytest.mark.slow
def test_refuses_where_the_log_could_not_have_chosen_so(
    explored: Callable[[], None], ana: Rep, bo: Rep, omar: User, publish: Callable[[], int]
) -> None:
    explored()
    decided = Decision.objects.order_by("pk").values_list("rep_id", flat=True)
    other = {ana.pk: bo, bo.pk: ana}[max(set(decided), key=list(decided).count)]
    Rule.objects.create(name="All to the other", position=1, action="route_to_rep", rep=other, condition={})
    Policy.objects.update(exploration_share=0)
    publish()
    ruled = ConfigurationVersion.objects.order_by("-number").first()
    found = value_from_log(Target.of(configuration=ruled), since=SINCE)
    assert not isinstance(found, Unavailable)
    assert isinstance(found.snips, Unavailable)  # a quarter of the choices were the other's: too few
    assert "at least 100 are needed" in found.snips.reason


def test_without_a_log_the_command_says_so(omar: User) -> None:
    assert champion_version().kind == "rules"
    out = io.StringIO()
    call_command("value_from_log", "--model", "1", "--json", stdout=out)
    found = json.loads(out.getvalue().splitlines()[-1])
    assert found["doubly_robust"] == {"reason": "there are no logged decisions"}
    for arguments, why in (
        ([], "Name what is to be valued"),
        (["--model", "99"], "There is no model version 99"),
        (["--model", "1", "--days", "0"], "--days: at least 1"),
    ):
        with pytest.raises(CommandError, match=why):
            call_command("value_from_log", *arguments)


def test_what_a_manager_changed_is_left_out(
    ana: Rep,
    bo: Rep,
    ben: User,
    make_opportunity: Callable[..., Opportunity],
    close_deals: Callable[..., Any],
) -> None:
    close_deals()
    training.train_at_once(as_of=TODAY, at=NOW)
    followed, changed = make_opportunity(industry="Healthcare"), make_opportunity(industry="Healthcare")
    for lead in (followed, changed):
        route(opportunity_id=lead.pk, at=NOW)
    items = {lead.pk: lead.queue_items.get() for lead in (followed, changed)}
    approve(item_id=items[followed.pk].pk, by=ben, at=NOW)
    give_to(item_id=items[changed.pk].pk, rep_id=bo.pk, by=ben, at=NOW)
    for lead in (followed, changed):
        record_outcome(opportunity_id=lead.pk, stage="won", at=timezone.now(), by=None)
    assert [decision.opportunity for decision in logged_decisions(SINCE)] == [followed]
    assert ModelVersion.objects.count() == 2


def test_what_a_batch_planned_is_counted_and_left_out(
    ana: Rep, ben: User, batch_policy: Policy, wait: Callable[..., list[Opportunity]]
) -> None:
    """Decided again by itself, it would be what the plan says under any configuration."""
    wait("Healthcare", "Healthcare")
    at = NOW + datetime.timedelta(hours=2)
    (batch,) = open_due(at=at)
    run_batch(job_id=batch.job_id or 0, now=at)
    for item in QueueItem.objects.all():
        approve(item_id=item.pk, by=ben, at=at)
        record_outcome(opportunity_id=item.opportunity_id, stage="won", at=at, by=None)
    counts = count_log(SINCE)
    assert (counts.made, counts.followed, counts.planned, counts.open) == (2, 2, 2, 0)
    assert not logged_decisions(SINCE).exists()


def test_where_decisions_stand(
    ana: Rep, bo: Rep, ben: User, make_opportunity: Callable[..., Opportunity]
) -> None:
    leads = [make_opportunity(industry="Healthcare") for _ in range(5)]
    for lead in leads:
        route(opportunity_id=lead.pk, at=NOW)
    items = {lead.pk: lead.queue_items.get() for lead in leads}
    won, still_open, dropped, changed, _ = leads
    for lead in (won, still_open, dropped):
        approve(item_id=items[lead.pk].pk, by=ben, at=NOW)
    give_to(item_id=items[changed.pk].pk, rep_id=bo.pk, by=ben, at=NOW)
    record_outcome(opportunity_id=won.pk, stage="won", at=NOW, by=None)
    record_outcome(opportunity_id=dropped.pk, stage="disqualified", at=NOW, by=None)
    counts = value_log(Target(), first=SINCE).counts
    assert counts == LogCounts(made=5, followed=3, planned=0, open=1, ended=1, used=1, by_rules=1)
    assert count_log(SINCE, SINCE).made == 0


def test_a_target_decides_outside_of_experiments() -> None:
    in_arm = InArm(1, "Turns against prediction", "control", Choice.TURNS)
    one = np.ones(1, dtype=np.int64)
    room = ArmRoom(slots=one, used=one, open_to=np.ones(1, dtype=bool), finish=np.zeros(1))
    state = replace(RosterState.idle(1), room=room)
    decides = Configuration.from_content(1, {"policies": []})
    model = MatchModel.from_artifact(1, MatchModel.prior_artifact())
    inputs = Inputs(OpportunityFacts(1), Roster((RepFacts(1, 1),)), state, decides, model, NOW, in_arm=in_arm)
    applied = Target(learned_before=TODAY).applied(inputs)
    assert (applied.in_arm, applied.state.room) == (None, None)
    assert (applied.model, applied.configuration) == (model, decides)
