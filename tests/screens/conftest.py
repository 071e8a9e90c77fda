"""A real browser on the real pages: `open_page(user, width=…, dark=…)` is a signed-in page that notes every error."""

import os
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from playwright.sync_api import Browser, Page, sync_playwright

from reps.models import User
from tests.browser import ARGUMENTS, find

WIDE, PHONE = 1440, 390


def wait_until(page: Page, holds: Callable[[], object]) -> None:
    """Lets the browser's events come in until `holds()`: for what a handler notes, which no locator shows.

    Raises:
        AssertionError: It did not hold within five seconds.
    """
    for _ in range(100):
        if holds():
            return
        page.wait_for_timeout(50)
    raise AssertionError("what was waited for did not come")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    # Playwright's loop makes Django believe that it is called from async code.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"
    path = find()
    if path is None:
        pytest.skip("no Chromium or Chrome; bin/test installs one")
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield found
        found.close()


@pytest.fixture
def open_page(browser: Browser, live_server: Any) -> Iterator[Callable[..., Page]]:
    """Opens pages signed in as a user. What the console or the policy complains about fails the test at its end."""
    complaints: list[str] = []
    contexts = []

    def opened(user: User | None, *, width: int = WIDE, dark: bool = False, script: bool = True) -> Page:
        context = browser.new_context(
            base_url=live_server.url,
            viewport={"width": width, "height": 844 if width == PHONE else 900},
            color_scheme="dark" if dark else "light",
            java_script_enabled=script,
        )
        contexts.append(context)
        if user:
            client = Client()
            client.force_login(user)
            context.add_cookies(
                [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": live_server.url}]
            )
        page = context.new_page()
        page.set_default_timeout(15_000)  # of a busy machine; what is there is found at once
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on(
            "console",
            lambda line: complaints.append(line.text) if line.type in ("error", "warning") else None,
        )
        page.complaints = complaints  # type: ignore[attr-defined]  # a test that expects some clears them
        return page

    yield opened
    for context in contexts:
        context.close()
    assert complaints == []
