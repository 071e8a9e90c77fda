"""The page of a batch in a browser: some are selected, the rest is approved under a filter; wide and on a phone."""

import re
from collections.abc import Callable

import pytest
from django.urls import reverse
from playwright.sync_api import Page, expect

from crm.models import Opportunity
from reps.models import Rep, User
from routing.models import Batch, Policy
from routing.services.decisions import route
from tests.conftest import NOW
from tests.routing.conftest import LISTS
from tests.routing.test_batch_runs import planned
from tests.screens.conftest import PHONE, WIDE
from tests.screens.test_rules import problems

OpenPage = Callable[..., Page]
TOO_WIDE = "(table => table.scrollWidth - table.clientWidth)(document.querySelector('#loads-after .scroll'))"


@pytest.fixture
def batch(
    transactional_db: None,
    ana: Rep,
    cara: Rep,
    publish: Callable[[], int],
    make_opportunity: Callable[..., Opportunity],
) -> Batch:
    """Ana has room for two of three that she knows."""
    Policy.objects.all().delete()
    Policy.objects.create(
        name="Lists", position=1, condition=LISTS, mode="batch", batch_cadence="twice_daily",
        batch_times=["09:00", "14:00"], batch_expiry_hours=24, fallback=["hold"], threshold=0,
    )  # fmt: skip
    Rep.objects.filter(pk=ana.pk).update(own_max_open=2)
    publish()
    for name in ("Northwind Health", "Kestrel Logistics", "Fabrikam Energy"):
        lead = make_opportunity(name, source="List", industry="Healthcare", value=180_000, currency="USD")
        route(opportunity_id=lead.pk, at=NOW)
    return planned()


@pytest.mark.parametrize(("width", "dark"), [(WIDE, False), (PHONE, True)], ids=["wide", "phone"])
def test_looks_well(open_page: OpenPage, omar: User, batch: Batch, width: int, dark: bool) -> None:
    page = open_page(omar, width=width, dark=dark)
    page.goto(reverse("batch", args=[batch.pk]))
    for fold in page.locator("details.fold > summary").all():
        fold.click()
    assert problems(page) == []
    page.goto(reverse("batch_item", args=[batch.pk, batch.items.all()[0].pk]))
    assert problems(page) == []


def test_holds_one_back_and_approves_what_the_filter_shows(
    open_page: OpenPage, omar: User, ana: Rep, batch: Batch
) -> None:
    page = open_page(omar)
    page.goto(reverse("batch", args=[batch.pk]))
    first = batch.items.filter(rep=ana)[0]
    page.get_by_label(f"Select {first.opportunity.name}").check()
    page.get_by_role("button", name="Hold selected back").click()
    expect(page.get_by_text("1 held back: it waits for a person.")).to_be_visible()
    page.locator("select[name=rep]").select_option(label="Ana")
    page.get_by_role("button", name="Approve this one").click()
    expect(page.get_by_text("1 assigned.")).to_be_visible()
    expect(page).to_have_url(re.compile(rf"rep={ana.pk}$"))
    assert Opportunity.objects.filter(owner=ana).count() == 1
    assert Opportunity.objects.filter(owner__isnull=False).count() == 1


def test_the_loads_that_result_fit(open_page: OpenPage, omar: User, ana: Rep, batch: Batch) -> None:
    page = open_page(omar)
    Rep.objects.filter(pk=ana.pk).update(name="Ana Carolina das Neves e Vasconcelos", own_max_open=1)
    items = "&".join(f"item={item.queue_item_id}" for item in batch.items.all())
    page.goto(f"{reverse('queue_many')}?{items}&action=give&rep={ana.pk}")
    expect(page.locator("#loads-after tbody tr").first).to_be_visible()
    for width in (WIDE, 1100):
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate(TOO_WIDE) <= 0
