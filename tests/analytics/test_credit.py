"""Assignments held against the crediting table: kept bit by bit, shown to whom, and warned of ahead."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django_q.models import Schedule

from analytics import jobs
from analytics.engine.credit import CreditRow
from analytics.models import CreditCheck, CreditTable
from analytics.queries.credit import credit_page
from analytics.queries.credit_ahead import warnings_ahead
from analytics.queries.credit_table import current_table
from analytics.queries.period import Chosen
from analytics.services.credit_checks import check_assignments
from analytics.services.credit_table import replace_table, take_back
from crm.models import Assignment, Opportunity
from crm.services.ownership import assign, lock_opportunity, lock_reps
from reps.models import Rep, Team, User
from routing.models import Decision, Rule
from territories.models import Coverage, Territory
from tests.analytics.conftest import LATER, TODAY
from tests.conftest import NOW

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
Decide = Callable[..., Decision]
PERIOD = {"first": "2026-02-01", "last": "2026-03-31"}
CHOSEN = Chosen(datetime.date(2026, 2, 1), datetime.date(2026, 3, 31))
QUERIES = 13
PAGE_QUERIES = 17


def import_rows(*rows: CreditRow, at: datetime.datetime = NOW) -> CreditTable:
    return replace_table(rows=rows, file_name="credit.csv", by=None, at=at)


def checked() -> dict[str, list[Any]]:
    check_assignments(at=LATER)
    rows = CreditCheck.objects.filter(table=current_table()).order_by("pk")
    return {
        name: told
        for name, *told in rows.values_list("assignment__opportunity__name", "share", "why", "rule", "policy")
    }


@pytest.fixture
def assigns(one_policy: None, assign_at_once: None) -> None:
    """The one policy assigns at once, to turns if need be."""


@pytest.fixture
def iberia(db: None, east: Team) -> Territory:
    overseas = Territory.objects.create(name="Overseas", condition={"field": "country", "op": "is_not_empty"})
    made = Territory.objects.create(
        name="Iberia", parent=overseas, condition={"field": "country", "op": "in", "value": ["ES", "PT"]}
    )
    Coverage.objects.create(territory=made, team=east)
    return made


class TestChecks:
    def test_by_territory_segment_and_who_is_listed(
        self, ana: Rep, iberia: Territory, assigns: None, decide: Decide
    ) -> None:
        decide("In", country="ES", industry="Healthcare")
        decide("Out", country="ES", industry="Energy")
        import_rows(CreditRow(ana.pk, iberia.parent_id, industry="Healthcare", share=60))
        assert checked() == {
            "In": [60.0, "part", "", "Suggest everything"],
            "Out": [0.0, "segment", "", "Suggest everything"],
        }

    def test_nobody_listed_is_nobody_counted(self, ana: Rep, bo: Rep, assigns: None, decide: Decide) -> None:
        decision = decide("One")
        other = bo if decision.rep_id == ana.pk else ana
        import_rows(CreditRow(other.pk))
        assert checked() == {"One": [None, "not_listed", "", "Suggest everything"]}

    def test_the_rule_that_sent_it_is_named(
        self, ana: Rep, bo: Rep, one_policy: None, publish: Callable[[], int], decide: Decide
    ) -> None:
        from routing.models import Policy

        rule = Rule.objects.create(name="To Bo", action="route_to_rep", rep=bo, position=1, condition={})
        Policy.objects.update(application="assign")
        publish()
        decide("One")
        import_rows(CreditRow(bo.pk, industry="Energy"))
        assert checked() == {"One": [0.0, "segment", "To Bo", "Suggest everything"]}
        assert CreditCheck.objects.get().rule_id == rule.pk

    def test_a_persons_choice_is_a_persons(
        self, ana: Rep, omar: User, publish: Callable[[], int], make_opportunity: Callable[..., Opportunity]
    ) -> None:
        publish()
        give_to(make_opportunity("One"), ana, omar)
        import_rows(CreditRow(ana.pk, source="Chat"))
        assert checked() == {"One": [0.0, "segment", "", ""]}
        assert CreditCheck.objects.get().by_person

    def test_of_the_day_of_the_assignment(self, ana: Rep, assigns: None, decide: Decide) -> None:
        decide("One")
        import_rows(CreditRow(ana.pk, valid_until=TODAY - datetime.timedelta(days=1)))
        assert checked() == {"One": [0.0, "dates", "", "Suggest everything"]}

    def test_bit_by_bit_is_from_scratch(
        self, ana: Rep, bo: Rep, iberia: Territory, assigns: None, decide: Decide
    ) -> None:
        import_rows(CreditRow(ana.pk, iberia.pk), CreditRow(bo.pk, industry="Energy"))
        for n in range(8):
            at = NOW + datetime.timedelta(hours=n)
            decide(f"Lead {n}", at=at, country="ES" if n % 2 else "", industry="Energy" if n % 3 else "")
            check_assignments(at=at, piece=3)
        check_assignments(at=LATER)
        kept = self.rows()
        CreditCheck.objects.all().delete()
        CreditTable.objects.update(checked_to=0)
        assert check_assignments(at=LATER + datetime.timedelta(days=2), piece=3) == 8
        assert self.rows() == kept
        assert len(kept) == 8
        assert check_assignments(at=LATER + datetime.timedelta(days=2)) == 0

    def rows(self) -> list[tuple[Any, ...]]:
        fields = [one.name for one in CreditCheck._meta.concrete_fields if one.name != "id"]
        return list(CreditCheck.objects.order_by("assignment").values_list(*fields))

    def test_another_table_checks_all_again_and_taking_it_back_as_well(
        self, ana: Rep, omar: User, assigns: None, decide: Decide
    ) -> None:
        decide("One")
        import_rows(CreditRow(ana.pk))
        assert checked()["One"][1] == "full"
        second = import_rows(CreditRow(ana.pk, industry="Energy"), at=LATER)
        assert checked()["One"][1] == "segment"
        take_back(table_id=second.pk, by=omar)
        assert checked()["One"][1] == "full"

    def test_imports_are_left_out_and_without_a_table_nothing_is_done(
        self, ana: Rep, assigns: None, decide: Decide
    ) -> None:
        decide("One")
        assert check_assignments(at=LATER) == 0
        assert CreditCheck.objects.count() == 0
        assert Schedule.objects.get(name="Check quota credit").func == "analytics.jobs.check_quota_credit"


def give_to(opportunity: Opportunity, rep: Rep, by: User) -> None:
    with transaction.atomic():
        locked = lock_opportunity(opportunity.pk)
        assign(opportunity=locked, rep=lock_reps([rep.pk])[rep.pk], source="person", at=NOW, by=by)


@pytest.fixture
def check(
    ana: Rep, omar: User, publish: Callable[[], int], make_opportunity: Callable[..., Opportunity]
) -> Any:
    """A check as the job would keep it, of an assignment to a rep."""
    publish()
    table = import_rows(CreditRow(ana.pk))

    def make(why: str = "territory", rep: Rep = ana, **values: Any) -> CreditCheck:
        opportunity = make_opportunity(f"Lead {CreditCheck.objects.count()}")
        give_to(opportunity, rep, omar)
        plain = {
            "assignment": Assignment.objects.get(opportunity=opportunity), "table": table, "rep": rep,
            "day": TODAY, "why": why, "share": {"full": 100, "part": 50, "not_listed": None}.get(why, 0),
            "team_id": rep.team_id, "kind": "lead",
        }  # fmt: skip
        return CreditCheck.objects.create(**plain | values)

    return make


class TestPage:
    def test_says_how_many_and_what_sent_most(self, check: Any, omar: User, as_user: SignIn) -> None:
        for _ in range(3):
            check(rule="EMEA overflow", policy="Inbound", value_base=1000)
        check(policy="Inbound", why="dates")
        for why in ("full", "full", "part", "not_listed"):
            check(why=why)
        page = credit_page(user=omar, chosen=CHOSEN, today=TODAY)
        assert page is not None
        assert (page.total, page.without, page.part, page.unlisted, page.worth) == (7, 4, 1, 1, 3000.0)
        assert page.said == "Rule “EMEA overflow” sent 3 of the 4."
        assert [(line.name, line.without, line.total) for line in page.by_sender] == [
            ("Rule “EMEA overflow”", 3, 3),
            ("Policy “Inbound”", 1, 1),
        ]
        assert [(line.name, line.without, line.total) for line in page.by_rep] == [("Ana", 4, 7)]
        assert page.whys[0] == ("the territory is not theirs by the table", 3)
        text = as_user(omar).get(reverse("analytics_credit"), PERIOD).content.decode()
        assert "Rule “EMEA overflow” sent 3 of the 4." in text

    def test_each_number_leads_to_its_opportunities(self, check: Any, omar: User, as_user: SignIn) -> None:
        for _ in range(3):
            check(rule="A & B", policy="Inbound", territory="Iberia")
        check(policy="Inbound")
        check(by_person=True)
        check(why="full")
        page = credit_page(user=omar, chosen=CHOSEN, today=TODAY)
        assert page is not None
        browser = as_user(omar)
        address = reverse("analytics_credit_list") + "?first=2026-02-01&last=2026-03-31"
        assert browser.get(address).context["page"].total == 5
        for line in (*page.by_rep, *page.by_sender, *page.by_territory):
            assert browser.get(f"{address}&{line.query}").context["page"].total == line.without
        assert browser.get(f"{address}&rep=x&person=9&rule=").context["page"].total == 5
        assert browser.get(f"{address}&at=x").status_code == 404

    def test_a_manager_sees_the_own_teams_reps(
        self, check: Any, ben: User, omar: User, cara: Rep, as_user: SignIn
    ) -> None:
        check()
        check(rep=cara)
        mine = credit_page(user=ben, chosen=CHOSEN, today=TODAY)
        everybody = credit_page(user=omar, chosen=CHOSEN, today=TODAY)
        assert mine is not None
        assert everybody is not None
        assert (mine.without, everybody.without) == (1, 2)
        browser = as_user(ben)
        assert "Cara" not in browser.get(reverse("analytics_credit"), PERIOD).content.decode()
        assert "Cara" not in browser.get(reverse("analytics_credit_csv"), PERIOD).content.decode()
        assert browser.get(reverse("analytics_credit_list"), PERIOD).context["page"].total == 1

    def test_files(self, check: Any, omar: User, as_user: SignIn) -> None:
        check(rule="=cmd()", value_base=10)
        browser = as_user(omar)
        lines = browser.get(reverse("analytics_credit_csv"), PERIOD).content.decode().splitlines()
        assert len(lines) == 2
        assert "'=cmd()" in lines[1]
        weeks = browser.get(reverse("analytics_credit_weeks_csv"), PERIOD).content.decode().splitlines()
        assert "2026-03-02,1,1,0,0,10.00" in weeks

    def test_without_a_table_it_says_what_to_do(self, omar: User, nia: User, as_user: SignIn) -> None:
        address = reverse("analytics_credit")
        assert "Import a table" in as_user(omar).get(address).content.decode()
        assert "Operations can import" in as_user(nia).get(address).content.decode()
        assert as_user(omar).get(reverse("analytics_credit_weeks_csv")).status_code == 200

    @pytest.mark.parametrize("rows", [1, 30])
    def test_queries_do_not_grow(
        self, rows: int, check: Any, omar: User, make_rep: Callable[..., Rep], as_user: SignIn
    ) -> None:
        for n in range(rows):
            rep = make_rep(f"Rep {n}")
            check(rep=rep, rule=f"Rule {n % 5}", territory=f"Part {n % 4}")
        with CaptureQueriesContext(connection) as caught:
            credit_page(user=omar, chosen=CHOSEN, today=TODAY)
        assert len(caught) == QUERIES
        browser = as_user(omar)
        with CaptureQueriesContext(connection) as caught:
            browser.get(reverse("analytics_credit"), PERIOD)
        assert len(caught) == PAGE_QUERIES


class TestOfAnOpportunity:
    def line(self, browser: Client, opportunity: Opportunity) -> str:
        with CaptureQueriesContext(connection) as caught:
            answer = browser.get(reverse("analytics_credit_of", args=[opportunity.pk]))
        assert answer.status_code == 200
        assert sum("analytics_" in one["sql"] for one in caught) == 1
        return answer.content.decode().strip()

    @pytest.mark.parametrize(
        ("why", "said"),
        [
            ("full", ""),
            ("not_listed", ""),
            ("territory", "Ana gets no quota credit for this."),
            ("part", "Ana gets 50 % of the quota credit for this."),
        ],
    )
    def test_says_it_only_where_something_is_missing(
        self, why: str, said: str, check: Any, ben: User, as_user: SignIn
    ) -> None:
        text = self.line(as_user(ben), check(why).assignment.opportunity)
        assert (said in text) if said else text == ""

    def test_not_of_who_had_it_before_or_by_a_table_taken_back(
        self, check: Any, omar: User, ana: Rep, bo: Rep, as_user: SignIn
    ) -> None:
        given, other = check().assignment.opportunity, check().assignment.opportunity
        give_to(given, bo, omar)
        browser = as_user(omar)
        assert self.line(browser, given) == ""
        assert "no quota credit" in self.line(browser, other)
        take_back(table_id=CreditTable.objects.get().pk, by=omar)
        assert self.line(browser, other) == ""

    def test_the_page_asks_for_it_unless_the_reader_is_a_rep(
        self, check: Any, omar: User, ana: Rep, as_user: SignIn
    ) -> None:
        opportunity = check().assignment.opportunity
        asked = f'hx-get="{reverse("analytics_credit_of", args=[opportunity.pk])}"'
        page = reverse("opportunity", args=[opportunity.pk])
        assert asked in as_user(omar).get(page).content.decode()
        assert ana.user is not None
        assert asked not in as_user(ana.user).get(page).content.decode()


def test_the_worker_does_it(ana: Rep, assigns: None, decide: Decide) -> None:
    decide("One")
    import_rows(CreditRow(ana.pk))
    assert (jobs.note_fall_throughs(), jobs.check_quota_credit()) == (1, 1)


class TestAhead:
    def said(self, user: User) -> list[tuple[str, str]]:
        table = current_table()
        assert table is not None
        return [(one.about, one.text) for one in warnings_ahead(table, user=user, today=TODAY)]

    def test_members_of_a_territory_without_credit_there(
        self, ana: Rep, bo: Rep, cara: Rep, iberia: Territory, publish: Callable[[], int], omar: User
    ) -> None:
        publish()
        import_rows(CreditRow(ana.pk, iberia.parent_id), CreditRow(bo.pk, industry="Energy"))
        assert self.said(omar) == []
        elsewhere = Territory.objects.create(
            name="Asia", condition={"field": "country", "op": "is", "value": "JP"}
        )
        import_rows(CreditRow(ana.pk, iberia.pk), CreditRow(bo.pk, elsewhere.pk), at=LATER)
        assert self.said(omar) == [
            ("Iberia", "Bo, of 2 who cover it and are in the table, gets no credit there.")
        ]

    def test_rules_that_route_to_reps_without_credit_for_what_they_match(
        self, ana: Rep, bo: Rep, cara: Rep, east: Team, publish: Callable[[], int], omar: User
    ) -> None:
        energy = {"field": "industry", "op": "is", "value": "Energy"}
        Rule.objects.create(name="To Ana", action="route_to_rep", rep=ana, position=1, condition=energy)
        Rule.objects.create(name="To Cara", action="route_to_rep", rep=cara, position=2, condition=energy)
        Rule.objects.create(name="To East", action="route_to_team", team=east, position=3, condition=energy)
        publish()
        import_rows(CreditRow(ana.pk, industry="Retail"), CreditRow(bo.pk), CreditRow(cara.pk, source="Chat"))
        assert self.said(omar) == [
            ("Rule “To Ana”", "It routes to Ana who gets no credit for what it matches."),
            (
                "Rule “To East”",
                "It routes to Ana, of 2 in the team who are in the table, who gets no credit for what it matches.",
            ),
        ]
