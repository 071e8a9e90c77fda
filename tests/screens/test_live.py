"""Pages that change while they are looked at: a lead that arrives, a row that somebody else decides."""

import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone
from playwright.sync_api import Browser, Page, expect

from crm.models import Opportunity
from reps.models import Rep, User
from routing.models import Policy, QueueItem
from routing.services import outbox
from routing.services.decisions import route
from routing.services.queue import approve
from tests.web import serving

pytestmark = pytest.mark.django_db(transaction=True)
Make = Callable[..., Opportunity]


@pytest.fixture
def open_live(browser: Browser, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Page]]:
    """Pages from a server with event streams, signed in; each is listening when it is given."""
    complaints: list[str] = []
    contexts: list[Any] = []
    with serving(monkeypatch) as port:

        def opened(user: User, path: str, *, width: int = 1440) -> Page:
            address = f"http://127.0.0.1:{port}"
            context = browser.new_context(base_url=address, viewport={"width": width, "height": 900})
            contexts.append(context)
            client = Client()
            client.force_login(user)
            context.add_cookies(
                [{"name": "sessionid", "value": client.cookies["sessionid"].value, "url": address}]
            )
            page = context.new_page()
            page.set_default_timeout(20_000)
            page.on("pageerror", lambda error: complaints.append(str(error)))
            with page.expect_response("**/events/**"):
                page.goto(path)
            return page

        yield opened
        for context in contexts:
            context.close()
    assert complaints == []


@pytest.mark.parametrize("width", [1440, 390])
def test_a_rep_sees_a_new_lead_with_its_reason(
    open_live: Callable[..., Page],
    ana: Rep,
    make_opportunity: Make,
    publish: Callable[[], int],
    width: int,
) -> None:
    Policy.objects.update(application=Policy.Application.ASSIGN)
    publish()
    assert ana.user is not None
    page = open_live(ana.user, "/my-work/", width=width)
    expect(page.locator("#unread .card")).to_have_count(0)
    route(opportunity_id=make_opportunity("Hospital Nord").pk)
    outbox.deliver_due(at=timezone.now())
    expect(page.locator("#unread")).to_contain_text("Hospital Nord is yours")
    expect(page.locator("#toasts")).to_contain_text("Hospital Nord is yours")


def test_the_queue_says_what_came_and_what_went(
    open_live: Callable[..., Page], ana: Rep, ben: User, omar: User, make_opportunity: Make
) -> None:
    route(opportunity_id=make_opportunity("First").pk)
    page = open_live(omar, "/queue/")
    item = QueueItem.objects.get()
    approve(item_id=item.pk, by=ben, at=timezone.now())
    expect(page.locator(f"#gone-{item.pk}")).to_have_text("Ben gave it to Ana already.")
    route(opportunity_id=make_opportunity("Second").pk)
    expect(page.locator("#queue-news")).to_have_text("1 new")
    expect(page.locator("#queue-list [data-row]")).to_have_count(1)  # nothing moved


def test_what_is_new_is_of_the_list_as_it_is_filtered_and_ordered(
    open_live: Callable[..., Page], ana: Rep, omar: User, make_opportunity: Make
) -> None:
    route(opportunity_id=make_opportunity("First").pk)
    page = open_live(omar, "/queue/?q=st&order=newest")
    route(opportunity_id=make_opportunity("Second").pk)
    route(opportunity_id=make_opportunity("Just one").pk)
    expect(page.locator("#queue-news")).to_have_text("1 new")
    page.get_by_role("link", name="1 new").click()
    expect(page.locator("#queue-list [data-item]")).to_have_text(
        [re.compile("Just one"), re.compile("First")]
    )
