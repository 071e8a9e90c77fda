"""Profiles in a browser: matrix, review, form and profile are accessible and fit; keys, and without script."""

import datetime
import os
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse
from django.utils import timezone
from playwright.sync_api import Page, expect

from crm.services.opportunities import create_opportunity
from reps.models import ProfileChange, Rep, Skill, TagSuggestion, User
from reps.queries import organisation
from reps.services.profiles import Tag
from reps.services.proposals import propose_expertise
from tests.screens.conftest import PHONE, WIDE
from tests.screens.test_tag_suggestions import TOO_WIDE

OpenPage = Callable[..., Page]
MakeRep = Callable[..., Rep]
INDUSTRIES = (
    "Healthcare",
    "Pharmaceutical manufacturing",
    "Financial services",
    "Retail",
    "Energy",
    "Telecommunications",
)


@pytest.fixture
def profiles(transactional_db: None, make_rep: MakeRep, ana: Rep, bo: Rep, ben: User) -> None:
    """A team with skills of all marks, a proposal, a suggestion, demand, and a rep with a long name."""
    reverse("rules")  # loads every page, which would take its time within the first one
    long = make_rep(
        "Maximiliana Hohenlohe-Bartenstein von Thurn", deal_size_min=50_000, selling_style="technical"
    )
    for number, industry in enumerate(INDUSTRIES):
        for rep in (bo, long)[number % 2 :]:
            Skill.objects.create(
                rep=rep, kind="industry", name=industry, proficiency=1 + number % 3, evidence_won=number,
                evidence_closed=2 * number,
            )  # fmt: skip
    Skill.objects.create(rep=bo, kind="certification", name="MEDDIC", valid_until=datetime.date(2020, 1, 1))
    Skill.objects.create(rep=bo, kind="language", name="Portuguese")
    now = timezone.now()
    for number in range(8):
        facts = {"name": f"N{number}", "industry": "Aerospace", "language": "Portuguese", "opened_at": now}
        create_opportunity(values=facts, at=now, by=None)
    Rep.objects.update(created_at=now - datetime.timedelta(days=200))
    ours = organisation()
    ours.own_profile_edits = "confirmed"
    ours.save()
    assert ana.user
    propose_expertise(rep=ana, tags=[Tag("language", "German", 3)], by=ana.user, at=now)
    ProfileChange.objects.create(rep=bo, changed_by=ben, changes={"Industry": ["", "Retail (solid)"]})
    TagSuggestion.objects.create(
        rep=ana, kind="industry", name="Energy", action="add", sentence="won 9 of 12 Energy deals", wins=9,
        deals=12, expected=4, p_value=0.01, suggested_at=now, found_at=now,
    )  # fmt: skip


@pytest.mark.parametrize(("width", "dark"), [(WIDE, False), (PHONE, True)])
def test_pages_are_accessible_and_fit(
    width: int, dark: bool, profiles: None, ana: Rep, bo: Rep, ben: User, open_page: OpenPage
) -> None:
    page = open_page(ben, width=width, dark=dark)
    addresses = {
        "matrix": "/reps/matrix/",
        "gaps": "/reps/matrix/?kind=language&gaps=on",
        "certifications": "/reps/matrix/?kind=certification",
        "review": "/reps/review/",
        "review-bo": f"/reps/review/{bo.pk}/",
        "rep": f"/reps/{bo.pk}/",
        "proposal": f"/reps/{ana.pk}/",
        "expertise": f"/reps/{bo.pk}/expertise/",
        "reps": "/reps/",
        "changes": "/reps/changes/",
    }
    for name, address in addresses.items():
        page.goto(address)
        if name in ("rep", "proposal"):
            expect(page.get_by_role("heading", name="The deals behind each tag")).to_be_visible()
        for summary in page.locator("details.skill > summary").all():
            if summary.is_visible():
                summary.click()
        found = Axe().run(page).response["violations"]
        assert [f"{one['id']} {one['nodes'][0]['target']}" for one in found] == [], address
        assert page.evaluate(TOO_WIDE) == [], address
        if folder := os.environ.get("SHOTS"):
            page.screenshot(path=f"{folder}/{name}-{width}-{'dark' if dark else 'light'}.png", full_page=True)


def test_a_wide_matrix_scrolls_within_itself(profiles: None, bo: Rep, ben: User, open_page: OpenPage) -> None:
    Skill.objects.bulk_create(
        Skill(rep=bo, kind="industry", name=f"Manufacturing {number}") for number in range(20)
    )
    page = open_page(ben, width=WIDE)
    page.goto("/reps/matrix/")
    assert page.evaluate("document.querySelector('.matrix-wide').scrollWidth > innerWidth")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_the_review_is_walked_through_by_keys(
    profiles: None, ana: Rep, bo: Rep, ben: User, open_page: OpenPage
) -> None:
    page = open_page(ben)
    page.goto("/reps/review/")
    expect(page.locator("aside h2").first).to_have_text("Ana")  # the proposal first
    page.keyboard.press("n")
    expect(page.locator("aside h2").first).to_have_text("Bo")
    page.keyboard.press("a")
    expect(page.locator(".toast")).to_contain_text("The profile of Bo is reviewed.")
    expect(page.locator("aside h2").first).to_contain_text("Maximiliana")
    bo.refresh_from_db()
    assert bo.reviewed_by == ben


def test_without_script(profiles: None, ana: Rep, ben: User, open_page: OpenPage) -> None:
    page = open_page(ben, script=False, width=PHONE)
    page.goto("/reps/review/")
    page.get_by_role("link", name="Ana", exact=True).first.click()
    page.get_by_label("Reason").fill("Not yet")
    page.get_by_role("button", name="Decline").click()
    expect(page.get_by_text("Ana is told, with your reason.")).to_be_visible()
    page.goto("/reps/matrix/?kind=language&gaps=on")
    expect(page.get_by_text("one rep only").locator("visible=true")).to_be_visible()


def test_errors_are_linked_from_the_summary(profiles: None, bo: Rep, ben: User, open_page: OpenPage) -> None:
    page = open_page(ben, width=PHONE)
    page.goto(f"/reps/{bo.pk}/expertise/")
    page.locator("#id_certification-0-valid_until").fill("2019-01-01")
    page.get_by_role("button", name="Save").click()
    page.get_by_role("link", name="1 January 2019 is over").click()
    assert page.evaluate("location.hash") == "#id_certification-0-valid_until"
    page.complaints.clear()  # type: ignore[attr-defined]  # the browser notes the 422
