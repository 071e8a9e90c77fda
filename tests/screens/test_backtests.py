"""Backtests in a browser: both answers, both themes, a phone, the charts, asking without scripts."""

from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from crm.models import Opportunity
from reps.models import Job, Rep, User
from tests.screens.conftest import PHONE, WIDE

OpenPage = Callable[..., Page]
COUNTS = {
    "made": 300, "followed": 260, "planned": 0, "open": 100, "ended": 10, "known": 0, "unlike": 0, "used": 150,
    "by_rules": 0,
}  # fmt: skip


def estimate(value: float) -> dict[str, float]:
    return {"value": value, "standard_error": 0.02, "low": value - 0.04, "high": value + 0.04}


def world(ana: Rep, bo: Rep, lead: Opportunity) -> dict[str, Any]:
    def side(of_ana: int, of_bo: int) -> dict[str, Any]:
        return {
            "by_rep": {str(ana.pk): of_ana, str(bo.pk): of_bo},
            "peak_pct": {str(ana.pk): 10.0 * of_ana, str(bo.pk): 10.0 * of_bo},
            "by_via": {"prediction": of_ana + of_bo, "hold": 1},
            "held": 1,
            "past_maximum": of_bo // 8, "past_maximum_of": {str(bo.pk): of_bo // 8} if of_bo >= 8 else {},
            "past_week": 0, "past_week_of": {},
            "expected_wins": 4.0 + of_bo / 10, "expected_wins_low": 4.0,
        }  # fmt: skip

    return {
        "arrivals": 11, "moved": 4, "moves": [[lead.pk, ana.pk, bo.pk, "prediction", "rule"]] * 12,
        "pairs": [[ana.pk, bo.pk, 4]], "before": side(6, 4), "after": side(2, 8),
    }  # fmt: skip


@pytest.fixture
def jobs(
    transactional_db: None, ana: Rep, bo: Rep, nia: User, make_opportunity: Callable[..., Opportunity]
) -> list[Job]:
    """One that is told, one that is refused."""
    asked = {"first": "2026-01-01", "last": "2026-02-01", "configuration": "draft", "model": None, "live": 1}
    valued = {"value": estimate(0.4), "gain": estimate(0.01)}
    told = {
        "decisions": 150, "effective_size": 130.0, "share_without_overlap": 0.02, "logged": estimate(0.39),
        "snips": valued, "doubly_robust": valued,
    }  # fmt: skip
    refused = {
        "reason": "in 40% of the 150 logged decisions the other policy could take a rep who had no chance then"
    }
    untold = told | {"share_without_overlap": 0.4, "snips": refused, "doubly_robust": refused}
    played = world(ana, bo, make_opportunity("Lead of these days"))
    return [
        Job.objects.create(
            kind="backtest",
            state="done",
            requested_by=nia,
            result={
                "asked": asked, "live": 1, "world": played, "counts": COUNTS, "value": value,
                "told": {"arrivals": 11, "moved": 4, "gain": gain},
            },
        )
        for value, gain in ((told, [0.01, -0.03, 0.05]), (untold, None))
    ]  # fmt: skip


@pytest.mark.parametrize(("width", "dark"), [(WIDE, False), (PHONE, True)])
def test_every_page_is_accessible_and_fits(
    open_page: OpenPage, omar: User, jobs: list[Job], width: int, dark: bool
) -> None:
    page = open_page(omar, width=width, dark=dark)
    wrong = {}
    for address in ("", "new/", *(f"{job.pk}/" for job in jobs)):
        page.goto(f"/analytics/backtests/{address}")
        for details in page.locator("details:not(.menu)").all():
            details.evaluate("one => one.open = true")
        found = [(one["id"], one["nodes"][0]["html"][:160]) for one in Axe().run(page).response["violations"]]
        too_wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if found or too_wide > 0:
            wrong[address] = (found, too_wide)
    assert wrong == {}


def test_what_is_told_is_drawn_and_what_is_refused_says_what_would_help(
    open_page: OpenPage, nia: User, jobs: list[Job]
) -> None:
    told, refused = jobs
    page = open_page(nia)
    page.goto(f"/analytics/backtests/{told.pk}/")
    expect(page.get_by_text("The difference in wins could be nothing")).to_be_visible()
    for chart in ("#estimates", "#moved"):
        page.locator(chart).evaluate("one => one.scrollIntoView()")
        expect(page.locator(f"{chart} .main-svg").first).to_be_visible(timeout=20_000)
    page.goto(f"/analytics/backtests/{refused.pk}/")
    expect(page.get_by_text("cannot be told from what was logged")).to_be_visible()
    expect(page.get_by_role("heading", name="What would help")).to_be_visible()
    expect(page.get_by_text("The model’s own estimate, not evidence")).to_be_visible()
    assert page.locator("#estimates").count() == 0


def test_it_is_asked_without_scripts(
    open_page: OpenPage, nia: User, transactional_db: None, make_opportunity: Callable[..., Opportunity]
) -> None:
    make_opportunity("Lead of these days")
    page = open_page(nia, script=False)
    page.goto("/analytics/backtests/")
    page.get_by_role("link", name="New backtest").click()
    page.get_by_label("From", exact=True).fill("2026-03-05")
    page.get_by_label("Until", exact=True).fill("2026-03-01")
    page.get_by_role("button", name="Play it").click()
    expect(page.get_by_text("The last day lies before the first.").first).to_be_visible()
    page.complaints.clear()  # type: ignore[attr-defined]  # the 422 was meant
    page.get_by_label("From", exact=True).fill("2026-03-01")
    page.get_by_label("Until", exact=True).fill("2026-03-05")
    page.get_by_role("button", name="Play it").click()
    expect(page.get_by_text("Waiting for a worker")).to_be_visible()
    page.get_by_role("button", name="Stop").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("The draft")
    expect(page.get_by_text("stopped", exact=True)).to_be_visible()
