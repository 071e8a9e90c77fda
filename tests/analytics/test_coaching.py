"""Coaching: what a night finds, how long it lives, who sees it, and what managers make of it."""

import datetime
from collections.abc import Callable

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from django_q.models import Schedule
from pytest_django import DjangoAssertNumQueries

from analytics.jobs import look_for_coaching_findings
from analytics.models import CoachingFinding, CoachingLook, Fact
from analytics.queries import coaching
from analytics.queries.coaching import coaching_page
from analytics.services.coaching import dismiss_finding, look_for_coaching, suggest_tag_of, take_up_again
from analytics.services.setup import schedule_jobs
from crm.models import Opportunity
from reps.models import Rep, Skill, TagSuggestion, Team, User
from tests.conftest import NOW

pytestmark = pytest.mark.django_db
AsUser = Callable[[User], Client]
Close = Callable[..., None]
Found = Callable[..., CoachingFinding]
TODAY = NOW.date()
DAY = datetime.timedelta(days=1)
PAGE_QUERIES = 9


@pytest.fixture
def close(make_opportunity: Callable[..., Opportunity]) -> Close:
    """Closed opportunities of a rep, `won` of `number`, each with the same forecast."""

    def make(
        rep: Rep, number: int, won: int, *, chance: float = 0.4, days_ago: int = 5, **values: object
    ) -> None:
        for n in range(number):
            opportunity = make_opportunity(f"Lead {Fact.objects.count()}", **values)
            Fact.objects.create(
                event="closed", day=TODAY - days_ago * DAY, opportunity=opportunity, kind="lead", path="model",
                mode="real_time", rep=rep, hit=n < won, win_probability=chance,
            )  # fmt: skip

    return make


@pytest.fixture
def plain(close: Close, ana: Rep, bo: Rep, cara: Rep) -> None:
    """Everybody wins two of five in Retail, as forecast; Bo and Cara in Healthcare, too."""
    for rep in (ana, bo, cara):
        close(rep, 40, 16, industry="Retail")
    for rep in (bo, cara):
        close(rep, 20, 8, industry="Healthcare")


@pytest.fixture
def found(ana: Rep) -> Found:
    def make(rep: Rep | None = None, kind: str = "better", **values: object) -> CoachingFinding:
        plain = {
            "rep": rep or ana, "kind": kind, "dimension": "industry", "level": "Energy", "closed": 14,
            "won": 12 if kind == "better" else 2, "expected": 6.1, "rest_closed": 40, "rest_won": 12,
            "rest_expected": 12.2, "difference": 0.3, "low": 0.1, "high": 0.5, "p": 0.001, "q": 0.02,
            "first_seen": TODAY, "last_seen": TODAY,
        }  # fmt: skip
        return CoachingFinding.objects.create(**plain | values)

    return make


def night(today: datetime.date = TODAY) -> int:
    return look_for_coaching(today=today, at=NOW)


def told() -> set[tuple[str, str, str, str]]:
    return set(CoachingFinding.objects.values_list("rep__name", "kind", "level", "state"))


@pytest.mark.usefixtures("plain")
class TestNights:
    def test_what_is_clearly_worse_is_found_with_its_numbers(self, close: Close, ana: Rep) -> None:
        close(ana, 24, 0, industry="Healthcare")
        assert night() == 1
        assert told() == {("Ana", "worse", "Healthcare", "open")}
        one = CoachingFinding.objects.get()
        assert (one.dimension, one.closed, one.won, one.rest_closed, one.rest_won) == (
            "industry", 24, 0, 40, 16,
        )  # fmt: skip
        assert one.expected == pytest.approx(9.5, abs=1.5)
        assert one.high < 0

    def test_where_all_is_as_forecast_nothing_is_found(self, close: Close, ana: Rep) -> None:
        close(ana, 24, 10, industry="Healthcare")
        assert (night(), told()) == (0, set())
        look = CoachingLook.objects.get()
        assert (look.closed, look.groups) == (184, 9)  # three reps, twice three segments

    def test_it_ends_by_itself_and_can_begin_anew(self, close: Close, ana: Rep) -> None:
        close(ana, 24, 0, industry="Healthcare")
        night()
        night(TODAY + DAY)
        assert CoachingFinding.objects.get().first_seen == TODAY
        close(ana, 40, 24, industry="Healthcare")
        assert night(TODAY + DAY) == 0
        assert told() == {("Ana", "worse", "Healthcare", "over")}

    def test_it_ends_when_there_is_nothing_to_look_at(self, close: Close, ana: Rep) -> None:
        close(ana, 24, 0, industry="Healthcare")
        night()
        assert night(TODAY + 500 * DAY) == 0
        assert told() == {("Ana", "worse", "Healthcare", "over")}

    def test_of_who_has_left_nothing_is_kept(self, close: Close, ana: Rep) -> None:
        close(ana, 24, 0, industry="Healthcare")
        Rep.objects.filter(pk=ana.pk).update(left_at=NOW)
        assert (night(), told()) == (0, set())

    def test_dismissed_it_stays_away_until_there_is_clearly_more(
        self, close: Close, ana: Rep, ben: User
    ) -> None:
        close(ana, 24, 0, industry="Healthcare")
        night()
        one = CoachingFinding.objects.get()
        dismiss_finding(finding_id=one.pk, by=ben, at=NOW, note="One customer")
        close(ana, 11, 0, industry="Healthcare")
        assert (night(), told()) == (0, {("Ana", "worse", "Healthcare", "dismissed")})
        close(ana, 1, 0, industry="Healthcare")
        assert night() == 1
        one.refresh_from_db()
        assert (one.state, one.closed, one.note, one.decided_by) == ("open", 36, "One customer", ben)


class TestAnswers:
    def test_a_dismissal_needs_words(self, found: Found, ben: User) -> None:
        with pytest.raises(ValidationError, match="few words"):
            dismiss_finding(finding_id=found().pk, by=ben, at=NOW, note="  ")

    def test_a_second_dismissal_is_told(self, found: Found, ben: User, omar: User) -> None:
        one = found()
        dismiss_finding(finding_id=one.pk, by=ben, at=NOW, note="Known")
        with pytest.raises(ValidationError, match="not stand any more"):
            dismiss_finding(finding_id=one.pk, by=omar, at=NOW, note="Known")
        assert take_up_again(finding_id=one.pk, by=ben).is_open

    def test_who_may_not_is_refused(self, found: Found, ben: User, nia: User, ana: Rep, cara: Rep) -> None:
        own, elsewhere = found(), found(cara)
        for by, one in ((nia, own), (ana.user, own), (ben, elsewhere)):
            assert by is not None
            with pytest.raises(ValidationError, match="Only those"):
                dismiss_finding(finding_id=one.pk, by=by, at=NOW, note="No")

    def test_a_tag_is_suggested_once(self, found: Found, ben: User, ana: Rep) -> None:
        one = found()
        made = suggest_tag_of(finding_id=one.pk, by=ben, at=NOW)
        assert (made.rep, made.kind, made.name, made.source, made.action, made.state) == (
            ana, "industry", "Energy", "coaching", "add", "open",
        )  # fmt: skip
        assert made.sentence == "Ana won 12 of 14 opportunities in Energy, where 6.1 were expected"
        with pytest.raises(ValidationError, match="suggested for Ana already"):
            suggest_tag_of(finding_id=one.pk, by=ben, at=NOW)

    def test_a_tag_that_is_there_is_not_suggested(self, found: Found, ben: User, ana: Rep) -> None:
        Skill.objects.create(rep=ana, kind="industry", name="energy")
        with pytest.raises(ValidationError, match="has the tag"):
            suggest_tag_of(finding_id=found().pk, by=ben, at=NOW)

    @pytest.mark.parametrize(
        "values", [{"kind": "worse"}, {"dimension": "source"}, {"dimension": "", "level": ""}]
    )
    def test_where_no_tag_says_it_none_is_suggested(
        self, found: Found, ben: User, values: dict[str, str]
    ) -> None:
        with pytest.raises(ValidationError, match="no tag"):
            suggest_tag_of(finding_id=found(**values).pk, by=ben, at=NOW)
        assert not TagSuggestion.objects.exists()


class TestPage:
    def test_whom_it_names_to_whom(
        self, found: Found, ana: Rep, cara: Rep, ben: User, omar: User, nia: User, east: Team
    ) -> None:
        found(), found(cara)
        assert [rep.name for rep, _ in coaching_page(ben).reps] == ["Ana"]
        assert [rep.name for rep, _ in coaching_page(omar).reps] == ["Ana", "Cara"]
        assert [rep.name for rep, _ in coaching_page(nia).reps] == ["Ana", "Cara"]
        Rep.objects.filter(pk=ana.pk).update(user=ben)
        assert coaching_page(ben).reps == []  # nobody reads about himself

    def test_a_team_can_be_chosen(
        self, found: Found, cara: Rep, omar: User, ben: User, west: Team, as_user: AsUser
    ) -> None:
        found(), found(cara)
        assert [rep.name for rep, _ in coaching_page(omar, west).reps] == ["Cara"]
        CoachingLook.objects.create(pk=1, at=NOW, first_day=TODAY)
        text = as_user(ben).get("/analytics/coaching/", {"team": west.pk}).content.decode()
        assert ("Ana won 12" in text, "Cara won 12" in text) == (True, False)

    def test_of_very_many_the_surest_are_shown(
        self, found: Found, bo: Rep, omar: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(coaching, "MOST", 1)
        found(p=0.002), found(bo, p=0.001)
        page = coaching_page(omar)
        assert ([rep.name for rep, _ in page.reps], page.shown, page.count) == (["Bo"], 1, 2)

    def test_worse_is_paired_with_who_does_better_there(self, found: Found, bo: Rep, omar: User) -> None:
        found(kind="worse"), found(bo)
        lines = [line for _, lines in coaching_page(omar).reps for line in lines]
        assert [(line.is_worse, [rep.name for rep in line.pair], line.can_suggest) for line in lines] == [
            (True, ["Bo"], False), (False, [], True),
        ]  # fmt: skip

    def test_it_says_what_was_found_and_leads_on(
        self, found: Found, ben: User, ana: Rep, as_user: AsUser
    ) -> None:
        CoachingLook.objects.create(pk=1, at=NOW, first_day=TODAY - 365 * DAY, closed=50, groups=9)
        one = found(kind="worse", difference=-0.21, low=-0.36, high=-0.06)
        Skill.objects.create(rep=ana, kind="industry", name="Energy")
        text = as_user(ben).get("/analytics/coaching/").content.decode()
        assert "Ana won 2 of 14 opportunities in Energy, where 6.1 were expected." in text
        assert "about 21 fewer are won than expected (6 to 36)" in text
        assert "adjust the tag" in text
        assert f"rep={ana.pk}&amp;dimension=industry&amp;level=Energy" in text
        assert f"/analytics/coaching/{one.pk}/dismiss/" in text

    def test_before_the_first_night_it_says_so(self, ben: User, as_user: AsUser) -> None:
        assert "Nobody has looked yet" in as_user(ben).get("/analytics/coaching/").content.decode()

    @pytest.mark.parametrize("number", [1, 30])
    def test_queries_do_not_grow(
        self, number: int, found: Found, make_rep: Callable[..., Rep], omar: User, as_user: AsUser,
        django_assert_num_queries: DjangoAssertNumQueries,
    ) -> None:  # fmt: skip
        CoachingLook.objects.create(pk=1, at=NOW, first_day=TODAY - 365 * DAY)
        for n in range(number):
            found(make_rep(f"Rep {n}"))
        client = as_user(omar)
        client.get("/analytics/coaching/")
        with django_assert_num_queries(PAGE_QUERIES):
            client.get("/analytics/coaching/")

    def test_dismissing_by_its_form(self, found: Found, ben: User, as_user: AsUser) -> None:
        one = found()
        client, address = as_user(ben), f"/analytics/coaching/{one.pk}/dismiss/"
        assert "Ana won 12 of 14" in client.get(address).content.decode()
        empty = client.post(address, {"note": " "})
        assert (empty.status_code, "Say in a few words why" in empty.content.decode()) == (422, True)
        assert client.post(address, {"note": "Two renewals"}).status_code == 302
        one.refresh_from_db()
        assert (one.state, one.note, one.decided_by) == ("dismissed", "Two renewals", ben)
        late = client.post(address, {"note": "Again"})
        assert (late.status_code, "not stand any more" in late.content.decode()) == (422, True)
        client.post(f"/analytics/coaching/{one.pk}/again/")
        one.refresh_from_db()
        assert one.is_open

    def test_suggesting_by_its_button(self, found: Found, ben: User, as_user: AsUser) -> None:
        one = found()
        client, address = as_user(ben), f"/analytics/coaching/{one.pk}/suggest/"
        assert "Energy is suggested for Ana" in client.post(address, follow=True).content.decode()
        assert "already" in client.post(address, follow=True).content.decode()
        assert TagSuggestion.objects.count() == 1
        listed = client.get(reverse("tag_suggestions")).content.decode()
        assert "Ana won 12 of 14 opportunities in Energy, where 6.1 were expected" in listed
        assert "from coaching" in listed

    def test_other_teams_are_not_found(self, found: Found, cara: Rep, ben: User, as_user: AsUser) -> None:
        one = found(cara)
        for action in ("dismiss", "again", "suggest"):
            assert as_user(ben).post(f"/analytics/coaching/{one.pk}/{action}/").status_code == 404


class TestBehind:
    @pytest.mark.parametrize(
        ("dimension", "level", "values"),
        [
            ("industry", "Energy", {"industry": "Energy"}),
            ("competitor", "Acme", {"competitors": ["Acme", "Zoho"]}),
            ("complexity", "4", {"complexity": 4}),
            ("size", "50-199", {"size_band": "50-199"}),
        ],
    )
    def test_a_segment_narrows_the_list(
        self, dimension: str, level: str, values: dict[str, object], ana: Rep, omar: User, as_user: AsUser,
        make_opportunity: Callable[..., Opportunity],
    ) -> None:  # fmt: skip
        for name, given in (("Inside", values), ("Outside", {})):
            Fact.objects.create(
                event="closed", day=timezone.now().date(), opportunity=make_opportunity(name, **given), kind="lead",
                path="model", mode="real_time", rep=ana, hit=True,
            )  # fmt: skip
        asked = {"event": "closed", "rep": str(ana.pk), "dimension": dimension, "level": level}
        text = as_user(omar).get("/analytics/routing/opportunities/", asked).content.decode()
        assert ("Inside" in text, "Outside" in text) == (True, False)

    @pytest.mark.parametrize(
        "asked", [{"dimension": "x", "level": "1"}, {"dimension": "complexity", "level": "²"}]
    )
    def test_malformed_segments_break_nothing(
        self, asked: dict[str, str], omar: User, as_user: AsUser
    ) -> None:
        assert as_user(omar).get("/analytics/routing/opportunities/", asked).status_code == 200


def test_it_is_looked_for_each_night() -> None:
    schedule_jobs()
    planned = Schedule.objects.get(name="Coaching")
    assert (planned.func, planned.schedule_type) == ("analytics.jobs.look_for_coaching_findings", "D")
    assert look_for_coaching_findings() == 0
    assert CoachingLook.objects.get().closed == 0
