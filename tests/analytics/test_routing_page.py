"""Analytics › Routing: the numbers are those of the definition, for whom they are, however they are filtered."""

import csv
import datetime
import io
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from analytics.forms.filters import RoutingFilter
from analytics.models import DaySum, Fact, MonthSum, RepDay, RepMonthSum, TouchMonthSum, TouchSum
from analytics.queries import frames
from analytics.queries.filters import Filters
from analytics.queries.metrics import Metric, key_metrics
from analytics.services.refresh import refresh
from crm.models import Opportunity
from crm.services.activities import log_activity
from reps.models import Rep, User
from routing.models import QueueItem
from routing.services import queue
from routing.services.decisions import route
from routing.services.outcomes import record_outcome
from tests.analytics.facts import make_fact

pytestmark = pytest.mark.django_db
PAGE_QUERIES = 27
DAY = datetime.timedelta(days=1)
AsUser = Callable[[User], Client]


@pytest.fixture
def today() -> datetime.date:
    return timezone.now().date()


@pytest.fixture
def made(ana: Rep) -> Callable[..., Fact]:
    """A fact as if it had happened, Ana's where nobody else is said, with its sums."""
    return lambda event="assigned", **values: make_fact(event, **{"rep": ana} | values)


def metrics_of(**chosen: Any) -> dict[str, Metric]:
    today = timezone.now().date()
    filters = Filters(**{"first": today - 29 * DAY, "last": today} | chosen)
    found = key_metrics(frames.counted(filters), frames.touches(filters), frames.utilisation(filters))
    return {metric.key: metric for metric in found}


@pytest.mark.usefixtures("omar")
class TestKeyMetrics:
    def test_quality_is_the_mean_score_and_says_how_it_moved(self, made: Callable[..., Fact]) -> None:
        made(score=80), made(score=70), made(score=None)
        made(days_ago=40, score=50)
        quality = metrics_of()["quality"]
        assert (quality.value, quality.tone, quality.change) == ("75", "good", "+25.0")
        assert quality.cases == "2 scored assignments"

    def test_first_touch_is_the_median_of_those_touched(self, made: Callable[..., Fact]) -> None:
        for seconds in (60, 120, 6000):
            made(seconds=seconds, hit=True)
        made(hit=False), made(seconds=9 * 3600, hit=True, mode="batch")
        found = metrics_of()
        assert (found["touch_real_time"].value, found["touch_real_time"].tone) == ("2.0\xa0min", "good")
        assert found["touch_real_time"].cases == "3 touched, 1 not yet"
        assert (found["touch_batch"].value, found["touch_batch"].tone) == ("9.0\xa0h", "warn")

    def test_wins_by_score_say_whether_they_rise(self, made: Callable[..., Fact]) -> None:
        for n in range(12):
            made("closed", score=85, hit=n < 10), made("closed", score=20, hit=n < 2)
        wins = metrics_of()["wins"]
        assert (wins.value, wins.target, wins.tone, wins.change) == (
            "83\xa0%", "rises with the score", "good", "low match 17\xa0%",
        )  # fmt: skip

    def test_overrides_and_coverage_have_their_targets(self, made: Callable[..., Fact]) -> None:
        made("judged", hit=True)
        for _ in range(9):
            made("judged", hit=False)
        made("routed", hit=True), made("routed", hit=False), made("routed", hit=None)
        found = metrics_of()
        assert (found["overrides"].value, found["overrides"].tone) == ("10\xa0%", "good")
        assert (found["coverage"].value, found["coverage"].tone) == ("50\xa0%", "warn")
        assert found["coverage"].cases == "1 of 2 to be chosen"

    def test_capacity_is_the_mean_over_reps_and_days(self, ana: Rep, bo: Rep, today: datetime.date) -> None:
        RepDay.objects.create(day=today - DAY, rep=ana, load=9, max_open=10)
        RepDay.objects.create(day=today - DAY, rep=bo, load=5, max_open=10)
        assert (metrics_of()["utilisation"].value, metrics_of()["utilisation"].tone) == ("70\xa0%", "good")
        assert metrics_of(rep_ids=(ana.pk,), team_ids=())["utilisation"].value == "90\xa0%"

    def test_nothing_is_a_dash_and_no_verdict(self) -> None:
        found = metrics_of()
        assert [metric.value for metric in found.values()] == ["–"] * 7
        assert {metric.tone for metric in found.values()} == {""}


@pytest.mark.usefixtures("omar")
class TestSumsAndFacts:
    """Whatever is chosen, sums and facts say the same."""

    def test_give_the_same_frames(
        self, made: Callable[..., Fact], ana: Rep, bo: Rep, today: datetime.date
    ) -> None:
        for n in range(24):
            made(
                ("assigned", "closed", "judged", "routed")[n % 4], days_ago=13 * n, score=(n * 7) % 100, hit=n % 3 == 0,
                seconds=50 * n, source=("Web", "")[n % 2], policy=("P", "")[n % 3 == 0], rep=(ana, bo)[n % 2],
                path=("model", "person")[n % 5 == 0],
            )  # fmt: skip
        everybody = tuple(Rep.objects.values_list("pk", flat=True))
        cases: list[dict[str, Any]] = [{}, {"source": "Web"}, {"policy": "P"}, {"kind": "lead"}]
        for chosen in cases:
            for days in (10, 45, 90, 200, 300):
                by_sums = Filters(today - days * DAY, today, **chosen)
                by_facts = Filters(today - days * DAY, today, rep_ids=everybody, team_ids=(), **chosen)
                assert by_sums.summed_by is not None
                assert by_facts.summed_by is None
                for read in (frames.counted, frames.touches, frames.closed_by_stratum):
                    assert as_rows(read(by_sums)) == as_rows(read(by_facts)), (read, chosen, days)
                assert as_rows(frames.rep_tens(by_sums, "closed")) == as_rows(
                    frames.rep_tens(by_facts, "closed")
                )
        sums = (DaySum, MonthSum, TouchSum, TouchMonthSum, RepMonthSum)
        assert min(model.objects.count() for model in sums) > 0


def as_rows(found: Any) -> list[tuple[Any, ...]]:
    rows = found.astype(object).where(found.notna(), None).itertuples(index=False, name=None)
    return sorted((tuple(round(v, 6) if isinstance(v, float) else v for v in row) for row in rows), key=repr)


class TestPage:
    def test_every_role_that_may_sees_its_own(
        self,
        as_user: AsUser,
        made: Callable[..., Fact],
        omar: User,
        ben: User,
        nia: User,
        ada: User,
        ana: Rep,
        cara: Rep,
    ) -> None:
        made(score=80, source="Web"), made(score=40, rep=cara, source="Web")
        for user, shown in ((omar, "60"), (nia, "60"), (ada, "60"), (ben, "80")):
            page = as_user(user).get("/analytics/routing/").content.decode()
            assert f'<b class="big">{shown}</b>' in page, user
        assert ana.user is not None
        assert as_user(ana.user).get("/analytics/routing/").status_code == 403

    def test_is_read_in_so_many_queries_however_much_there_is(
        self,
        as_user: AsUser,
        made: Callable[..., Fact],
        omar: User,
        django_assert_num_queries: DjangoAssertNumQueries,
    ) -> None:
        made(score=80), made("closed", score=80, hit=True)
        client = as_user(omar)
        client.get("/analytics/routing/")
        with django_assert_num_queries(PAGE_QUERIES):
            client.get("/analytics/routing/")
        for n in range(12):
            made(("assigned", "closed", "judged", "routed")[n % 4], score=40 + n, hit=n % 2 == 0, seconds=90)
        with django_assert_num_queries(PAGE_QUERIES):
            client.get("/analytics/routing/")

    def test_charts_have_tables_and_files(
        self, as_user: AsUser, made: Callable[..., Fact], omar: User
    ) -> None:
        for n in range(8):
            made("closed", score=85, hit=n < 6), made("closed", score=20, hit=n < 2, path="person")
            made(score=85, hit=True, seconds=240), made("routed", hit=True), made("judged", hit=False)
        client = as_user(omar)
        page = client.get("/analytics/routing/").content.decode()
        for key in (
            "scores",
            "wins-by-score",
            "lift",
            "first-touch",
            "coverage",
            "overrides",
            "rep-tiers",
            "workload",
        ):
            assert f'id="{key}"' in page, key
            answer = client.get(f"/analytics/routing/{key}.csv")
            assert answer.status_code == 200, key
            assert len(answer.content.decode("utf-8-sig").splitlines()) > 1, key
        rows = list(
            csv.DictReader(
                io.StringIO(client.get("/analytics/routing/wins-by-score.csv").content.decode("utf-8-sig"))
            )
        )
        assert [(row["score_from"], row["won"], row["closed"]) for row in rows] == [
            ("20", "2", "8"),
            ("80", "6", "8"),
        ]
        assert client.get("/analytics/routing/nonsense.csv").status_code == 404

    def test_filters_live_in_the_address(
        self, as_user: AsUser, made: Callable[..., Fact], omar: User, ana: Rep, cara: Rep
    ) -> None:
        made(score=80, source="Web", rep=ana), made(score=40, source="Event", rep=cara)
        client = as_user(omar)
        for address, shown in (
            ("?source=Web", "80"), (f"?rep={cara.pk}", "40"), (f"?team={ana.team_id}", "80"), ("?kind=lead", "60"),
            ("?kind=deal", "–"), ("?source=Web&kind=lead&days=30", "80"),
        ):  # fmt: skip
            page = client.get(f"/analytics/routing/{address}").content.decode()
            metric = f'<b class="big">{shown}</b>'
            assert metric in page or (shown == "–" and "Nothing in this period" in page), address
        page = client.get("/analytics/routing/?source=Web&days=30").content.decode()
        assert "/analytics/routing/scores.csv?days=30&amp;source=Web" in page

    @pytest.mark.parametrize(
        "address",
        ["?from=yesterday", "?from=2026-01-05&to=2026-01-01", "?from=1900-01-01", "?team=999", "?rep=x", "?days=7",
         "?source=%00", "?territory=1e9", "?kind=thing", "?policy=nope", "?to=9999-12-31", "?from=0001-01-01"],
    )  # fmt: skip
    def test_what_is_wrong_in_an_address_is_said_and_breaks_nothing(
        self, as_user: AsUser, made: Callable[..., Fact], omar: User, address: str
    ) -> None:
        made(score=80)
        for path in ("", "opportunities/", "scores.csv"):
            assert as_user(omar).get(f"/analytics/routing/{path}{address}").status_code == 200

    def test_an_address_of_another_team_shows_a_manager_nothing_of_it(
        self, as_user: AsUser, made: Callable[..., Fact], omar: User, ben: User, cara: Rep
    ) -> None:
        made(score=40, rep=cara)
        made(score=80)
        page = as_user(ben).get(f"/analytics/routing/?team={cara.team_id}").content.decode()
        assert '<b class="big">80</b>' in page
        assert "Select a valid choice" in page


class TestBehind:
    def test_lists_the_opportunities_of_a_point(
        self, as_user: AsUser, made: Callable[..., Fact], omar: User, ben: User, cara: Rep
    ) -> None:
        high, low, other = made(score=85), made(score=20), made(score=88, rep=cara)
        page = as_user(omar).get("/analytics/routing/opportunities/?event=assigned&bins=7-9").content.decode()
        assert high.opportunity.name in page
        assert other.opportunity.name in page
        assert low.opportunity.name not in page
        assert "match score 70 to 100" in page
        page = as_user(ben).get("/analytics/routing/opportunities/?event=assigned&bins=7-9").content.decode()
        assert high.opportunity.name in page
        assert other.opportunity.name not in page

    @pytest.mark.parametrize(
        "address", ["?event=nonsense", "?bins=12-", "?path=x&mode=y&hit=maybe", "?at=zzz"]
    )
    def test_takes_any_address(
        self, as_user: AsUser, made: Callable[..., Fact], omar: User, address: str
    ) -> None:
        made(score=80)
        code = as_user(omar).get(f"/analytics/routing/opportunities/{address}").status_code
        assert code == (404 if "at=" in address else 200)


def test_the_whole_way_from_a_lead_to_the_page(
    as_user: AsUser,
    ana: Rep,
    bo: Rep,
    omar: User,
    publish: Callable[[], int],
    make_opportunity: Callable[..., Opportunity],
) -> None:
    publish()
    now = timezone.now()
    for n in range(4):
        lead = make_opportunity(f"Lead {n}", industry="Healthcare", at=now - 5 * DAY)
        route(opportunity_id=lead.pk, at=now - 5 * DAY)
        item = QueueItem.objects.get(opportunity=lead)
        if n:
            queue.approve(item_id=item.pk, by=omar, at=now - 4 * DAY)
            log_activity(opportunity_id=lead.pk, kind="call", rep=ana, happened_at=now - 4 * DAY + DAY / 8)
            record_outcome(opportunity_id=lead.pk, stage="won" if n > 1 else "lost", at=now - DAY, by=omar)
        else:
            queue.give_to(item_id=item.pk, rep_id=bo.pk, by=omar, at=now - 4 * DAY)
    refresh()
    page = as_user(omar).get("/analytics/routing/").content.decode()
    assert "1 of 4 suggestions" in page
    assert "3 of 4 to be chosen" in page
    assert '<b class="big">3.0\xa0h</b>' in page
    form = RoutingFilter({}, user=omar, today=now.date())
    assert form.filters().days == 90
