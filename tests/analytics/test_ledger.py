"""The opportunity ledger: its numbers by hand, whose it is, and in how many queries."""

import csv
import datetime
import io
from collections.abc import Callable

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from analytics.models import CoachingLook, Fact
from analytics.queries.ledger import Ledger, load_ledger, months
from crm.models import Opportunity
from crm.services import ownership
from reps.models import Absence, ClosingDay, Rep, User
from tests.conftest import NOW

pytestmark = pytest.mark.django_db
AsUser = Callable[[User], Client]
Give = Callable[..., Fact]
FIRST, LAST = datetime.date(2026, 3, 2), datetime.date(2026, 3, 13)  # two working weeks
PERIOD = {"from": "2026-03-02", "to": "2026-03-13"}
PAGE_QUERIES = 14


@pytest.fixture
def give(make_opportunity: Callable[..., Opportunity]) -> Give:
    def make(rep: Rep, day: datetime.date = FIRST, event: str = "assigned", **values: object) -> Fact:
        plain = {"kind": "lead", "path": "model", "mode": "real_time"}
        opportunity = make_opportunity(f"Lead {Fact.objects.count()}")
        return Fact.objects.create(event=event, day=day, opportunity=opportunity, rep=rep, **plain | values)

    return make


@pytest.fixture(autouse=True)
def here_for_long(db: None, ana: Rep, bo: Rep, cara: Rep) -> None:
    Rep.objects.update(created_at=NOW - datetime.timedelta(days=400))


def of(rep: Rep) -> Ledger:
    return load_ledger(Rep.objects.get(pk=rep.pk), first=FIRST, last=LAST)


class TestReceived:
    def test_a_half_each_where_both_were_there(self, give: Give, ana: Rep, bo: Rep, cara: Rep) -> None:
        give(ana, value=100), give(ana, kind="deal", value=300), give(bo), give(bo), give(cara)
        found = of(ana)
        share = found.whole.share
        assert (share.got, share.of, share.expected, share.verdict) == (2, 4, 2, "within chance")
        assert (found.leads, found.deals) == (1, 1)
        assert (found.whole.value.got, found.whole.value.of, found.whole.value.expected) == (400, 400, 200)
        assert (found.present, found.working) == (10, 10)

    def test_room_weighs(self, give: Give, ana: Rep, bo: Rep) -> None:
        Rep.objects.filter(pk=ana.pk).update(own_max_open=30)
        give(ana), give(bo), give(bo), give(bo)
        assert of(ana).whole.share.expected == 3

    def test_absences_are_taken_out(self, give: Give, ana: Rep, bo: Rep) -> None:
        Absence.objects.create(rep=ana, starts_at=NOW, ends_at=NOW + datetime.timedelta(days=2))
        for day in range(4):
            give(bo, FIRST + datetime.timedelta(days=day))
        found = of(ana)
        assert (found.whole.share.expected, found.present, found.working) == (1, 8, 10)

    def test_closing_days_are_nobodys(self, give: Give, ana: Rep) -> None:
        ClosingDay.objects.create(name="Move", first_day=FIRST, last_day=FIRST)
        give(ana)
        found = of(ana)
        assert (found.present, found.working, found.whole.share.expected) == (9, 9, 0.5)

    def test_days_before_the_start_and_after_leaving_are_taken_out(
        self, give: Give, ana: Rep, bo: Rep
    ) -> None:
        begun = datetime.datetime(2026, 3, 4, 9, tzinfo=datetime.UTC)
        Rep.objects.filter(pk=ana.pk).update(created_at=begun, left_at=begun + datetime.timedelta(days=1))
        for day in range(4):
            give(bo, FIRST + datetime.timedelta(days=day))
        found = of(ana)
        assert (found.whole.share.expected, found.working) == (0.5, 1)

    def test_what_was_assigned_before_the_profile_was_made_counts(self, give: Give, ana: Rep) -> None:
        Rep.objects.filter(pk=ana.pk).update(created_at=NOW + datetime.timedelta(days=5))
        give(ana)
        assert of(ana).working == 10

    def test_imports_are_left_out_and_said(self, give: Give, ana: Rep) -> None:
        give(ana), give(ana, path="import"), give(ana, path="turn"), give(ana, path="turn")
        found = of(ana)
        assert (found.whole.count, found.imported) == (3, 1)
        assert found.paths == (("model", "by the model", 1), ("turn", "in turn", 2))

    def test_difficulty_is_the_average_reps_chance(self, give: Give, ana: Rep, bo: Rep) -> None:
        give(ana, win_probability=0.3, score=50), give(ana, win_probability=0.5, score=50), give(ana)
        give(bo, win_probability=0.7, score=50)
        found = of(ana)
        assert found.whole.ease == pytest.approx(0.4)
        assert (found.chance, found.team_ease) == pytest.approx((0.4, 0.5))


class TestWon:
    def test_wins_stand_beside_their_forecast(self, give: Give, ana: Rep, bo: Rep) -> None:
        for n in range(4):
            give(ana, event="closed", hit=n < 3, win_probability=0.5)
        give(ana, event="closed", hit=True), give(ana, event="closed", hit=None, win_probability=0.5)
        give(bo, event="closed", hit=True, win_probability=0.9)
        found = of(ana)
        wins = found.whole.wins
        assert (wins.closed, wins.won, wins.expected, wins.verdict) == (4, 3, 2, "within chance")
        assert found.unforecast == 1

    def test_forecasts_are_put_right_by_the_last_look(self, give: Give, ana: Rep) -> None:
        CoachingLook.objects.create(pk=1, at=NOW, first_day=FIRST, intercept=-1.0, slope=1.0)
        give(ana, event="closed", hit=False, win_probability=0.5)
        assert of(ana).whole.wins.expected == pytest.approx(0.2689, abs=0.001)


def test_months_cover_the_period_without_gaps() -> None:
    day = datetime.date
    assert months(day(2026, 1, 20), day(2026, 3, 2)) == [
        (day(2026, 1, 20), day(2026, 1, 31)),
        (day(2026, 2, 1), day(2026, 2, 28)),
        (day(2026, 3, 1), day(2026, 3, 2)),
    ]


class TestPages:
    def test_who_sees_whose(
        self, ana: Rep, bo: Rep, cara: Rep, ben: User, omar: User, nia: User, ada: User, as_user: AsUser
    ) -> None:
        assert ana.user is not None
        seen = {
            user.name: [
                as_user(user).get(f"/analytics/ledger/{rep.pk}/{part}").status_code
                for rep in (ana, bo, cara)
                for part in ("", "opportunities/")
            ]
            for user in (ana.user, ben, omar, nia, ada)
        }
        assert seen == {
            "Ana": [200, 200, 404, 404, 404, 404],
            "Ben": [200, 200, 200, 200, 404, 404],
            **dict.fromkeys(("Omar", "Nia", "Ada"), [200] * 6),
        }
        assert as_user(ana.user).get(f"/analytics/ledger/{bo.pk}.csv").status_code == 404

    def test_the_tab_opens_the_own_one(self, ana: Rep, omar: User, as_user: AsUser) -> None:
        assert ana.user is not None
        assert "Your ledger" in as_user(ana.user).get("/analytics/ledger/").content.decode()
        assert "You are no rep" in as_user(omar).get("/analytics/ledger/").content.decode()

    def test_it_is_linked_from_the_profile_and_my_work(self, ana: Rep, ben: User, as_user: AsUser) -> None:
        assert ana.user is not None
        profile = as_user(ben).get(f"/reps/{ana.pk}/").content.decode()
        assert f'href="/analytics/ledger/{ana.pk}/"' in profile
        assert 'href="/analytics/ledger/"' in as_user(ana.user).get("/my-work/").content.decode()

    def test_it_says_its_verdicts(self, give: Give, ana: Rep, bo: Rep, ben: User, as_user: AsUser) -> None:
        for _ in range(30):
            give(ana, value=10), give(ana, event="closed", hit=True, win_probability=0.3)
        text = as_user(ben).get(f"/analytics/ledger/{ana.pk}/", PERIOD).content.decode()
        assert "of the 30 opportunities of team East: 30 leads and 0 deals." in text
        assert "By availability 15 would have been the share (10 to 20 by luck alone)." in text
        assert "30 were won, where 9.0 were forecast" in text
        assert text.count("clearly more") == 3

    def test_the_lists_hold_what_is_counted(self, give: Give, ana: Rep, ben: User, as_user: AsUser) -> None:
        give(ana), give(ana, path="import"), give(ana, event="closed", hit=True)
        give(ana, event="closed", hit=True, win_probability=0.5)
        client, address = as_user(ben), f"/analytics/ledger/{ana.pk}/opportunities/"
        pages = {
            event: client.get(address, PERIOD | {"event": event}).content.decode()
            for event in ("assigned", "closed")
        }
        names = {event: [n for n in range(4) if f"Lead {n}" in text] for event, text in pages.items()}
        assert names == {"assigned": [0], "closed": [3]}

    def test_a_rep_reads_the_own_opportunities_behind_it(
        self, give: Give, ana: Rep, omar: User, as_user: AsUser
    ) -> None:
        assert ana.user is not None
        one, other = give(ana), give(ana)
        opportunity = ownership.lock_opportunity(one.opportunity_id)
        ownership.assign(
            opportunity=opportunity, rep=Rep.objects.select_for_update().get(pk=ana.pk), source="person",
            at=NOW, by=omar, reason="",
        )  # fmt: skip
        page = as_user(ana.user).get(f"/analytics/ledger/{ana.pk}/opportunities/", PERIOD).content.decode()
        assert (one.opportunity.name in page, other.opportunity.name in page) == (True, False)

    def test_the_file_has_a_line_for_each_month(
        self, give: Give, ana: Rep, ben: User, as_user: AsUser
    ) -> None:
        give(ana, value=50), give(ana, event="closed", hit=True, win_probability=0.5)
        response = as_user(ben).get(f"/analytics/ledger/{ana.pk}.csv", PERIOD)
        rows = list(csv.DictReader(io.StringIO(response.content.decode().removeprefix("\ufeff"))))
        assert [(row["month"], row["received"], row["fair_share"], row["won"], row["forecast"]) for row in rows] == [
            ("2026-03", "1", "0.50", "1", "0.50"),
        ]  # fmt: skip

    @pytest.mark.parametrize(
        "asked", [{"from": "x"}, {"from": "2026-03-05", "to": "2026-03-01"}, {"days": "7"}]
    )
    def test_what_is_malformed_is_said(
        self, asked: dict[str, str], ana: Rep, ben: User, as_user: AsUser
    ) -> None:
        assert (
            'class="body error small"'
            in as_user(ben).get(f"/analytics/ledger/{ana.pk}/", asked).content.decode()
        )

    @pytest.mark.parametrize("number", [1, 30])
    def test_queries_do_not_grow(
        self, number: int, give: Give, ana: Rep, ben: User, as_user: AsUser,
        make_rep: Callable[..., Rep], django_assert_num_queries: DjangoAssertNumQueries,
    ) -> None:  # fmt: skip
        for n in range(number):
            give(make_rep(f"Rep {n}")), give(ana), give(ana, event="closed", hit=True, win_probability=0.5)
        client, address = as_user(ben), f"/analytics/ledger/{ana.pk}/"
        client.get(address, PERIOD)
        with django_assert_num_queries(PAGE_QUERIES):
            client.get(address, PERIOD)
