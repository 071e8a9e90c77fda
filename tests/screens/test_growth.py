"""What grows, in a browser: accessible on every width, with everything opened."""

import datetime
import os
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page, expect

from operations.models import ArchivedMonth, GrowthSample
from operations.services.history.sampling import note_sizes
from reps.models import User
from tests.screens.conftest import PHONE, WIDE
from tests.screens.test_messages import TOO_WIDE

OpenPage = Callable[..., Page]


@pytest.fixture
def grown(transactional_db: None, ada: User) -> None:
    reverse("rules")  # loads every page, which would take its time within the first one
    now = timezone.now()
    for ago in range(5):
        note_sizes(at=now - ago * datetime.timedelta(days=1))
    GrowthSample.objects.filter(day=now.date(), table="").update(size_bytes=10**9)
    for month, error in (("2024-01", ""), ("2024-02", "is_not_there_" * 9)):
        ArchivedMonth.objects.create(
            kind="decisions", month=month, state="removed", file="/archive" * 20, rows=5, size_bytes=9, sha256="a" * 64,
            began_at=now, looked_at=now, checked_at=now, kept_rows=1, error=error,
        )  # fmt: skip


@pytest.mark.usefixtures("grown")
@pytest.mark.parametrize(("width", "dark"), [(WIDE, False), (PHONE, True)])
def test_page_is_accessible_and_fits(width: int, dark: bool, ada: User, open_page: OpenPage) -> None:
    page = open_page(ada, width=width, dark=dark)
    page.goto("/status/growth/")
    for one in page.locator("main details > summary").all():
        one.click()
    expect(page.locator("#id_decisions")).to_be_visible()
    found = Axe().run(page).response["violations"]
    assert [f"{one['id']} {one['nodes'][0]['target']}" for one in found] == []
    assert page.evaluate(TOO_WIDE) == []
    if folder := os.environ.get("SHOTS"):
        page.screenshot(path=f"{folder}/growth-{width}-{'dark' if dark else 'light'}.png", full_page=True)
