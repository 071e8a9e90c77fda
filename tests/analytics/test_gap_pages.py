"""The page of coverage gaps: what it says, for whom, and in how many queries."""

import datetime
from collections.abc import Callable

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from analytics.models import FallThrough
from analytics.queries.gaps import gaps_page
from analytics.queries.period import Chosen
from crm.models import Opportunity
from reps.models import Rep, Team, User
from routing.models import Decision
from tests.conftest import NOW

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
Fell = Callable[..., FallThrough]
TODAY = NOW.date()
PERIOD = {"first": "2026-02-01", "last": "2026-03-31"}
CHOSEN = Chosen(datetime.date(2026, 2, 1), datetime.date(2026, 3, 31))
QUERIES = 7
PAGE_QUERIES = 12


@pytest.fixture
def fell(publish: Callable[[], int], ana: Rep, make_opportunity: Callable[..., Opportunity]) -> Fell:
    """A row as the job would keep it, of an opportunity decided on some day."""
    from routing.services.decisions import route

    publish()
    made = route(opportunity_id=make_opportunity("First").pk, at=NOW)
    assert made is not None

    def make(cause: str = "", missing: str = "", **values: object) -> FallThrough:
        number = FallThrough.objects.count() + 1
        plain = {
            "opportunity": make_opportunity(f"Lead {number}"),
            "decision": Decision.objects.get(pk=made.pk),
            "day": TODAY,
            "kind": "lead",
            "cause": cause,
            "missing": missing,
        }
        return FallThrough.objects.create(**plain | values)

    return make


def page(user: User, chosen: Chosen = CHOSEN) -> dict[tuple[str, str], tuple[int, int]]:
    found = gaps_page(user=user, chosen=chosen, now=NOW)
    return {(line.title, line.where): (line.gap.fell, line.gap.total) for line in found.lines}


def test_a_segment_that_stands_out_is_named(fell: Fell, omar: User) -> None:
    for n in range(40):
        fell("capacity" if n < 20 else "", "open opportunities" if n < 20 else "", industry="Energy")
    for n in range(60):
        fell("capacity" if n < 2 else "", "open opportunities" if n < 2 else "", industry="Retail")
    title = "Everybody was full: open opportunities"
    assert page(omar) == {(title, "industry Energy"): (20, 40), (title, ""): (2, 60)}


def test_of_a_policy_only_its_own_are_elsewhere(fell: Fell, omar: User) -> None:
    """All of source Nurture are the policy's: that is no finding. That Energy is what falls through of them, is."""
    for n in range(60):
        fell("confidence" if n < 15 else "", "Nurture" if n < 15 else "", source="Nurture", policy="Nurture",
             industry="Energy" if n < 20 else "Retail")  # fmt: skip
    for _ in range(100):
        fell(source="Chat", policy="Other", industry="Energy")
    assert page(omar) == {("No match reaches the threshold of “Nurture”", "industry Energy"): (15, 20)}


def test_days_sources_teams_and_kinds_narrow_it(fell: Fell, omar: User, east: Team) -> None:
    fell("away", source="Chat", team_id=east.pk)
    fell("away", day=TODAY - datetime.timedelta(days=200))
    fell("away", kind="deal")
    assert page(omar) == {("Everybody was away", ""): (2, 2)}
    for narrowed in ({"source": "Chat"}, {"team": east}, {"kind": "deal"}):
        assert page(omar, Chosen(CHOSEN.first, CHOSEN.last, **narrowed)) == {
            ("Everybody was away", ""): (1, 1)
        }


def test_who_lacks_only_a_language_is_named_with_the_load(
    fell: Fell, omar: User, ana: Rep, bo: Rep, as_user: SignIn
) -> None:
    for n in range(4):
        fell("language", "Polish", language="Polish", lacking=[ana.pk, bo.pk] if n else [ana.pk])
    text = as_user(omar).get(reverse("analytics_gaps"), PERIOD).content.decode()
    assert "Nobody with room speaks Polish" in text
    assert "Ana and Bo lack only Polish: everything else fits, and there was room, for 4 of these." in text
    assert f'href="{reverse("rep", args=[ana.pk])}"' in text
    assert "0 of 10 open" in text


def test_a_threshold_says_how_close_they_came(fell: Fell, omar: User, as_user: SignIn) -> None:
    for score in (55, 52, 20):
        fell("confidence", "Inbound", best_score=score, threshold=60, subject_id=7)
    text = as_user(omar).get(reverse("analytics_gaps"), PERIOD).content.decode()
    assert (
        "The threshold of “Inbound” (60) turned away 3; the best match of 2 of them came within 10 points of it."
        in text
    )
    assert f"{reverse('policies')}#look-policy-7" in text


def test_how_much_to_hire_follows_from_what_comes_and_how_long_it_stays(
    fell: Fell, omar: User, ana: Rep
) -> None:
    """59 days are 8.43 weeks: 12 of these are 1.4 a week, each open for 35 days: 7.1 at a time, of 10."""
    closed = Opportunity.objects.get(name="First")
    Opportunity.objects.filter(pk=closed.pk).update(
        stage="won",
        routing="none",
        opened_at=NOW - datetime.timedelta(days=35),
        closed_at=NOW,
        assigned_at=None,
    )
    for _ in range(12):
        fell("capacity", "open opportunities", lacking=[ana.pk])
    (line,) = gaps_page(user=omar, chosen=CHOSEN, now=NOW).lines
    assert [remedy.plain for remedy in line.remedies] == [
        "Hire: 1.4 of these come in a week and stay open for 35 days: about 7.1 at a time, where a rep carries 10. "
        "That is 0.71 of a rep: one more who takes these.",
        "Limit: Ana would have had most of them, but for the limit on open opportunities.",
    ]


@pytest.mark.parametrize(
    ("cause", "missing", "said"),
    [
        ("territory", "Germany", "Nobody covers Germany"),
        ("requirement", "certification: ISO", "Nobody with room meets certification: ISO"),
        ("rule", "To Bo", "The rule “To Bo” leaves nobody with room"),
        ("hours", "", "Nobody was at work"),
        ("turned_down", "", "Everybody had it before and did not take it"),
        ("experiment", "Half", "The arm of the experiment “Half” has nobody for it"),
        ("away", "", "Everybody was away"),
        ("capacity", "pipeline value", "Everybody was full: pipeline value"),
    ],
)
def test_every_cause_has_words_and_a_way_on(
    cause: str, missing: str, said: str, fell: Fell, omar: User
) -> None:
    fell(cause, missing, subject_id=3)
    (line,) = gaps_page(user=omar, chosen=CHOSEN, now=NOW).lines
    assert line.title == said
    assert any(remedy.url or remedy.what == "Hire" for remedy in line.remedies)


def test_the_list_behind_a_gap_has_as_many(fell: Fell, omar: User, as_user: SignIn) -> None:
    for n in range(40):
        fell("away" if n < 20 else "", industry="Energy")
    for n in range(60):
        fell("away" if n < 2 else "", industry="Retail")
    lines = gaps_page(user=omar, chosen=CHOSEN, now=NOW).lines
    browser = as_user(omar)
    for line in lines:
        answer = browser.get(reverse("analytics_gap", args=[line.key]), PERIOD)
        assert answer.context["page"].total == line.gap.fell
    assert browser.get(reverse("analytics_gap", args=["0" * 12]), PERIOD).status_code == 404
    first = reverse("analytics_gap", args=[lines[0].key])
    assert browser.get(first, PERIOD | {"at": "nonsense"}).status_code == 404


def test_a_manager_sees_the_own_teams_and_what_nobody_owns(
    fell: Fell, ben: User, omar: User, ana: Rep, cara: Rep, as_user: SignIn
) -> None:
    for rep in (ana, cara):
        row = fell("language", "Polish", lacking=[cara.pk])
        Opportunity.objects.filter(pk=row.opportunity_id).update(owner=rep, routing="assigned")
    fell("language", "Polish", lacking=[cara.pk])
    assert page(omar) == {("Nobody with room speaks Polish", ""): (3, 3)}
    assert page(ben) == {("Nobody with room speaks Polish", ""): (2, 2)}
    assert "Cara" not in as_user(ben).get(reverse("analytics_gaps"), PERIOD).content.decode()


def test_files(fell: Fell, omar: User, as_user: SignIn) -> None:
    fell("away", value_base=100)
    fell()
    browser = as_user(omar)
    lines = browser.get(reverse("analytics_gaps_csv"), PERIOD).content.decode().splitlines()
    assert lines[1].startswith("Everybody was away,everywhere else,1,2,0.5000,")
    weeks = browser.get(reverse("analytics_gaps_weeks_csv"), PERIOD).content.decode().splitlines()
    assert "2026-03-02,2,1,0.5000,100.00" in weeks
    assert len(weeks) == 1 + 10


@pytest.mark.parametrize(
    "address", ["?first=x&last=y", "?team=99&source=Nowhere&kind=z", "?first=0001-01-01"]
)
def test_what_is_malformed_is_ignored(address: str, omar: User, as_user: SignIn, publish: object) -> None:
    assert as_user(omar).get(reverse("analytics_gaps") + address).status_code == 200


def test_before_anything_is_read_it_says_so(omar: User, as_user: SignIn) -> None:
    assert (
        "No decision has been looked at yet" in as_user(omar).get(reverse("analytics_gaps")).content.decode()
    )


@pytest.mark.parametrize("rows", [1, 30])
def test_queries_do_not_grow(rows: int, fell: Fell, omar: User, ana: Rep, as_user: SignIn) -> None:
    for n in range(rows):
        fell("language", f"Language {n % 7}", lacking=[ana.pk])
        fell(industry=f"Industry {n % 3}")
    with CaptureQueriesContext(connection) as caught:
        gaps_page(user=omar, chosen=CHOSEN, now=NOW)
    assert len(caught) == QUERIES
    browser = as_user(omar)
    with CaptureQueriesContext(connection) as caught:
        browser.get(reverse("analytics_gaps"), PERIOD)
    assert len(caught) == PAGE_QUERIES
