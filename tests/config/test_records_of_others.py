"""Records that belong to teams, on every page: another team's do not exist, for whoever may not see them."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from django.db import transaction
from django.test import Client
from django.urls import URLPattern, reverse

from analytics.models import CoachingFinding, Report
from crm.models import Opportunity
from reps.models import Rep, Team, User
from reps.permissions import MATRIX
from routing.models import Batch, BatchItem, Notification
from tests.config.sides import Side, side_of
from tests.config.test_permissions import PAGES, permission_of
from tests.conftest import NOW, user_of

pytestmark = pytest.mark.django_db
Role = User.Role
Finder = Callable[[Side], dict[str, Any]]


def of_opportunity(side: Side) -> dict[str, Any]:
    return {"pk": side.opportunity.pk}


def of_rep(side: Side) -> dict[str, Any]:
    return {"pk": side.rep.pk}


def of_team(side: Side) -> dict[str, Any]:
    return {"pk": side.rep.team_id}


def of_finding(side: Side) -> dict[str, Any]:
    numbers = dict.fromkeys(["expected", "rest_expected", "difference", "low", "high", "p", "q"], 0.0)
    counts = dict.fromkeys(["closed", "won", "rest_closed", "rest_won"], 9)
    days = {"first_seen": NOW.date(), "last_seen": NOW.date()}
    found, _ = CoachingFinding.objects.get_or_create(
        rep=side.rep, kind="better", defaults={**numbers, **counts, **days}
    )
    return {"pk": found.pk}


def of_absence(side: Side) -> dict[str, Any]:
    return {"pk": side.absence.pk}


def of_batch_item(side: Side) -> dict[str, Any]:
    batch = Batch.objects.create(policy_name="Lists", requested_at=NOW, state=Batch.State.REVIEW)
    item = BatchItem.objects.create(
        batch=batch, opportunity=side.item.opportunity, position=1, rep=side.rep, queue_item=side.item
    )
    return {"pk": batch.pk, "item": item.pk}


def of_item(side: Side) -> dict[str, Any]:
    return {"pk": side.item.pk}


def of_calendar(side: Side) -> dict[str, Any]:
    return {"pk": side.calendar.pk}


def of_proposal(side: Side) -> dict[str, Any]:
    return {"pk": side.proposal.pk}


def of_link(side: Side) -> dict[str, Any]:
    return {"pk": side.opportunity.pk, "link": side.link.pk}


def of_new_calendar(side: Side) -> dict[str, Any]:
    return {"pk": side.rep.pk, "kind": "upload"}


def of_notice(side: Side) -> dict[str, Any]:
    assert side.rep.user is not None
    values = {"user": side.rep.user, "text": "Yours", "kind": Notification.Kind.ASSIGNED}
    return {"pk": Notification.objects.create(key=uuid.uuid4(), **values).pk}


def of_report(side: Side) -> dict[str, Any]:
    assert side.rep.user is not None
    values = {"kind": "daily", "day": NOW.date(), "said": "Yours", "content": {"lines": [], "figures": {}}}
    return {"pk": Report.objects.create(user=side.rep.user, **values).pk}


# Every page of a record that belongs to a rep or a team.
OF_TEAMS: dict[str, Finder] = {
    **dict.fromkeys(
        [
            "opportunity", "opportunity_activity", "opportunity_edit", "opportunity_lock", "opportunity_outcome",
            "opportunity_reassign", "opportunity_accept", "opportunity_decline", "opportunity_pass", "duplicate_mark",
            "analytics_credit_of",
        ],
        of_opportunity,
    ),
    **dict.fromkeys(
        [
            "rep", "rep_away", "rep_away_now", "rep_back", "rep_calendars", "rep_edit", "rep_evidence",
            "rep_expertise", "rep_reviewed", "profile_review", "ledger", "ledger_csv", "ledger_list",
        ],
        of_rep,
    ),
    **dict.fromkeys(
        ["analytics_coaching_again", "analytics_coaching_dismiss", "analytics_coaching_suggest"], of_finding
    ),
    **dict.fromkeys(["absence", "absence_cancel"], of_absence),
    **dict.fromkeys(["calendar", "calendar_delete", "calendar_read", "calendar_try"], of_calendar),
    **dict.fromkeys(["proposal_approve", "proposal_decline", "proposal_withdraw"], of_proposal),
    **dict.fromkeys(["queue_item", "queue_approve", "queue_give", "queue_reject", "queue_undo"], of_item),
    **dict.fromkeys(["team", "team_turns"], of_team),
    "batch_item": of_batch_item,
    "calendar_new": of_new_calendar,
    "notice": of_notice,
    "analytics_report": of_report,
    "duplicate_answer": of_link,
}  # fmt: skip
# Records that everybody with the permission may see, whoever they belong to.
SHARED = {
    "analytics_csv",  # a chart's numbers, counted of whom the reader may see
    "account", "account_delete", "account_edit", "account_match_choose", "account_match_new", "account_match_none",
    "account_match_undo", "account_transfer", "account_transfer_cancel", "account_transfer_change",
    "account_transfer_undo", "analytics_backtest", "analytics_backtest_csv",
    "batch", "batch_decide", "batch_optimise",
    "certification", "certification_delete", "contact", "contact_delete", "contact_edit",
    "dry_run", "experiment", "experiment_curves_csv", "experiment_exposures_csv", "experiment_looks_csv",
    "history_check", "model_segments", "model_segments_csv", "model_version",
    "notification_test", "role_template", "role_template_delete", "version",
    "analytics_gap",  # made of what the reader may see: tests/analytics/test_gap_pages.py
}  # fmt: skip
# Of the rep alone: nobody else finds it, whatever the role.
OF_ONESELF = {"proposal_withdraw", "notice", "analytics_report"}
SEES_ALL = {Role.OPS, Role.ANALYST, Role.ADMIN}


def patterns() -> dict[str, URLPattern]:
    return {name: pattern for name, _, pattern in PAGES if "<" in str(pattern.pattern)}


@pytest.fixture
def sides(east: Team, west: Team, ana: Rep, bo: Rep, cara: Rep, ben: User) -> dict[str, Side]:
    Team.objects.update(is_default=False)
    Team.objects.filter(pk=east.pk).update(is_default=True)
    return {rep.name: side_of(rep) for rep in (ana, bo, cara)}


def answer(user: User, name: str, side: Side) -> int:
    """What the page answers; nothing of it stays."""
    path, client = reverse(name, kwargs=OF_TEAMS[name](side)), Client()
    client.force_login(user)
    with transaction.atomic():
        code = client.get(path).status_code
        if code == 405:
            code = client.post(path, {"repeats": "no", "stage": "won"}).status_code
        transaction.set_rollback(True)
    return code


def test_every_page_of_a_record_that_a_manager_or_rep_may_open_is_listed() -> None:
    concerns = {
        name
        for name, pattern in patterns().items()
        if {Role.MANAGER, Role.REP} & MATRIX.get(permission_of(pattern) or "", frozenset())
    }
    assert concerns == set(OF_TEAMS) | SHARED


@pytest.mark.parametrize("role", Role.values)
def test_another_teams_records_do_not_exist(role: str, sides: dict[str, Side], ben: User) -> None:
    """A manager of East, a rep of East, and everybody who sees all, at West's records."""
    users = {Role.MANAGER: ben, Role.REP: sides["Ana"].rep.user}
    user = users.get(Role(role)) or user_of("Somebody", role)
    wrong = []
    for name, pattern in patterns().items():
        if name not in OF_TEAMS:
            continue
        code = answer(user, name, sides["Cara"])
        permitted = role in MATRIX[permission_of(pattern) or ""]
        finds = role in SEES_ALL and name not in OF_ONESELF
        expected = "not 403, 404" if permitted and finds else "404" if permitted else "403"
        good = code not in (403, 404) and code < 500 if expected.startswith("not") else str(code) == expected
        if not good:
            wrong.append(f"{name}: {code} where {expected} is expected")
    assert wrong == []


def test_a_reps_colleagues_records_do_not_exist(sides: dict[str, Side]) -> None:
    ana = sides["Ana"].rep.user
    assert ana is not None
    seen = []
    for name, pattern in patterns().items():
        if name not in OF_TEAMS or OF_TEAMS[name] is of_team:
            continue
        if Role.REP in MATRIX[permission_of(pattern) or ""] and answer(ana, name, sides["Bo"]) != 404:
            seen.append(name)
    assert seen == []


@pytest.mark.parametrize("who", ["manager", "rep"])
def test_the_own_ones_do(who: str, sides: dict[str, Side], ben: User) -> None:
    user = ben if who == "manager" else sides["Ana"].rep.user
    assert user is not None
    missing = []
    for name, pattern in patterns().items():
        if name in OF_ONESELF and who == "manager":
            continue
        if name not in OF_TEAMS or who not in MATRIX[permission_of(pattern) or ""]:
            continue
        code = answer(user, name, sides["Ana"])
        if code in (403, 404) or code >= 500:
            missing.append(f"{name}: {code}")
    assert missing == []


LISTS = [
    "/queue/",
    "/opportunities/",
    "/reps/",
    "/teams/",
    "/teams/board/",
    "/my-work/",
    "/reps/suggested-tags/",
]


@pytest.mark.parametrize("path", LISTS)
def test_lists_do_not_name_another_teams(path: str, sides: dict[str, Side], ben: User) -> None:
    client = Client()
    client.force_login(ben)
    page = client.get(path)
    assert page.status_code == 200
    shown = page.content.decode()
    # The candidates of what the own team gets are told with everybody's names; whose leads they have is not.
    hidden = ["Lead of Cara", "First of Cara"] if path == "/queue/" else ["Cara"]
    assert [name for name in hidden if name in shown] == []


def test_accounts_and_contacts_name_no_opportunity_of_another_team(sides: dict[str, Side], ben: User) -> None:
    from crm.models import Account, Contact

    account = Account.objects.create(name="Shared")
    contact = Contact.objects.create(name="Jo", account=account)
    hidden = sides["Cara"].opportunity
    Opportunity.objects.filter(pk=hidden.pk).update(account=account, contact=contact)
    client = Client()
    client.force_login(ben)
    for path in (f"/accounts/{account.pk}/", f"/contacts/{contact.pk}/"):
        assert hidden.name not in client.get(path).content.decode()
