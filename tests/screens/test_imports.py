"""An import in a browser: from the files to the records, on a phone, by keyboard, without script."""

import re
from collections.abc import Callable

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import FilePayload, Page, expect

from crm.models import ImportRun, Opportunity
from crm.services.imports import open_run
from reps.models import User
from reps.services.jobs import create_job
from tests.screens.conftest import PHONE, WIDE

OpenPage = Callable[..., Page]
DEALS = b"id,deal_stage,account,product,amount,tier\n1,Won,Northwind,GTXPro,100,Gold\n2,Sleeping,Acme,GTX Pro,-5,Tin\n"
PRODUCTS = b"product,series\nGTX Pro,GTX\n"


def payload(name: str, content: bytes) -> FilePayload:
    return {"name": name, "mimeType": "text/csv", "buffer": content}


FILES = [payload("deals.csv", DEALS), payload("products.csv", PRODUCTS)]


def heading(page: Page, text: str) -> None:
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile(text))


@pytest.mark.parametrize(
    ("width", "dark", "script"),
    [pytest.param(WIDE, False, True, marks=pytest.mark.slow), (PHONE, True, True), (WIDE, True, False)],
)
def test_from_files_to_records(width: int, dark: bool, script: bool, open_page: OpenPage, omar: User) -> None:
    page = open_page(omar, width=width, dark=dark, script=script)
    wrong: dict[str, object] = {}

    def look() -> None:
        if not script:
            return
        found = Axe().run(page).response["violations"]
        too_wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
        if found or too_wide > 0:
            wrong[page.url] = [(one["id"], one["nodes"][0]["html"][:160]) for one in found], too_wide

    page.goto("/imports/")
    look()
    page.get_by_role("link", name="New import").first.click()
    look()
    page.set_input_files("input[type=file]", FILES)
    page.get_by_role("button", name="Read the files").click()
    heading(page, "What the columns mean")
    look()
    page.get_by_role("button", name="Check all rows").click()
    heading(page, "What the words mean")
    look()
    page.get_by_label("Sleeping means").select_option("Lost")
    expect(page.get_by_label("GTXPro")).to_be_checked()
    page.get_by_role("button", name="Go on").click()
    heading(page, "1 of 3 rows is bad")
    look()
    with page.expect_download() as download:
        page.get_by_role("link", name="Download all 1").click()
    assert "is negative" in download.value.path().read_text(encoding="utf-8-sig")
    page.get_by_role("button", name="Import 2 good rows").click()
    heading(page, "2 added")
    look()
    assert Opportunity.objects.get().product.name == "GTX Pro"
    page.goto("/imports/")
    look()
    expect(page.get_by_text("Imported", exact=True)).to_be_visible()
    assert wrong == {}


def test_the_preview_follows_and_the_focus_stays(open_page: OpenPage, omar: User) -> None:
    page = open_page(omar)
    page.goto("/imports/new/")
    page.set_input_files("input[type=file]", [payload("deals.csv", DEALS)])
    page.get_by_role("button", name="Read the files").click()
    select = page.get_by_label("tier goes to")
    expect(select).to_have_value("new")
    select.focus()
    select.select_option("source")
    expect(page.get_by_role("columnheader", name="Source")).to_be_visible()
    expect(page.get_by_label("tier goes to")).to_be_focused()
    page.get_by_label("holds").select_option("ignored")
    expect(page.get_by_text("Nothing of this file is imported.")).to_be_visible()


def test_what_the_file_does_not_tell_is_asked(open_page: OpenPage, omar: User) -> None:
    run = open_run(files=[("deals.csv", b"id,stage,created\n1,Won,03/04/2025\n")], by=omar)
    page = open_page(omar)
    page.goto(f"/imports/{run.pk}/")
    expect(page.get_by_role("cell", name="03/04/2025 day or month first?")).to_be_visible()
    page.get_by_label("Dates").select_option("mdy")
    expect(page.get_by_role("cell", name="2025-03-04")).to_be_visible()
    page.get_by_role("button", name="Check all rows").click()
    heading(page, "The one row is good")


def test_a_refused_file_says_why(open_page: OpenPage, omar: User) -> None:
    page = open_page(omar)
    page.goto("/imports/new/")
    page.set_input_files("input[type=file]", [payload("book.csv", b"PK\x03\x04")])
    page.get_by_role("button", name="Read the files").click()
    expect(page.get_by_role("alert")).to_contain_text("book.csv: This is an Excel workbook")
    page.complaints.clear()  # type: ignore[attr-defined]  # the browser tells of the 422


def test_progress_goes_on_by_itself_and_leads_to_the_end(open_page: OpenPage, omar: User) -> None:
    run = open_run(files=[("deals.csv", DEALS)], by=omar)
    run.job = create_job(kind="import_write", by=omar)
    run.job.state, run.job.stage, run.job.done, run.job.total = "running", "Writing opportunities", 1, 4
    run.job.save()
    run.save()
    page = open_page(omar)
    page.goto(f"/imports/{run.pk}/")
    expect(page.get_by_text("Writing opportunities: 1 of 4")).to_be_visible()
    assert Axe().run(page).response["violations"] == []
    type(run.job).objects.update(done=3)
    expect(page.get_by_text("Writing opportunities: 3 of 4")).to_be_visible()
    ImportRun.objects.update(state="done", finished_at=run.created_at, report={"targets": {}, "files": []})
    type(run.job).objects.update(state="done")
    expect(page).to_have_url(re.compile("/done/$"))
