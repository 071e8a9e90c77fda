"""The status page in a browser: accessible on every width, and fresh without taking the focus away."""

import os
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse
from django.utils import timezone
from django_q.models import Schedule
from playwright.sync_api import Page, expect

from operations.models import Incident, JobRun, ProcessBeat
from operations.services.setup import schedule_jobs
from reps.models import User
from tests.screens.conftest import PHONE, WIDE
from tests.screens.test_messages import TOO_WIDE

OpenPage = Callable[..., Page]


@pytest.fixture
def trouble(transactional_db: None, ada: User) -> None:
    reverse("rules")  # loads every page, which would take its time within the first one
    now = timezone.now()
    schedule_jobs()
    ProcessBeat.objects.create(host="a" * 60, pid=7, kind="worker", started_at=now, last_seen_at=now)
    Incident.objects.create(kind="disk", said="Only 3% of the disk is free.", began_at=now, last_seen_at=now)
    JobRun.objects.create(
        func="operations.jobs.check_guarantees", last_started_at=now, last_ended_at=now, last_failed_at=now,
        failures=2, last_error="no_space_left_on_the_device_" * 8,
    )  # fmt: skip


@pytest.mark.usefixtures("trouble")
@pytest.mark.parametrize(("width", "dark"), [(WIDE, False), (PHONE, True)])
def test_page_is_accessible_and_fits(width: int, dark: bool, ada: User, open_page: OpenPage) -> None:
    page = open_page(ada, width=width, dark=dark)
    page.goto("/status/")
    page.locator("details.what summary").click()
    found = Axe().run(page).response["violations"]
    assert [f"{one['id']} {one['nodes'][0]['target']}" for one in found] == []
    assert page.evaluate(TOO_WIDE) == []
    if folder := os.environ.get("SHOTS"):
        page.screenshot(path=f"{folder}/status-{width}-{'dark' if dark else 'light'}.png", full_page=True)


@pytest.mark.usefixtures("trouble")
def test_is_fresh_and_keeps_the_focus(ada: User, open_page: OpenPage) -> None:
    page = open_page(ada)
    page.clock.install()
    page.goto("/status/")
    button = page.locator(f"#run-{Schedule.objects.get(name='Check guarantees').pk}")
    button.focus()
    Incident.objects.update(ended_at=timezone.now())
    with page.expect_response("**/status/"):
        page.clock.run_for(16_000)
    expect(page.get_by_role("heading", name="Alarms that are over")).to_be_visible()
    expect(button).to_be_focused()
