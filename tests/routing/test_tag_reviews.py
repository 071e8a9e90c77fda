"""Reviews of expertise through the database: what is suggested and kept, decided, remembered, told; and the job."""

import datetime
import json
import threading
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from django.core.management import call_command
from django.db import IntegrityError, connection, transaction
from django.db.models import F
from django.utils import timezone
from django_q.models import Schedule

from crm.models import Opportunity, Product
from crm.services.tag_evidence import refresh_evidence
from reps.engine.unavailable import Unavailable
from reps.models import (
    Job,
    ProfileChange,
    Rep,
    RosterStamp,
    Skill,
    TagReview,
    TagReviewSettings,
    TagSuggestion,
    User,
)
from reps.queries.tags import period_start, tag_review_settings
from reps.services.tags import dismiss_suggestions
from routing import jobs
from routing.engine.tagging.deals import Removal, Suggestion, TagProposals
from routing.models import Notification, OutboxMessage
from routing.services import outbox, tag_reviews
from tests.conftest import NOW

MakeRep = Callable[..., Rep]
DAY = datetime.timedelta(days=1)
pytestmark = pytest.mark.django_db


def close(rep: Rep, industry: str, *, won: int, lost: int, days_ago: float = 100, **values: Any) -> None:
    """Closed deals of one kind, spread over some days."""
    outcomes = ["won"] * won + ["lost"] * lost
    Opportunity.objects.bulk_create(
        Opportunity(
            **{
                "name": f"{industry} {i}",
                "kind": "deal",
                "stage": stage,
                "owner": rep,
                "industry": industry,
                "opened_at": NOW - datetime.timedelta(days=days_ago + 30 + i / 10),
                "closed_at": NOW - datetime.timedelta(days=days_ago + i / 10),
            }
            | values
        )
        for i, stage in enumerate(outcomes)
    )


@pytest.fixture
def specialist(make_rep: MakeRep, ana: Rep, bo: Rep) -> Rep:
    """Bo wins 15 of 20 Healthcare deals; the others, as Bo elsewhere, win 3 in 10. Ana has the tag already."""
    others = [ana, *(make_rep(f"Other {number}") for number in range(6))]
    close(bo, "Healthcare", won=15, lost=5)
    close(bo, "Retail", won=12, lost=28)
    for rep in others:
        close(rep, "Healthcare", won=6, lost=14)
        close(rep, "Retail", won=12, lost=28)
    return bo


def review(*, at: datetime.datetime = NOW, trigger: str = TagReview.Trigger.SCHEDULE) -> TagReview:
    return tag_reviews.review_at_once(at=at, trigger=trigger)


def suggestion_of(rep: Rep, **values: Any) -> TagSuggestion:
    shown = {
        "kind": "industry",
        "name": "Healthcare",
        "action": "add",
        "sentence": "won 15 of 20 Healthcare deals in 12 months; by chance about 6",
        "wins": 15,
        "deals": 20,
        "expected": 6.0,
        "p_value": 0.0005,
        "q_value": 0.01,
        "proficiency": 3,
        "suggested_at": NOW,
        "found_at": NOW,
    }
    return TagSuggestion.objects.create(rep=rep, **shown | values)


def proposal(rep: Rep, **values: Any) -> Suggestion:
    shown = {"kind": "industry", "value": "Healthcare", "wins": 10, "deals": 12, "expected": 4.0}
    shown |= {"p_value": 0.001, "q_value": 0.02, "sentence": "won 10 of 12", "rep_id": rep.pk}
    return Suggestion(**shown | values)  # type: ignore[arg-type]


def store(
    *found: Suggestion | Removal,
    at: datetime.datetime = NOW,
    trigger: str = "schedule",
    by: User | None = None,
) -> TagReview:
    adds = [one for one in found if isinstance(one, Suggestion)]
    removals = [one for one in found if isinstance(one, Removal)]
    looked = tag_reviews.Looked(at, tag_review_settings(), 400, 8, TagProposals(adds, removals, 20))
    return tag_reviews.store_review(looked, trigger=trigger, by=by, job=None)


def open_ones() -> list[tuple[str, str, str, int]]:
    rows = TagSuggestion.objects.filter(state="open").order_by("rep__name", "name")
    return list(rows.values_list("rep__name", "name", "action", "wins"))


# --- a review ---------------------------------------------------------------------------------------------------------


def test_fifteen_healthcare_wins_suggest_healthcare(specialist: Rep) -> None:
    found = review()
    (suggestion,) = TagSuggestion.objects.all()
    assert (suggestion.rep, suggestion.kind, suggestion.name) == (specialist, "industry", "Healthcare")
    assert (suggestion.wins, suggestion.deals, suggestion.state, suggestion.action) == (15, 20, "open", "add")
    assert suggestion.sentence == "won 15 of 20 Healthcare deals in 12 months; by chance about 6"
    assert suggestion.expected == pytest.approx(6, abs=0.7)
    assert suggestion.proficiency == Skill.Proficiency.EXPERT
    assert (found.deals, found.reps, found.found, found.fresh) == (480, 8, 1, 1)
    assert not Skill.objects.filter(rep=specialist).exists()  # people decide


def test_nothing_is_suggested_where_nothing_differs(make_rep: MakeRep) -> None:
    """An organisation in which everybody wins 30 % of everything, whatever the mix: at most one false suggestion in
    fifty reps."""
    rng = np.random.default_rng(11)
    reps = [make_rep(f"Rep {number}") for number in range(25)]
    rows = []
    for rep in reps:
        mix = rng.dirichlet([1, 1, 1, 1])
        for i in range(60):
            industry = ("Health", "Energy", "Retail", "Media")[rng.choice(4, p=mix)]
            closed = NOW - datetime.timedelta(days=float(rng.uniform(1, 360)))
            rows.append(
                Opportunity(
                    name=f"{rep} {i}",
                    stage="won" if rng.random() < 0.3 else "lost",
                    owner=rep,
                    industry=industry,
                    language=("English", "German")[int(rng.integers(2))],
                    competitors=["Acme"] if rng.random() < 0.3 else [],
                    value_base=float(rng.lognormal(10, 1)),
                    opened_at=closed - 20 * DAY,
                    closed_at=closed,
                )
            )
    Opportunity.objects.bulk_create(rows)
    found = review()
    assert (found.deals, found.reps) == (1500, 25)
    assert found.pairs > 200
    assert TagSuggestion.objects.count() <= 1


def test_only_closed_dated_and_owned_deals_of_the_time_count(specialist: Rep) -> None:
    close(specialist, "Energy", won=20, lost=0, days_ago=700)
    close(specialist, "Energy", won=20, lost=0, dates_known=False)
    close(specialist, "Energy", won=20, lost=0, days_ago=-10)  # in the future
    assert review().deals == 480
    assert open_ones() == [("Bo", "Healthcare", "add", 15)]


def test_too_few_deals_are_said_and_leave_what_is_open(ana: Rep, bo: Rep) -> None:
    close(ana, "Retail", won=2, lost=3)
    stays, held = suggestion_of(bo), suggestion_of(ana)  # ana has the tag
    found = review()
    assert found.unavailable == "fewer than 30 deals were closed in 12 months"
    assert TagSuggestion.objects.get(pk=stays.pk).state == "open"
    assert TagSuggestion.objects.get(pk=held.pk).reason == "it is in the profile by now"


def test_a_second_review_renews_what_is_open_and_closes_what_is_not_found(bo: Rep, ana: Rep) -> None:
    store(proposal(bo), proposal(bo, value="Energy"))
    first = TagSuggestion.objects.get(name="Healthcare")
    again = store(proposal(bo, value="healthcare", wins=12, deals=14), at=NOW + 90 * DAY)
    assert open_ones() == [("Bo", "healthcare", "add", 12)]
    renewed = TagSuggestion.objects.get(state="open")
    assert (renewed.pk, renewed.suggested_at, renewed.found_at) == (first.pk, NOW, NOW + 90 * DAY)
    assert (again.found, again.fresh, again.superseded) == (1, 0, 1)
    closed = TagSuggestion.objects.get(name="Energy")
    assert (closed.state, closed.reason) == (
        "superseded",
        "the newest review found no clear evidence any more",
    )


def test_what_another_source_filed_is_left_alone(bo: Rep) -> None:
    filed = suggestion_of(bo, name="Energy", source="overrides")
    same = suggestion_of(bo, source="overrides")
    store(proposal(bo, wins=11))
    assert set(TagSuggestion.objects.filter(state="open")) == {filed, same}
    assert TagSuggestion.objects.get(pk=same.pk).wins == 15


def test_somebody_who_left_gets_no_suggestion(bo: Rep, specialist: Rep) -> None:
    Rep.objects.filter(pk=bo.pk).update(left_at=NOW)
    assert review().found == 0


def test_one_open_suggestion_for_each_rep_and_tag(bo: Rep) -> None:
    suggestion_of(bo)
    with pytest.raises(IntegrityError), transaction.atomic():
        suggestion_of(bo, name="HEALTHCARE")
    suggestion_of(bo, kind="deal_size", name="below 10,000")
    with pytest.raises(IntegrityError), transaction.atomic():
        suggestion_of(bo, kind="deal_size", name="50,000 and more")


def test_a_tag_without_a_win_is_suggested_for_removal(specialist: Rep) -> None:
    stale = Skill.objects.create(rep=specialist, kind="industry", name="Energy", evidence_won=3)
    Skill.objects.filter(pk=stale.pk).update(created_at=NOW - 600 * DAY)
    review()
    assert ("Bo", "Energy", "remove", 0) in open_ones()
    removal = TagSuggestion.objects.get(action="remove")
    assert removal.sentence == "closed no Energy deal in 18 months, and 60 others"
    stale.refresh_from_db()
    assert (stale.evidence_won, stale.evidence_closed) == (0, 0)  # counted anew with the review


# --- approving --------------------------------------------------------------------------------------------------------


def test_approving_gives_the_tag_with_evidence_and_history(specialist: Rep, ben: User) -> None:
    review()
    suggestion = TagSuggestion.objects.get()
    seen = Rep.objects.get(pk=specialist.pk).updated_at
    decided = tag_reviews.approve_suggestions(ids=[suggestion.pk], by=ben, at=NOW)
    assert (decided.done, decided.problems) == ([suggestion], [])
    skill = Skill.objects.get(rep=specialist)
    assert (skill.kind, skill.name, skill.proficiency) == ("industry", "Healthcare", 3)
    assert (skill.evidence_won, skill.evidence_closed) == (15, 20)
    change = ProfileChange.objects.get(rep=specialist)
    assert change.changes == {"Industry": ["", "Healthcare (expert)"]}
    assert (change.changed_by, change.note) == (ben, f"From a suggestion: {suggestion.sentence}")
    suggestion.refresh_from_db()
    assert (suggestion.state, suggestion.decided_by, suggestion.decided_at) == ("approved", ben, NOW)
    assert Rep.objects.get(pk=specialist.pk).updated_at > seen  # who has the form open is told
    assert review(at=NOW + DAY).found == 0


def test_approving_a_range_sets_it(bo: Rep, ben: User) -> None:
    one = suggestion_of(bo, kind="deal_size", name="10,000 to 50,000", low=10_000, high=50_000)
    tag_reviews.approve_suggestions(ids=[one.pk], by=ben, at=NOW)
    bo.refresh_from_db()
    assert (bo.deal_size_min, bo.deal_size_max) == (Decimal(10_000), Decimal(50_000))
    assert ProfileChange.objects.get().changes == {
        "deal size min": ["", "10000.00"],
        "deal size max": ["", "50000.00"],
    }


def test_approving_a_removal_takes_the_tag_away(ana: Rep, ben: User) -> None:
    one = suggestion_of(ana, action="remove", wins=0)
    tag_reviews.approve_suggestions(ids=[one.pk], by=ben, at=NOW)
    assert not ana.skills.exists()
    assert ProfileChange.objects.get().changes == {"Industry": ["Healthcare (solid)", ""]}


def test_what_cannot_be_approved_is_said_and_the_rest_is_done(
    ana: Rep, bo: Rep, make_rep: MakeRep, ben: User
) -> None:
    gone = make_rep("Gone", left_at=NOW)
    has, left, good = suggestion_of(ana), suggestion_of(gone), suggestion_of(bo)
    ranged = suggestion_of(make_rep("Ranged", deal_size_min=5), kind="deal_size", name="below 9", high=9)
    absent = suggestion_of(bo, name="Energy", action="remove")
    ids = [has.pk, left.pk, good.pk, ranged.pk, absent.pk]
    decided = tag_reviews.approve_suggestions(ids=ids, by=ben, at=NOW)
    assert decided.done == [good]
    assert decided.problems == [
        "Ana: Healthcare is in the profile by now.",
        "Gone: this rep has left.",
        "Ranged: the profile has a deal size range by now.",
        "Bo: Energy is not in the profile any more.",
    ]
    assert TagSuggestion.objects.filter(state="superseded").count() == 4
    assert ProfileChange.objects.count() == 1


def test_the_second_manager_is_told(bo: Rep, ben: User, omar: User) -> None:
    one = suggestion_of(bo)
    tag_reviews.approve_suggestions(ids=[one.pk], by=omar, at=NOW)
    for act in (tag_reviews.approve_suggestions, dismiss_suggestions):
        decided = act(ids=[one.pk], by=ben, at=NOW)
        assert decided.problems == ["Bo, Healthcare: Omar has approved it already."]
        assert decided.done == []
    assert ProfileChange.objects.count() == 1


@pytest.mark.parametrize("action", ["add", "remove"])
def test_an_approval_can_be_undone(action: str, ana: Rep, bo: Rep, ben: User) -> None:
    rep = bo if action == "add" else ana
    Skill.objects.filter(rep=ana).update(created_at=NOW - 500 * DAY, proficiency=1)
    one = suggestion_of(rep, action=action)
    tag_reviews.approve_suggestions(ids=[one.pk], by=ben, at=NOW)
    assert tag_reviews.undo_decisions(ids=[one.pk], by=ben, at=NOW).done == [one]
    found = list(rep.skills.values_list("name", "proficiency", "created_at"))
    assert found == ([] if action == "add" else [("Healthcare", 1, NOW - 500 * DAY)])
    one.refresh_from_db()
    assert (one.state, one.decided_by, one.before) == ("open", None, {})


def test_undo_refuses_what_was_changed_since(bo: Rep, ben: User) -> None:
    one = suggestion_of(bo)
    tag_reviews.approve_suggestions(ids=[one.pk], by=ben, at=NOW)
    bo.skills.update(proficiency=1)
    decided = tag_reviews.undo_decisions(ids=[one.pk], by=ben, at=NOW)
    assert decided.problems == ["Bo: Healthcare has been changed by hand since."]
    assert bo.skills.count() == 1
    dismissed = suggestion_of(bo, name="Energy")
    dismiss_suggestions(ids=[dismissed.pk], by=ben, at=NOW)
    suggestion_of(bo, name="energy")
    decided = tag_reviews.undo_decisions(ids=[dismissed.pk], by=ben, at=NOW)
    assert decided.problems == ["Bo: Energy has been suggested again since, and is open."]


# --- dismissing -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("wins", "days", "comes_back"), [(10, 90, False), (14, 90, False), (15, 90, True), (10, 366, True)]
)
def test_a_dismissal_is_remembered_until_the_evidence_has_grown(
    wins: int, days: int, comes_back: bool, bo: Rep, ben: User
) -> None:
    store(proposal(bo, wins=10))
    dismiss_suggestions(ids=[TagSuggestion.objects.get().pk], by=ben, at=NOW, reason="  Does not want it ")
    assert TagSuggestion.objects.get().reason == "Does not want it"
    again = store(proposal(bo, wins=wins, deals=20), at=NOW + days * DAY)
    assert (again.fresh, again.remembered) == ((1, 0) if comes_back else (0, 1))
    assert bool(open_ones()) == comes_back


def test_a_dismissed_range_is_remembered_whatever_its_bounds(bo: Rep, ben: User) -> None:
    store(proposal(bo, kind="deal size", value="below 10,000", high=10_000.0))
    dismiss_suggestions(ids=[TagSuggestion.objects.get().pk], by=ben, at=NOW)
    again = store(proposal(bo, kind="deal size", value="below 12,000", high=12_000.0), at=NOW + 90 * DAY)
    assert (again.fresh, again.remembered) == (0, 1)


def test_a_dismissed_removal_comes_back_with_more_deals(ana: Rep, ben: User) -> None:
    def worse(deals: int) -> Removal:
        return Removal(ana.pk, "industry", "Healthcare", "no win", 0, deals, None, None, "won none")

    store(worse(12))
    dismiss_suggestions(ids=[TagSuggestion.objects.get().pk], by=ben, at=NOW)
    assert store(worse(17), at=NOW + 90 * DAY).remembered == 1
    assert store(worse(18), at=NOW + 91 * DAY).fresh == 1


# --- evidence ---------------------------------------------------------------------------------------------------------


def test_evidence_is_counted_for_each_kind_of_tag(ana: Rep, bo: Rep) -> None:
    product = Product.objects.create(name="Analytics Suite")
    for kind, name in (
        ("product", "analytics suite "),
        ("language", "GERMAN"),
        ("competitor", "Acme"),
        ("certification", "Acme"),
    ):
        Skill.objects.create(rep=ana, kind=kind, name=name, evidence_won=7, evidence_closed=9)
    shared: dict[str, Any] = {
        "product": product,
        "language": "German",
        "competitors": ["ACME", "acme", "Other"],
    }
    close(ana, "healthcare", won=3, lost=2, **shared)
    close(ana, "Healthcare", won=50, lost=0, days_ago=500)
    close(bo, "Healthcare", won=9, lost=9, **shared)
    assert refresh_evidence(at=NOW, months=12) == 4
    found = {skill.kind: (skill.evidence_won, skill.evidence_closed) for skill in ana.skills.all()}
    assert found == {
        "industry": (3, 5),
        "product": (3, 5),
        "language": (3, 5),
        "competitor": (3, 5),
        "certification": (7, 9),
    }
    assert refresh_evidence(at=NOW, months=12) == 0
    assert refresh_evidence(at=NOW, months=24, reps=[bo.pk]) == 0
    assert refresh_evidence(at=NOW, months=24, reps=[ana.pk]) == 1


def test_counting_evidence_leaves_cached_rosters_good(ana: Rep) -> None:
    def stamp() -> int:
        return RosterStamp.objects.get(pk=1).version

    close(ana, "Healthcare", won=3, lost=2)
    before = stamp()
    assert refresh_evidence(at=NOW, months=12) == 1
    assert stamp() == before
    ana.skills.update(proficiency=3)
    assert stamp() > before


def test_the_night_counts_evidence_and_asks_for_the_review_once_a_quarter(specialist: Rep) -> None:
    Opportunity.objects.update(closed_at=F("closed_at") + (timezone.now() - NOW))
    jobs.every_night()
    assert Skill.objects.get(name="Healthcare").evidence_won == 6
    job = Job.objects.get(kind="tag review")
    assert job.result == {"trigger": "schedule"}
    jobs.review_tags(job.pk)
    jobs.every_night()
    assert Job.objects.filter(kind="tag review").count() == 1
    assert TagReview.objects.get().trigger == "schedule"


@pytest.mark.parametrize(
    ("months", "month", "start"), [(3, 3, 1), (3, 4, 4), (3, 12, 10), (1, 7, 7), (6, 11, 7), (12, 11, 1)]
)
def test_periods_begin_with_the_quarter(months: int, month: int, start: int) -> None:
    at = datetime.datetime(2026, month, 15, tzinfo=datetime.UTC)
    assert period_start(at, months) == datetime.date(2026, start, 1)


def test_a_review_is_due_once_in_each_quarter(specialist: Rep) -> None:
    assert tag_reviews.is_due(at=NOW)
    review(trigger=TagReview.Trigger.PERSON)
    assert tag_reviews.is_due(at=NOW)  # asked for in between counts for nothing
    review()
    assert not tag_reviews.is_due(at=NOW + DAY)
    april = datetime.datetime(2026, 4, 1, 1, tzinfo=datetime.UTC)
    assert not tag_reviews.is_due(at=april - 2 * datetime.timedelta(hours=1))
    assert tag_reviews.is_due(at=april)
    assert tag_reviews.is_due(at=april + 20 * DAY)  # nobody worked for three weeks: caught up


def test_no_review_is_due_while_there_are_too_few_deals(ana: Rep, bo: Rep) -> None:
    close(ana, "Retail", won=2, lost=3)
    close(bo, "Retail", won=2, lost=3)
    assert not tag_reviews.is_due(at=NOW)


# --- telling ----------------------------------------------------------------------------------------------------------


def test_each_manager_is_told_once_for_each_review(
    bo: Rep, ana: Rep, cara: Rep, ben: User, omar: User
) -> None:
    removal = Removal(ana.pk, "industry", "Healthcare", "no win", 0, 12, None, None, "won none of 12")
    store(proposal(bo), proposal(bo, value="Energy"), proposal(cara), removal)
    assert outbox.deliver_due(at=timezone.now()) == 1  # nobody manages West
    (note,) = Notification.objects.all()
    assert (note.user, note.text) == (
        ben,
        "3 suggestions wait for your team: 2 tags to add, 1 to remove.",
    )
    assert note.path == "/reps/suggested-tags/"
    store(proposal(bo), at=NOW + DAY, trigger="person", by=omar)
    assert OutboxMessage.objects.count() == 1  # asked for, and nothing new
    store(proposal(bo), proposal(bo, value="Media"), at=NOW + 2 * DAY, trigger="person", by=omar)
    assert OutboxMessage.objects.count() == 2
    store(proposal(bo, value="Law"), at=NOW + 3 * DAY, trigger="person", by=ben)
    assert OutboxMessage.objects.count() == 2  # ben asked himself


@pytest.mark.parametrize(
    ("add", "remove", "words"),
    [
        (5, 2, "7 suggestions wait for your team: 5 tags to add, 2 to remove."),
        (1, 0, "1 suggestion waits for your team: 1 tag to add."),
        (0, 1, "1 suggestion waits for your team: 1 tag to remove."),
        (0, 3, "3 suggestions wait for your team: 3 tags to remove."),
    ],
)
def test_what_managers_read(add: int, remove: int, words: str) -> None:
    assert tag_reviews.waiting_words({"add": add, "remove": remove}) == words


# --- the job ----------------------------------------------------------------------------------------------------------


def test_one_review_at_a_time(omar: User, ben: User) -> None:
    job = tag_reviews.request_review(by=omar)
    with pytest.raises(tag_reviews.ReviewUnderWay) as refusal:
        tag_reviews.request_review(by=ben)
    assert refusal.value.job == job


def test_a_job_delivered_twice_reviews_once(specialist: Rep, omar: User) -> None:
    job = tag_reviews.request_review(by=omar)
    tag_reviews.run_review(job_id=job.pk, at=NOW)
    tag_reviews.run_review(job_id=job.pk, at=NOW)
    job.refresh_from_db()
    (found,) = TagReview.objects.all()
    assert (job.state, job.result) == ("done", {"trigger": "person", "review": found.pk})
    assert (found.requested_by, found.job) == (omar, job)
    assert TagSuggestion.objects.count() == 1


def test_a_killed_worker_is_visible_and_makes_room(specialist: Rep, omar: User) -> None:
    job = tag_reviews.request_review(by=omar)
    Job.objects.filter(pk=job.pk).update(
        state="running", started_at=timezone.now(), heartbeat_at=timezone.now() - DAY
    )
    again = tag_reviews.request_review(by=omar)
    job.refresh_from_db()
    assert (job.state, again.state) == ("failed", "queued")
    assert "The worker stopped" in job.error
    assert not TagReview.objects.exists()


def test_a_review_cancelled_meanwhile_keeps_nothing(specialist: Rep, omar: User) -> None:
    job = tag_reviews.request_review(by=omar)
    looked = tag_reviews.look(at=NOW, say=lambda stage, done, total: None)
    Job.objects.filter(pk=job.pk).update(state="cancelled")
    tag_reviews.run_review(job_id=job.pk, at=NOW)
    assert isinstance(looked.proposals, TagProposals)
    assert not TagReview.objects.exists()
    assert not TagSuggestion.objects.exists()


def test_the_command_says_what_it_found(specialist: Rep, capsys: pytest.CaptureFixture[str]) -> None:
    Opportunity.objects.update(closed_at=F("closed_at") + (timezone.now() - NOW))
    call_command("suggest_tags", "--json")
    content = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (content["deals"], content["found"], content["unavailable"]) == (480, 1, "")
    assert content["suggestions"][0]["rep"] == "Bo"
    assert content["suggestions"][0]["name"] == "Healthcare"


def test_the_command_on_an_empty_installation_is_no_error(capsys: pytest.CaptureFixture[str]) -> None:
    call_command("suggest_tags")
    assert "Nothing can be said: fewer than 30 deals" in capsys.readouterr().out


def test_the_settings_are_what_the_engine_gets(db: None) -> None:
    from routing.engine.tagging.deals import TagSettings
    from routing.queries.tag_reviews import tag_settings

    shipped, ours = TagSettings(), tag_settings(tag_review_settings())
    assert ours.window_days == pytest.approx(shipped.window_days, abs=1)
    assert ours.silent_after_days == pytest.approx(shipped.silent_after_days, abs=1)
    assert ours.stale_after_days == pytest.approx(shipped.stale_after_days, abs=3)
    for name in ("least_wins", "least_language_wins", "plenty_wins", "least_lift", "false_share",
                 "least_deals_to_remove", "least_deals_while_silent"):  # fmt: skip
        assert getattr(ours, name) == getattr(shipped, name), name


def test_the_schedule_is_the_nightly_one(db: None) -> None:
    assert Schedule.objects.get(name="Every night").func == "routing.jobs.every_night"


@pytest.mark.django_db(transaction=True)
def test_two_managers_at_once_one_is_told(bo: Rep, ben: User, omar: User) -> None:
    one = suggestion_of(bo)
    results: list[Any] = []
    barrier = threading.Barrier(2)

    def act(user: User) -> None:
        try:
            barrier.wait(10)
            results.append(tag_reviews.approve_suggestions(ids=[one.pk], by=user, at=NOW))
        finally:
            connection.close()

    threads = [threading.Thread(target=act, args=(user,)) for user in (ben, omar)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(len(result.done) for result in results) == [0, 1]
    problems = [problem for result in results for problem in result.problems]
    assert problems[0] in {f"Bo, Healthcare: {user} has approved it already." for user in (ben, omar)}
    assert len(problems) == 1
    assert Skill.objects.filter(rep=bo).count() == 1


def test_unavailable_is_stored_in_words(bo: Rep) -> None:
    looked = tag_reviews.Looked(NOW, tag_review_settings(), 3, 1, Unavailable("only one rep closed deals"))
    found = tag_reviews.store_review(looked, trigger="command", by=None, job=None)
    assert (found.unavailable, found.deals, found.found) == ("only one rep closed deals", 3, 0)
    assert TagReviewSettings.objects.count() == 1
