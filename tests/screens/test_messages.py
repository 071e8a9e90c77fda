"""Notifications and messages in a browser: accessible on every width, chosen, and sent again."""

import os
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse
from playwright.sync_api import Page, expect

from reps.models import User
from routing.models import ChatChannel, Delivery, NotificationSettings
from routing.services import outbox
from routing.services.notification_settings import set_chat
from tests.conftest import NOW
from tests.routing.test_message_pages import SLACK, dead, make_deliveries
from tests.screens.conftest import PHONE, WIDE

OpenPage = Callable[..., Page]
OWN, LIST = "/settings/notifications/", "/messages/"
TOO_WIDE = """document.documentElement.scrollWidth <= innerWidth ? [] : [...document.querySelectorAll("main *")]
    .filter((one) => one.getBoundingClientRect().right > innerWidth).map((one) => one.outerHTML.slice(0, 120))"""


@pytest.fixture
def messages(transactional_db: None, ben: User, omar: User) -> None:
    """Some that were given up, one in each other state, an event that failed, and a channel."""
    reverse("rules")  # loads every page, which would take its time within the first one
    dead(3, ben)
    dead(1, ben, channel="chat")
    make_deliveries(1, ben, last_error="The mail server smtp.example.com could not be reached.", attempts=4)
    make_deliveries(1, ben, state="delivered", settled_at=NOW)
    make_deliveries(1, ben, state="withheld", settled_at=NOW, last_error="Ben may not see it any more.")
    outbox.tell("no.such_topic", {}, at=NOW)
    ChatChannel.objects.create(
        name="East", service="Slack", hint="Slack, ending in …i7FQ", kinds=["assigned"]
    )
    set_chat(user=omar, address=SLACK)


@pytest.mark.usefixtures("messages")
@pytest.mark.parametrize(("width", "dark"), [(WIDE, False), (PHONE, True)])
def test_pages_are_accessible_and_fit(width: int, dark: bool, omar: User, open_page: OpenPage) -> None:
    page = open_page(omar, width=width, dark=dark)
    channel = f"/messages/channels/{ChatChannel.objects.get().pk}/"
    addresses = (OWN, LIST, f"{LIST}?state=dead", "/messages/events/", "/messages/channels/", channel)
    for address in addresses:
        page.goto(address)
        for summary in page.locator("details.what summary").all():
            summary.click()
        found = Axe().run(page).response["violations"]
        assert [f"{one['id']} {one['nodes'][0]['target']}" for one in found] == [], address
        assert page.evaluate(TOO_WIDE) == [], address
        if folder := os.environ.get("SHOTS"):
            name = address.strip("/").replace("/", "-").replace("?", "-")
            page.screenshot(path=f"{folder}/{name}-{width}-{'dark' if dark else 'light'}.png", full_page=True)


@pytest.mark.usefixtures("messages")
def test_some_are_ticked_and_sent_again(omar: User, open_page: OpenPage) -> None:
    page = open_page(omar)
    page.goto(LIST)
    page.get_by_label("State").select_option("dead")
    expect(page.get_by_role("button", name="Send selected again")).to_be_visible()
    boxes = page.locator("#messages td.pick input")
    expect(boxes).to_have_count(4)
    boxes.nth(0).check()
    boxes.nth(1).check()
    page.get_by_role("button", name="Send selected again").click()
    expect(page.locator(".toast")).to_contain_text("2 messages will be sent again now.")
    expect(page.locator("#messages td.pick input")).to_have_count(2)
    assert "state=dead" in page.url
    assert Delivery.objects.filter(state="dead").count() == 2


@pytest.mark.usefixtures("messages")
def test_choices_are_saved_and_mistakes_stand_beside_the_field(ben: User, open_page: OpenPage) -> None:
    page = open_page(ben, script=False)
    page.goto(OWN)
    page.get_by_label("Reps over capacity: by email").select_option("at_once")
    page.get_by_label("Quiet from").fill("22:00")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator(".summary")).to_contain_text("Give both times, or none.")
    page.complaints.clear()  # type: ignore[attr-defined]  # the 422 itself
    expect(page.get_by_label("Reps over capacity: by email")).to_have_value("at_once")
    page.get_by_label("Quiet until").fill("07:00")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.get_by_text("Saved. It holds for what is told from now on.")).to_be_visible()
    assert NotificationSettings.objects.get(user=ben).by_email("capacity") == "at_once"
