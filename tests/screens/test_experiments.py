"""The pages of experiments in a browser: both themes, a phone, charts under the strict policy, the calculator."""

import datetime
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.utils import timezone
from playwright.sync_api import Page, expect

from crm.models import Opportunity
from experiments.models import Experiment
from experiments.services.editing import create_experiment
from experiments.services.running import start_experiment
from reps.models import Rep, User
from routing.services.experiments import look_at_experiments
from tests.experiments.test_services import GUARDRAILS, PREDICTIVE, TURNS, expose, lead
from tests.screens.conftest import PHONE, WIDE

OpenPage = Callable[..., Page]
DAY = datetime.timedelta(days=1)


@pytest.fixture
def experiments(transactional_db: None, ana: Rep, omar: User) -> list[Experiment]:
    """One that was looked at, and a draft."""
    now = timezone.now()
    begin = now - 60 * DAY
    Opportunity.objects.bulk_create(
        lead(
            n, now - (400 - n) * DAY, stage="won" if n % 5 == 0 else "lost", owner=ana,
            closed_at=now - (390 - n - n % 20) * DAY, assigned_at=now - (400 - n) * DAY,
        )
        for n in range(365)
    )  # fmt: skip
    values = {
        "name": "Test", "control": TURNS, "treatment": PREDICTIVE, "horizon_days": 30, "guardrails": GUARDRAILS,
        "duration_weeks": 104, "secondaries": ["deal_size"],
    }  # fmt: skip
    one = create_experiment(values=values, by=omar, at=begin)
    start_experiment(experiment_id=one.pk, by=omar, at=begin)
    expose(one, ana, count=120, won={"control": 20, "treatment": 45}, at=begin)
    for age in (20, 40):
        look_at_experiments(at=begin + age * DAY, day=(begin + age * DAY).date())
    return [one, create_experiment(values=values | {"name": "Later"}, by=omar, at=now)]


@pytest.mark.parametrize(("width", "dark"), [(WIDE, False), (PHONE, True)])
def test_every_page_is_accessible_and_fits(
    open_page: OpenPage, omar: User, experiments: list[Experiment], width: int, dark: bool
) -> None:
    page = open_page(omar, width=width, dark=dark)
    one, draft = experiments
    wrong = {}
    for address in ("", "new/", f"{one.pk}/", f"{draft.pk}/", f"{draft.pk}/edit/", "satisfaction/"):
        page.goto(f"/experiments/{address}")
        if address == f"{one.pk}/":
            page.locator("#boundary").evaluate("one => one.scrollIntoView()")
            for chart in ("boundary", "incidence"):
                expect(page.locator(f"#{chart} .main-svg").first).to_be_visible(timeout=20_000)
        for details in page.locator("details:not(.menu)").all():
            details.evaluate("one => one.open = true")
        found = [(one["id"], one["nodes"][0]["html"][:160]) for one in Axe().run(page).response["violations"]]
        too_wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if found or too_wide > 0:
            wrong[address] = (found, too_wide)
    assert wrong == {}


def test_the_calculator_follows_the_form_and_a_draft_is_kept(
    open_page: OpenPage, omar: User, experiments: list[Experiment]
) -> None:
    page = open_page(omar)
    page.goto("/experiments/new/")
    calculator = page.locator("#calculator")
    expect(calculator).not_to_contain_text("For 15 points")
    page.get_by_label("Difference worth finding").fill("15")
    page.get_by_label("Difference worth finding").press("Tab")
    expect(calculator).to_contain_text("For 15 points")
    page.get_by_label("Design").select_option("lead_split")
    expect(calculator).to_contain_text("finds winners where there are none")
    page.get_by_label("Permanent hold-out").check()
    expect(page.get_by_label("Share kept on control")).to_be_visible()
    expect(page.get_by_label("Rollout")).to_be_hidden()
    page.get_by_label("Permanent hold-out").uncheck()
    page.get_by_label("Name").fill("Typed")
    page.get_by_role("button", name="Save the draft").click()
    expect(page.get_by_role("heading", name="Typed")).to_be_visible()


def test_works_without_scripts(open_page: OpenPage, omar: User, experiments: list[Experiment]) -> None:
    page = open_page(omar, script=False)
    page.goto(f"/experiments/{experiments[0].pk}/")
    expect(page.get_by_role("group", name="Looks and boundaries, the numbers")).to_be_visible()
    page.get_by_text("Stop early…").click()
    page.locator("#stop_form_reason").fill("A new product")
    page.get_by_role("button", name="Stop the experiment").click()
    expect(page.get_by_text("stopped early").first).to_be_visible()
