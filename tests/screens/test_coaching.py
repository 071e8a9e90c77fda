"""Coaching, the ledger and graded overrides in a browser: accessible, and nothing wider than the screen."""

import datetime
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import Page, expect

from analytics.models import ChosenMatch, CoachingFinding, CoachingLook, Fact
from crm.models import Assignment
from reps.models import Rep, User
from tests.analytics.facts import make_fact
from tests.screens.conftest import PHONE, WIDE

OpenPage = Callable[..., Page]


@pytest.fixture
def history(transactional_db: None, omar: User, ana: Rep, bo: Rep) -> None:
    today, now = timezone.now().date(), timezone.now()
    first = today - datetime.timedelta(days=365)
    CoachingLook.objects.create(pk=1, at=now, first_day=first, closed=20, groups=4)
    numbers = {
        "closed": 14, "won": 2, "expected": 6.1, "rest_closed": 40, "rest_won": 12, "rest_expected": 12.2,
        "difference": -0.2, "low": -0.3, "high": -0.1, "p": 0.001, "q": 0.01, "first_seen": today, "last_seen": today,
    }  # fmt: skip
    energy = {"dimension": "industry", "level": "Energy"}
    CoachingFinding.objects.create(rep=ana, kind="worse", **energy, **numbers)
    CoachingFinding.objects.create(rep=bo, kind="better", **energy, **numbers)
    dismissed = {"state": "dismissed", "decided_at": now, "note": "Two renewals"}
    CoachingFinding.objects.create(rep=bo, kind="worse", **numbers, **dismissed)
    for n in range(6):
        made = make_fact("assigned", rep=(ana, bo)[n % 2], path="person", score=40, win_probability=0.3)
        assignment = Assignment.objects.get(opportunity=made.opportunity_id)
        Fact.objects.filter(pk=made.pk).update(assignment_id=assignment.pk)
        ChosenMatch.objects.create(
            assignment_id=assignment.pk, decision_id=1, rep_id=assignment.rep_id, win_probability=0.3,
            router_rep_id=(bo, ana)[n % 2].pk, router_win_probability=0.4,
        )  # fmt: skip
        make_fact("closed", rep=ana, hit=n % 2 == 0, win_probability=0.3)


@pytest.mark.parametrize(("width", "dark"), [(WIDE, False), (PHONE, True)])
def test_pages_are_accessible_and_fit(
    open_page: OpenPage, omar: User, ana: Rep, history: None, width: int, dark: bool
) -> None:
    page = open_page(omar, width=width, dark=dark)
    finding = CoachingFinding.objects.filter(state="open").first()
    assert finding is not None
    wrong = {}
    for address in ("coaching/", f"coaching/{finding.pk}/dismiss/", "overrides/", f"ledger/{ana.pk}/"):
        page.goto(f"/analytics/{address}")
        for details in page.locator("details:not(.menu)").all():
            details.evaluate("one => one.open = true")
        if address.startswith("ledger"):
            expect(page.locator("#ledger-won .main-svg").first).to_be_visible(timeout=20_000)
        found = [(one["id"], one["nodes"][0]["html"][:160]) for one in Axe().run(page).response["violations"]]
        too_wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if found or too_wide > 0:
            wrong[address] = (found, too_wide)
    assert wrong == {}


def test_a_rep_opens_the_own_ledger_from_my_work(open_page: OpenPage, ana: Rep, history: None) -> None:
    assert ana.user is not None
    page = open_page(ana.user, width=PHONE)
    page.goto("/my-work/")
    page.get_by_role("link", name="Your ledger").click()
    expect(page.get_by_role("heading", name="Your ledger")).to_be_visible()
    expect(page.locator("nav.tabs a[aria-current=page]")).to_have_text("Fairness")
