"""The audit log in a browser: accessible on every width, filters without a reload, entries that open."""

from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse
from playwright.sync_api import Page, expect

from reps.models import AuditEntry, User
from tests.conftest import NOW
from tests.screens.conftest import PHONE, WIDE
from tests.screens.test_messages import TOO_WIDE

OpenPage = Callable[..., Page]


@pytest.mark.parametrize(("width", "dark"), [(WIDE, False), (PHONE, True)])
def test_page_is_accessible_fits_and_filters(
    width: int, dark: bool, transactional_db: None, ada: User, open_page: OpenPage
) -> None:
    reverse("rules")  # loads every page, which would take its time within the first one
    for kind, name in (("rep", "Ana"), ("rule", "long_name_without_a_break_" * 8)):
        AuditEntry.objects.create(
            at=NOW, way="person", user_name="Omar", action="changed", kind=kind, record_id="7", record_name=name,
            address="2001:db8:85a3:8d3:1319:8a2e:370:7348", agent="Firefox on Windows", request_id="f" * 32,
            changes={"own_max_open": [40, 50], "note": ["x" * 200, None]},
        )  # fmt: skip
    page = open_page(ada, width=width, dark=dark)
    page.goto("/audit/?first=2026-03-02&last=2026-03-02")
    page.locator("#audit summary").first.click()
    expect(page.locator("#audit dl").first).to_be_visible()
    assert page.evaluate(TOO_WIDE) == []
    found = Axe().run(page)
    assert found.violations_count == 0, found.generate_report()
    page.locator("[name=kind]").select_option("rep")
    expect(page.locator("#audit tbody tr")).to_have_count(1)
    assert "kind=rep" in page.url
