"""Webhooks and web forms in a browser: accessible on every width; a site's form sends without a script of ours."""

import os
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse
from playwright.sync_api import Page, expect

from crm.models import Opportunity
from reps.models import User
from routing.models import WebForm, Webhook, WebhookDelivery
from routing.services.webhooks.planning import plan_deliveries
from tests.conftest import NOW
from tests.routing.test_web_forms import made
from tests.routing.test_webhooks import happen, hook
from tests.screens.conftest import PHONE, WIDE

OpenPage = Callable[..., Page]
TOO_WIDE = """document.documentElement.scrollWidth <= innerWidth ? [] : [...document.querySelectorAll("main *")]
    .filter((one) => one.getBoundingClientRect().right > innerWidth).map((one) => one.outerHTML.slice(0, 120))"""


@pytest.fixture
def integrations(transactional_db: None, omar: User, make_opportunity: Callable[..., Opportunity]) -> None:
    """A webhook that fails, with messages in each state, one that works, and a web form."""
    reverse("rules")
    webhook, _ = hook(omar, "https://crm.example.com/services/routing/in/very/long/address/of/a/receiver")
    happen(make_opportunity, 4)
    plan_deliveries(at=NOW)
    first, second, third, _ = WebhookDelivery.objects.order_by("pk")
    sent = (
        '{"delivery": "7a0c3c1c-9c39-4f0c-8a0e-1f0f0c6b9f11", "number": 1, "event": "opportunity.held"}' * 3
    )
    values = {"sent": sent, "answer": "<h1>Bad gateway</h1>", "status": 502}
    WebhookDelivery.objects.filter(pk=first.pk).update(
        state="delivered", settled_at=NOW, sent=sent, status=200
    )
    WebhookDelivery.objects.filter(pk=second.pk).update(
        state="dead", settled_at=NOW, last_error="The receiver answered with 502.", **values
    )
    WebhookDelivery.objects.filter(pk=third.pk).update(
        attempts=4, last_error="crm.example.com could not be reached.", **values
    )
    Webhook.objects.filter(pk=webhook.pk).update(failures=9, told_at=NOW, failing_since=NOW)
    hook(omar, "https://warehouse.example.com", name="Warehouse")
    made(omar)


@pytest.mark.usefixtures("integrations")
@pytest.mark.parametrize(("width", "dark"), [(WIDE, False), (PHONE, True)])
def test_pages_are_accessible_and_fit(width: int, dark: bool, omar: User, open_page: OpenPage) -> None:
    page = open_page(omar, width=width, dark=dark)
    hook_, form = Webhook.objects.get(name="CRM").pk, WebForm.objects.get().pk
    webhooks, forms = "/settings/webhooks/", "/settings/web-forms/"
    addresses = (
        webhooks, f"{webhooks}{hook_}/", f"{webhooks}{hook_}/edit/", f"{webhooks}new/",
        forms, f"{forms}{form}/", f"{forms}new/",
    )  # fmt: skip
    for address in addresses:
        page.goto(address)
        for summary in page.locator("details.what summary").all():
            summary.click()
        found = Axe().run(page).response["violations"]
        assert [f"{one['id']} {one['nodes'][0]['target']}" for one in found] == [], address
        assert page.evaluate(TOO_WIDE) == [], address
        if folder := os.environ.get("SHOTS"):
            name = address.strip("/").replace("/", "-")
            page.screenshot(path=f"{folder}/{name}-{width}-{'dark' if dark else 'light'}.png", full_page=True)


@pytest.mark.usefixtures("integrations")
@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_a_webhook_is_made_and_its_messages_are_sent_again(
    script: bool, omar: User, open_page: OpenPage
) -> None:
    page = open_page(omar, script=script)
    page.goto("/settings/webhooks/")
    page.get_by_role("link", name="New webhook").click()
    page.get_by_label("Name", exact=True).fill("Salesforce")
    page.get_by_label("Address").fill("https://login.example.com/routing")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("status").first).to_contain_text("The secret that signs")
    page.goto(f"/settings/webhooks/{Webhook.objects.get(name='CRM').pk}/?state=dead")
    page.get_by_role("button", name="Send number 2 again").click()
    expect(page.get_by_text("1 message will be sent again now.")).to_be_visible()
    assert WebhookDelivery.objects.get(change__number=2).state == "waiting"


@pytest.mark.usefixtures("integrations")
def test_the_html_works_on_another_website(omar: User, open_page: OpenPage, live_server: object) -> None:
    """Served as another origin (without TLS, as the test's server is); the robots' field is not seen."""
    form = WebForm.objects.get()
    page = open_page(omar)
    page.goto(f"/settings/web-forms/{form.pk}/")
    html = page.get_by_label("HTML for the website").input_value()
    base = str(live_server.url)  # type: ignore[attr-defined]
    html = html.replace(html.split('action="')[1].split("/forms/")[0], base)
    site = open_page(None)
    site.route(
        "http://www.example.com/",
        lambda route: route.fulfill(body=f"<!doctype html><title>Us</title>{html}", content_type="text/html"),
    )
    WebForm.objects.update(origins=["http://www.example.com"])
    site.goto("http://www.example.com/")
    expect(site.get_by_label("Leave this empty")).not_to_be_in_viewport()
    site.get_by_label("Company").fill("Contoso")
    site.get_by_label("Email address").fill("kim@contoso.example")
    with site.expect_response(f"**/forms/{form.key}/") as answered:
        site.get_by_role("button", name="Send").click()
    assert answered.value.status == 200
    assert Opportunity.objects.filter(name="Contoso", source="Website").count() == 1
