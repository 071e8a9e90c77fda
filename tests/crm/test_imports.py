"""Imports against the database: what is written, what a second import changes, what is kept, what is refused."""

import datetime
import json
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.db import connection, connections, transaction
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from crm import jobs
from crm.engine.imports import reading
from crm.models import (
    Account,
    Activity,
    Alias,
    Assignment,
    Contact,
    CustomField,
    ExchangeRate,
    ImportFile,
    ImportMapping,
    ImportRun,
    Opportunity,
    Product,
    StageChange,
    Term,
)
from crm.queries.imports import bad_rows
from crm.services.imports import ImportRefused, check_run, import_files, open_run, save_mapping, write_run
from crm.services.imports.starting import abandon, cancel, start
from crm.services.ownership import assign, lock_opportunity
from crm.services.stages import change_stage
from reps.models import Job, Rep, Team, User
from reps.services.jobs import (
    STOPPED_AFTER,
    Finish,
    JobCancelled,
    Report,
    create_job,
    finish_job,
    run_job,
    start_job,
)
from routing.queries.invariants import check_invariants

NOW = datetime.datetime(2026, 3, 2, 12, tzinfo=datetime.UTC)
LATER = NOW + datetime.timedelta(days=1)

# The shape and the quirks of a linked export: spellings that differ, rows without account, open rows without dates.
ACCOUNTS = """\
account,sector,year_established,revenue,employees,office_location,subsidiary_of
Northwind,technolgy,1996,1100.04,2822,United States,
Southgate,retail,1999,251.41,45,Philipines,Northwind
"""
PRODUCTS = "product,series,sales_price\nGTX Pro,GTX,4821\nMG Special,MG,55\n"
TEAMS = "sales_agent,manager,regional_office\nMoses Hill,Dora Brink,Central\nLena Falk,Dora Brink,West\n"
PIPELINE = """\
opportunity_id,sales_agent,product,account,deal_stage,engage_date,close_date,close_value
A1,Moses Hill,GTXPro,Northwind,Won,2016-10-20,2017-03-01,1054
A2,Lena Falk,MG Special,Southgate,Lost,2016-10-25,2017-03-11,0
A3,Lena Falk,GTX Pro,,Engaging,2017-05-01,,
A4,Moses Hill,MG Special,,Prospecting,,,
"""
DICTIONARY = "Table,Field,Description\naccounts,account,Company name\n"
LINKED = [
    ("data_dictionary.csv", DICTIONARY), ("sales_pipeline.csv", PIPELINE), ("accounts.csv", ACCOUNTS),
    ("products.csv", PRODUCTS), ("sales_teams.csv", TEAMS),
]  # fmt: skip
SURVEY = (
    '"Product";"Seller";"Competitors";"RFP";"Source";"Status"\n'
    + '"Product A";"Seller 6";"Unknown";"Yes";"Referral";"Won"\n' * 3
    + '"Product B";"Seller 1";"No";"No";"Media";"Lost"\n' * 3
)


def given(*files: tuple[str, str]) -> list[tuple[str, bytes]]:
    return [(name, text.encode()) for name, text in files]


def deals(text: str) -> list[tuple[str, bytes]]:
    return given(("deals.csv", text))


def do(text: str, by: User | None = None, *, at: datetime.datetime = NOW, **options: Any) -> ImportRun:
    accept_good = options.pop("accept_good", False)
    return import_files(files=deals(text), by=by, at=at, accept_good=accept_good, options=options)


def problems(text: str, **options: Any) -> list[tuple[int, str, str]]:
    """(row, field, reason) of every bad cell."""
    run = open_run(files=deals(text), by=None, options=options)
    check_run(run=run, at=NOW)
    return [(row, field, reason) for row, field, _, reason in run.files.get().errors]


def nothing_written() -> bool:
    models = (Account, Contact, Opportunity, Product, Term, Alias, Assignment, Activity, CustomField)
    return not any(model.objects.exists() for model in models) and not Rep.objects.exists()


# --- what is written ------------------------------------------------------------------------------------------------


def test_linked_files_are_imported_whatever_the_order(omar: User) -> None:
    run = import_files(files=given(*LINKED), by=omar, at=NOW, options={"accept_aliases": True})
    assert {target: counts["created"] for target, counts in run.report["targets"].items()} == {
        "accounts": 2, "products": 2, "reps": 2, "opportunities": 4,
    }  # fmt: skip
    won = Opportunity.objects.get(external_id="A1")
    assert (won.stage, won.name, won.product.name, won.industry, won.country, won.size_band) == (
        "won", "Northwind: GTX Pro", "GTX Pro", "technology", "US", "1000-4999",
    )  # fmt: skip
    assert (won.value, won.value_base, won.currency, won.owner.name) == (
        Decimal(1054), Decimal("1054.00"), "USD", "Moses Hill",
    )  # fmt: skip
    assert won.opened_at == datetime.datetime(2016, 10, 20, tzinfo=datetime.UTC)
    undated = Opportunity.objects.get(external_id="A4")
    assert (undated.stage, undated.dates_known, undated.opened_at, undated.value) == (
        "open",
        False,
        NOW,
        None,
    )
    assert (undated.routing, undated.account, undated.name) == ("assigned", None, "MG Special A4")
    assert Account.objects.get(name="Southgate").parent.name == "Northwind"
    assert Account.objects.get(name="Southgate").country == "PH"
    assert Rep.objects.get(name="Moses Hill").team.name == "Central"
    assert Rep.objects.get(name="Lena Falk").load == 1
    assert run.files.get(name="data_dictionary.csv").target == "ignored"
    assert "Dora Brink" in " ".join(run.report["files"][2]["notes"])
    assert check_invariants().violations == []


def test_imported_ownership_and_history_are_traceable(omar: User) -> None:
    run = import_files(files=given(*LINKED), by=omar, at=NOW)
    assignment = Assignment.objects.get(opportunity__external_id="A1")
    assert (assignment.source, assignment.import_run, assignment.committed_before, assignment.ended_at) == (
        "import", run, None, None,
    )  # fmt: skip
    assert assignment.assigned_at.date() == datetime.date(2016, 10, 20)
    stages = StageChange.objects.filter(opportunity__external_id="A1").order_by("pk")
    assert [(change.from_stage, change.to_stage) for change in stages] == [("", "open"), ("open", "won")]
    assert Opportunity.objects.get(external_id="A1").accepted_at == NOW


def test_spellings_are_only_replaced_when_confirmed(omar: User) -> None:
    run = open_run(files=given(*LINKED), by=omar)
    report = check_run(run=run, at=NOW)
    assert nothing_written()
    assert {(one["kind"], one["spelling"], one["term"]) for one in report["aliases"]} == {
        ("product", "GTXPro", "GTX Pro"), ("industry", "technolgy", "technology"),
        ("country", "Philipines", "Philippines"),
    }  # fmt: skip
    write_run(run=run, at=NOW)
    kept = Opportunity.objects.get(external_id="A1")
    assert (kept.product.name, kept.industry) == ("GTXPro", "technolgy")
    assert {"product", "industry"} <= set(kept.flags)
    assert not Term.objects.get(kind="industry", name="technolgy").is_known
    assert not Alias.objects.exists()


def test_confirmed_spellings_hold_for_the_next_import(omar: User) -> None:
    import_files(files=given(*LINKED), by=omar, at=NOW, options={"accept_aliases": True})
    assert Alias.objects.get(kind="product", spelling="GTXPro").term == "GTX Pro"
    run = do("id,product,stage\nZ1,gtxpro,Won\n", omar)
    assert Opportunity.objects.get(external_id="Z1").product.name == "GTX Pro"
    assert run.report["aliases"] == []


def test_rows_without_ids_dates_and_values_are_taken_for_what_they_are(omar: User) -> None:
    run = do(SURVEY, omar)
    assert run.report["targets"]["opportunities"]["created"] == 6
    row = Opportunity.objects.order_by("pk")[0]
    assert (row.stage, row.dates_known, row.closed_at, row.kind, row.source) == (
        "won", False, None, "deal", "Referral",
    )  # fmt: skip
    assert row.custom == {"competitors": "Unknown", "rfp": True}
    assert row.competitors == []
    assert CustomField.objects.get(key="rfp").type == "boolean"
    assert CustomField.objects.get(key="competitors").choices == ["No", "Unknown"]
    assert {rep.name for rep in Rep.objects.all()} == {"Seller 6", "Seller 1"}
    assert check_invariants().violations == []


def test_every_field_is_filled_under_its_own_name(omar: User, ana: Rep) -> None:
    Rep.objects.filter(pk=ana.pk).update(email="ana@example.com")
    ExchangeRate.objects.create(currency="EUR", rate="1.1", valid_from="2020-01-01")
    values = {
        "external_id": "O1", "name": "Big one", "kind": "deal", "stage": "Closed Won", "account": "Acme",
        "contact_name": "Pat Doe", "contact_email": "pat@acme.example", "owner": "ANA@example.com", "product": "GTX",
        "source": "Web", "industry": "Healthcare", "employees": "250", "size_band": "", "country": "Germany",
        "region": "Bavaria", "city": "Munich", "postal_code": "08031", "language": "de", "urgency": "now",
        "competitors": "Foe;Rival | Foe", "complexity": "3", "lead_score": "87.5", "value": "€1.200,50", "currency": "",
        "opened_at": "2025-01-02", "closed_at": "2025-03-04", "assigned_at": "2025-01-03 10:00",
        "first_touch_at": "2025-01-03T12:00:00Z", "satisfaction": "4,5", "tier": "Gold",
    }  # fmt: skip
    text = ";".join(values) + "\n" + ";".join(f'"{value}"' for value in values.values()) + "\n"
    do(text, omar)
    row = Opportunity.objects.select_related("account", "contact").get(external_id="O1")
    assert (row.account.name, row.contact.email, row.owner, row.country, row.language) == (
        "Acme", "pat@acme.example", ana, "DE", "German",
    )  # fmt: skip
    assert (row.size_band, row.competitors, row.lead_score, row.postal_code) == (
        "200-999",
        ["Foe", "Rival"],
        88,
        "08031",
    )
    assert (row.value, row.currency, row.value_base, row.satisfaction) == (
        Decimal("1200.50"), "EUR", Decimal("1320.55"), Decimal("4.50"),
    )  # fmt: skip
    assert row.assigned_at == datetime.datetime(2025, 1, 3, 10, tzinfo=datetime.UTC)
    assert row.first_touch_at == datetime.datetime(2025, 1, 3, 12, tzinfo=datetime.UTC)
    assert row.custom == {"tier": "Gold"}


def test_activities_make_the_first_touch(omar: User, ana: Rep) -> None:
    files = given(
        ("activities.csv", "external_id,opportunity,kind,rep,happened_at,note\n"
         "X1,O1,Email,Bo Diaz,2025-01-03 11:00,\nX2,O1,Phone call,Ana,2025-01-03 12:00,=hi\n"
         "X3,O9,call,Ana,2025-01-04,\n"),
        ("deals.csv", "external_id,stage,owner,opened_at\nO1,Open,Ana,2025-01-03\n"),
    )  # fmt: skip
    run = import_files(files=files, by=omar, at=NOW, accept_good=True)
    assert run.report["targets"]["activities"] == {
        "read": 3, "created": 2, "updated": 0, "unchanged": 0, "bad": 1, "kept": 0,
    }  # fmt: skip
    assert run.files.get(target="activities").errors == [
        [4, "opportunity", "O9", "is no opportunity here or in the files"]
    ]
    assert Opportunity.objects.get(external_id="O1").first_touch_at.hour == 12
    again = import_files(files=files, by=omar, at=LATER, accept_good=True)
    assert again.report["targets"]["activities"]["unchanged"] == 2


def test_an_activity_in_the_archive_does_not_come_again(omar: User, ana: Rep) -> None:
    files = given(
        (
            "activities.csv",
            "external_id,opportunity,kind,happened_at\nX1,O1,call,2025-01-03\nX2,O1,call,2025-01-04\n",
        ),
        ("deals.csv", "external_id,stage,owner,opened_at\nO1,Open,Ana,2025-01-03\n"),
    )
    import_files(files=files, by=omar, at=NOW, accept_good=True)
    with connection.cursor() as cursor:  # as operations.services.history.removing does
        cursor.execute("SELECT set_config('routing.archives_history', 'on', true)")
        cursor.execute("DELETE FROM crm_activity WHERE external_id = 'X1'")
        cursor.execute("SELECT set_config('routing.archives_history', '', true)")
    again = import_files(files=files, by=omar, at=LATER, accept_good=True)
    assert again.files.get(target="activities").errors == [
        [2, "external_id", "X1", "is of an activity that is in the archive"]
    ]
    assert again.report["targets"]["activities"]["unchanged"] == 1


def test_open_rows_without_owner_are_routed_only_when_asked(omar: User) -> None:
    do("id,stage\n1,Open\n", omar)
    do("id,stage\n2,Open\n3,Won\n", omar, route=True)
    assert dict(Opportunity.objects.values_list("external_id", "routing")) == {
        "1": "none", "2": "waiting", "3": "none",
    }  # fmt: skip


def test_unknown_words_are_kept_flagged_and_mappable(omar: User) -> None:
    run = do("id,industry,country,currency,language,value\n1,Spacefaring,Atlantis,XQQ,Elvish,5\n", omar)
    row = Opportunity.objects.get()
    assert (row.industry, row.country, row.currency, row.language) == (
        "Spacefaring",
        "Atlantis",
        "XQQ",
        "Elvish",
    )
    assert row.flags == ["country", "currency", "industry", "language", "rate"]
    assert {kind for kind, _, _ in run.report["unknown"]} == {"country", "currency", "industry", "language"}
    assert Term.objects.filter(is_known=False).count() == 4


def test_words_that_were_confirmed_are_not_flagged(omar: User) -> None:
    do(
        "id,industry,product\n1,Spacefaring,Ark\n",
        omar,
        known=[["industry", "Spacefaring"], ["product", "Ark"]],
    )
    assert Opportunity.objects.get().flags == []
    assert Term.objects.get(kind="industry").is_known


def test_unknown_owners_and_accounts_follow_the_options(omar: User) -> None:
    assert problems("id,owner\n1,Nobody\n", create_reps=False) == [(2, "owner", "is no rep here")]
    run = do("id,account\n1,Acme\n", omar, create_accounts=False)
    assert Opportunity.objects.get().account is None
    assert "1 row names an account" in run.report["files"][0]["notes"][0]
    do("id,account,owner\n2,Acme,Kim Lee\n", omar)
    assert Opportunity.objects.get(external_id="2").account.name == "Acme"
    assert Rep.objects.get().team.is_default


def test_attributes_come_from_the_account(omar: User) -> None:
    Account.objects.create(
        name="Acme", external_id="A-1", industry="Retail", country="DE", employees=60, size_band="50-199"
    )
    Term.objects.create(kind="industry", name="Retail")
    do("id,account,industry\n1,acme,\n2,A-1,Health\n", omar)
    first, second = Opportunity.objects.order_by("external_id")
    assert (first.industry, first.country, first.size_band, first.flags) == ("Retail", "DE", "50-199", [])
    assert second.industry == "Health"


# --- importing again ------------------------------------------------------------------------------------------------


def test_the_same_files_again_change_nothing(omar: User) -> None:
    for at in (NOW, LATER):
        run = import_files(files=given(*LINKED), by=omar, at=at, options={"accept_aliases": True})
    assert all(counts["created"] == counts["updated"] == 0 for counts in run.report["targets"].values())
    assert "imported before" in run.report["files"][0]["notes"][0]
    assert Opportunity.objects.count() == Assignment.objects.count() == 4


def test_rows_are_updated_by_their_id_and_empty_cells_leave_what_is_there(omar: User) -> None:
    do("id,stage,value,source,owner,opened_at\n1,Open,100,Web,Ana Ruiz,2025-01-01\n2,Open,,,,\n", omar)
    run = do("id,stage,value,source,close_date\n1,Won,,Fair,2025-02-01\n2,Open,,,\n", omar, at=LATER)
    assert run.report["targets"]["opportunities"] | {"read": 0} == {
        "read": 0, "created": 0, "updated": 1, "unchanged": 1, "bad": 0, "kept": 0,
    }  # fmt: skip
    row = Opportunity.objects.get(external_id="1")
    assert (row.stage, row.value, row.source, row.closed_at.month) == ("won", Decimal(100), "Fair", 2)
    assert StageChange.objects.filter(opportunity=row).count() == 2
    assert Rep.objects.get().load == 0
    assert check_invariants().violations == []


def test_another_owner_in_the_file_ends_the_imported_assignment(omar: User) -> None:
    do("id,stage,owner,opened_at\n1,Open,Ana Ruiz,2025-01-01\n", omar)
    run = do("id,stage,owner\n1,Open,Bo Diaz\n", omar, at=LATER)
    row = Opportunity.objects.get()
    old, new = Assignment.objects.order_by("pk")
    assert (row.owner.name, row.assigned_at, row.first_touch_at) == ("Bo Diaz", LATER, None)
    assert (old.ended_at, new.rep.name, new.import_run) == (LATER, "Bo Diaz", run)
    assert dict(Rep.objects.values_list("name", "load")) == {"Ana Ruiz": 0, "Bo Diaz": 1}
    assert check_invariants().violations == []


def test_an_owner_whom_a_person_chose_is_kept_and_told(omar: User, ana: Rep) -> None:
    do("id,stage,owner,value\n1,Open,Bo Diaz,5\n", omar)
    opportunity = lock_opportunity(Opportunity.objects.get().pk)
    assign(opportunity=opportunity, rep=ana, source="person", at=LATER, by=omar)
    run = do("id,stage,owner,value\n1,Open,Bo Diaz,7\n", omar, at=LATER)
    assert (Opportunity.objects.get().owner, Opportunity.objects.get().value) == (ana, Decimal(7))
    assert run.report["kept"] == [[2, "owner", "owned here by Ana"]]
    assert check_invariants().violations == []


def test_locks_outcomes_and_the_queue_are_not_overruled(omar: User) -> None:
    do("id,stage,owner\n1,Open,Bo Diaz\n2,Open,Bo Diaz\n3,Open,\n", omar)
    Opportunity.objects.filter(external_id="1").update(is_locked=True)
    change_stage(opportunity_id=Opportunity.objects.get(external_id="2").pk, to="won", at=NOW, by=omar)
    Opportunity.objects.filter(external_id="3").update(routing="held")
    run = do("id,stage,owner\n1,Open,Ana Ruiz\n2,Open,Bo Diaz\n3,Lost,\n", omar, at=LATER)
    assert run.report["kept"] == [
        [3, "stage", "closed here as won"],
        [4, "stage", "waits in the routing queue here; close it there"],
        [2, "owner", "locked here"],
    ]
    assert list(Opportunity.objects.order_by("external_id").values_list("stage", flat=True)) == [
        "open",
        "won",
        "open",
    ]
    assert Opportunity.objects.get(external_id="2").closed_at is not None


def test_rows_without_an_id_are_added_again_with_a_warning(omar: User) -> None:
    do(SURVEY, omar)
    run = do(SURVEY, omar, at=LATER)
    assert Opportunity.objects.count() == 12
    assert "imported before" in run.report["files"][0]["notes"][0]


# --- bad input ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("id,stage\n1,Won\n1,Lost\n", [(3, "external_id", "is in row 2 already")]),
        ("id,stage\n1,Sleeping\n", [(2, "stage", "is not a stage that is known; say what it means")]),
        ("id,value\n1,-5\n", [(2, "value", "is negative")]),
        ("id,value\n1,inf\n", [(2, "value", "is not a finite number")]),
        ("id,value\n1,1e20\n", [(2, "value", "is too large: at most 99,999,999,999,999.99 fits")]),
        ("id,value,currency\n1,5,Taler\n", [(2, "currency", "is no currency; use a code such as EUR")]),
        ("id,opened_at\n1,2031-01-01\n", [(2, "opened_at", "lies in the future")]),
        ("id,stage,closed_at\n1,Won,2031-01-01\n", [(2, "closed_at", "lies in the future")]),
        ("id,stage,opened_at,closed_at\n1,Won,2025-02-01,2025-01-01\n",
         [(2, "closed_at", "is before the day on which it was opened")]),
        ("id,employees\n1,12.5\n", [(2, "employees", "is not a whole number")]),
        ("id,complexity\n1,9\n", [(2, "complexity", "is not between 1 and 5")]),
        ("id,lead_score\n1,101\n", [(2, "lead_score", "is not between 0 and 100")]),
        ("id,contact_email\n1,nobody\n", [(2, "contact_email", "is not an email address")]),
        ("id,name\n1,=1+1,x\n", [(2, "", "has 3 cells, but the header has 2 columns")]),
        (f"id,city\n1,{'x' * 121}\n", [(2, "city", "is too long: 121 characters, at most 120 fit")]),
    ],
)  # fmt: skip
def test_bad_rows_are_named(db: None, text: str, wanted: list[tuple[int, str, str]]) -> None:
    assert problems(text) == wanted
    with pytest.raises(ImportRefused, match="1 row is bad, and nothing was written"):
        do(text)
    assert nothing_written()


def test_the_good_rows_are_imported_only_when_asked(omar: User) -> None:
    text = "id,stage,value\n1,Won,5\n2,Won,-5\n"
    with pytest.raises(ImportRefused):
        do(text, omar)
    assert nothing_written()
    run = do(text, omar, accept_good=True)
    assert [row.external_id for row in Opportunity.objects.all()] == ["1"]
    assert run.report["targets"]["opportunities"]["bad"] == 1


def test_formulas_are_text_here_and_shielded_in_the_file_of_bad_rows(omar: User) -> None:
    run = do('id,name,value\n1,=cmd|calc!A1,5\n2,"=HYPERLINK(""x"")",abc\n3,+49,-1\n', omar, accept_good=True)
    assert Opportunity.objects.get().name == "=cmd|calc!A1"
    lines = "".join(bad_rows(run.files.get())).removeprefix("\ufeff").splitlines()
    assert lines == [
        "id,name,value,import_row,import_field,import_reason",
        '2,"\'=HYPERLINK(""x"")",abc,3,value,is not a number',
        "3,'+49,'-1,4,value,is negative",
    ]


def test_the_file_of_bad_rows_can_be_corrected_and_imported(omar: User) -> None:
    run = do("id,name,value\n2,=SUM(1),abc\n3,Plain,7\n", omar, accept_good=True)
    corrected = "".join(bad_rows(run.files.get())).replace("abc", "9")
    again = import_files(files=given(("corrected.csv", corrected)), by=omar, at=LATER)
    assert again.files.get().columns == {"id": "external_id", "name": "name", "value": "value"}
    assert Opportunity.objects.get(external_id="2").name == "=SUM(1)"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("book.xlsx", b"PK\x03\x04", "Excel workbook"),
        ("empty.csv", b"", "is empty"),
        ("head.csv", b"id,stage\n", "no rows"),
        ("nul.csv", b"id,stage\n1,\x00\n", "binary data"),
        ("twice.csv", b"id,ID\n1,2\n", "more than once"),
    ],
)
def test_what_is_no_table_is_refused_by_name(db: None, name: str, content: bytes, words: str) -> None:
    with pytest.raises(ImportRefused, match=f"{name}: .*{words}"):
        open_run(files=[("good.csv", b"id,stage\n1,Won\n"), (name, content)], by=None)
    assert not ImportRun.objects.exists()


def test_a_missing_column_is_named(db: None) -> None:
    run = open_run(files=given(("accounts.csv", "industry,country\nRetail,DE\n")), by=None)
    run.files.update(target="accounts", columns={"industry": "industry"})
    check_run(run=run, at=NOW)
    assert run.report["files"][0]["refusal"] == "No column is mapped to “Name”, which is needed."
    with pytest.raises(ImportRefused, match="which is needed"):
        write_run(run=run, at=NOW, accept_good=True)


def test_two_columns_for_one_field_are_refused(db: None) -> None:
    run = open_run(files=deals("id,value,amount\n1,2,3\n"), by=None)
    run.files.update(columns={"id": "external_id", "value": "value", "amount": "value"})
    check_run(run=run, at=NOW)
    assert "Two columns are mapped to “Estimated value”" in run.report["files"][0]["refusal"]


def test_dates_that_can_be_read_in_two_ways_are_asked(omar: User) -> None:
    text = "id,stage,created\n1,Won,03/04/2025\n"
    with pytest.raises(ImportRefused, match="day or the month first"):
        do(text, omar)
    run = open_run(files=deals(text), by=omar)
    file = run.files.get()
    file.options["date_order"] = "mdy"
    file.save()
    write_run(run=run, at=NOW)
    assert Opportunity.objects.get().opened_at.date() == datetime.date(2025, 3, 4)


def test_the_same_id_in_two_files_is_told(db: None) -> None:
    run = open_run(
        files=given(("a_deals.csv", "id,stage\n1,Won\n"), ("b_deals.csv", "id,stage\n1,Lost\n")), by=None
    )
    check_run(run=run, at=NOW)
    assert [file.errors for file in run.files.order_by("name")] == [
        [],
        [[2, "external_id", "1", "is in a_deals.csv already"]],
    ]


def test_names_and_addresses_of_others_are_refused(omar: User, ana: Rep) -> None:
    Product.objects.create(name="GTX", external_id="P1")
    Product.objects.create(name="MG", external_id="P2")
    Rep.objects.filter(pk=ana.pk).update(email="ana@example.com")
    Rep.objects.create(name="Bo", external_id="R2", team=ana.team, role_template=ana.role_template)
    files = given(
        ("products.csv", "product,product_id\nmg,P1\n"),
        ("reps.csv", "name,rep_id,email,team\nBo,R2,Ana@example.com,East\n"),
    )
    run = open_run(files=files, by=omar)
    check_run(run=run, at=NOW)
    assert [file.errors[0][1:] for file in run.files.order_by("name")] == [
        ["name", "mg", "is the name of another product"],
        ["email", "Ana@example.com", "is the address of Ana"],
    ]


def test_a_name_that_two_reps_bear_is_asked_unless_one_has_left(
    omar: User, make_rep: Callable[..., Rep]
) -> None:
    first, second = make_rep("Kim Lee"), make_rep("Kim Lee")
    text = "id,stage,owner\n1,Won,kim lee\n"
    assert problems(text) == [(2, "owner", "names 2 reps; use the email address or ID instead")]
    Rep.objects.filter(pk=first.pk).update(left_at=NOW)
    do(text, omar)
    assert Opportunity.objects.get().owner == second


def test_bad_rows_bring_nothing_with_them(omar: User) -> None:
    text = "id,stage,account,owner,opened_at,closed_at\n1,Won,Acme,Kim Lee,2025-02-01,2025-01-01\n2,Won,,,,\n"
    do(text, omar, accept_good=True)
    assert not Account.objects.exists()
    assert not Rep.objects.exists()


def test_accounts_cannot_belong_to_themselves(db: None) -> None:
    text = "name,parent\nA,B\nB,C\nC,A\nD,D\n"
    run = open_run(files=given(("accounts.csv", text)), by=None)
    check_run(run=run, at=NOW)
    reason = "would make the account belong to itself"
    assert [(row, why) for row, _, _, why in run.files.get().errors] == [(4, reason), (5, reason)]


def test_an_error_in_the_middle_leaves_nothing(omar: User, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> None:
        raise RuntimeError

    run = open_run(files=given(*LINKED), by=omar)
    monkeypatch.setattr("crm.services.imports.runs.recount_loads", broken)
    with pytest.raises(RuntimeError):
        write_run(run=run, at=NOW)
    assert nothing_written()
    assert not Team.objects.filter(name="Central").exists()


def test_an_import_is_written_once(omar: User) -> None:
    run = do("id,stage\n1,Won\n", omar)
    with pytest.raises(ImportRefused, match="imported already"):
        write_run(run=run, at=LATER)


def test_rows_of_one_file_cost_the_same_queries_however_many(
    omar: User, django_assert_max_num_queries: Callable[[int], Any]
) -> None:
    rows = "".join(f"{n},Won,Acme {n},Rep {n % 5},{n}\n" for n in range(300))
    with django_assert_max_num_queries(60):
        do("id,stage,account,owner,value\n" + rows, omar)


# --- mappings -------------------------------------------------------------------------------------------------------


def test_a_saved_mapping_is_used_for_the_same_header(omar: User) -> None:
    run = open_run(files=deals("Ref,Phase,Extra\n1,Won,x\n"), by=omar)
    file = run.files.get()
    file.columns = {"Ref": "external_id", "Phase": "stage"}
    save_mapping(file=file, name="Ours")
    again = open_run(files=deals("Ref,Phase,Extra\n2,Lost,y\n"), by=omar).files.get()
    assert again.columns == {"Ref": "external_id", "Phase": "stage"}
    assert again.options["mapping"] == "Ours"
    other = open_run(files=deals("Ref,Extra\n2,y\n"), by=omar).files.get()
    assert "mapping" not in other.options
    assert ImportMapping.objects.get().header == ["Ref", "Phase", "Extra"]


# --- jobs -----------------------------------------------------------------------------------------------------------


@pytest.fixture
def checked(omar: User) -> ImportRun:
    run = open_run(files=given(*LINKED), by=omar)
    check_run(run=run)
    return run


def test_a_job_writes_the_import_and_ends_with_it(checked: ImportRun, omar: User) -> None:
    job = jobs.begin_write(run=checked, accept_good=False, by=omar)
    assert (job.state, job.result["opportunities"]["created"]) == ("done", 4)
    assert Opportunity.objects.count() == 4


def test_two_clicks_run_it_once(checked: ImportRun, omar: User) -> None:
    first, is_new = start(run=checked, kind="import_write", by=omar, at=timezone.now())
    second, is_new_too = start(run=checked, kind="import_write", by=omar, at=timezone.now())
    assert (first.pk, is_new, is_new_too) == (second.pk, True, False)
    jobs.write_import(checked.pk, first.pk, False)
    jobs.write_import(checked.pk, first.pk, False)  # delivered twice
    assert Opportunity.objects.count() == 4
    with pytest.raises(ImportRefused, match="imported already"):
        start(run=checked, kind="import_write", by=omar, at=timezone.now())


def test_large_imports_are_left_to_a_worker(
    checked: ImportRun, omar: User, monkeypatch: pytest.MonkeyPatch, django_capture_on_commit_callbacks: Any
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(jobs, "AT_ONCE_BYTES", 0)
    monkeypatch.setattr(jobs, "async_task", lambda *arguments, **_: asked.append(arguments))
    with django_capture_on_commit_callbacks(execute=True):
        job = jobs.begin_write(run=checked, accept_good=True, by=omar)
        assert asked == []  # not before the commit
    assert asked == [("crm.jobs.write_import", checked.pk, job.pk, True)]
    assert job.state == "queued"


def test_cancelling_before_the_commit_leaves_nothing(checked: ImportRun, omar: User) -> None:
    job, _ = start(run=checked, kind="import_write", by=omar, at=timezone.now())
    start_job(job_id=job.pk, at=timezone.now())
    checked.refresh_from_db()
    assert cancel(run=checked, at=timezone.now())
    with pytest.raises(JobCancelled):
        write_run(run=checked, at=NOW, finish=lambda: finish_job(job_id=job.pk, result={}, at=timezone.now()))
    assert nothing_written()
    assert not cancel(run=checked, at=timezone.now())  # it is over


def test_a_job_whose_worker_died_is_started_again(checked: ImportRun, omar: User) -> None:
    job, _ = start(run=checked, kind="import_write", by=omar, at=timezone.now())
    long_ago = timezone.now() - 2 * STOPPED_AFTER
    start_job(job_id=job.pk, at=long_ago)
    again, is_new = start(run=checked, kind="import_write", by=omar, at=timezone.now())
    assert is_new
    assert again.pk != job.pk
    job.refresh_from_db()
    assert job.state == "failed"
    assert "Nothing was kept" in job.error
    with pytest.raises(JobCancelled):  # the dead one, should it wake up
        finish_job(job_id=job.pk, result={}, at=timezone.now())


def test_what_refuses_a_job_is_told_and_what_breaks_it_is_raised(omar: User) -> None:
    def refuse(*_: Any) -> None:
        raise ImportRefused("Not like this.")

    def break_(*_: Any) -> None:
        raise RuntimeError("secret")

    refused, broken = create_job(kind="x", by=omar), create_job(kind="x", by=omar)
    run_job(job_id=refused.pk, work=refuse, refusals=(ImportRefused,))
    with pytest.raises(RuntimeError):
        run_job(job_id=broken.pk, work=break_)
    refused.refresh_from_db()
    broken.refresh_from_db()
    assert (refused.state, refused.error) == ("failed", "Not like this.")
    assert broken.state == "failed"
    assert "secret" not in broken.error


def test_discarding_deletes_the_files(checked: ImportRun, omar: User) -> None:
    abandon(run=checked, at=timezone.now())
    checked.refresh_from_db()
    assert checked.state == "abandoned"
    assert not ImportFile.objects.exists()
    done = do("id,stage\n1,Won\n", omar)
    with pytest.raises(ImportRefused, match="written already"):
        abandon(run=done, at=timezone.now())


# --- pages ----------------------------------------------------------------------------------------------------------


def upload(client: Client, *files: tuple[str, str]) -> Any:
    return client.post(
        "/imports/new/", {"uploads": [SimpleUploadedFile(name, text.encode()) for name, text in files]}
    )


def columns_form(client: Client, address: str) -> dict[str, str]:
    """What a browser would send of the columns page."""
    page = client.get(address).context["page"]
    sent: dict[str, str] = {"create_reps": "on", "create_accounts": "on"}
    for card in page.cards:
        sent |= {bound.html_name: str(bound.value() or "") for bound in card.form}
    return sent


def test_the_whole_way_in_the_browser(as_user: Callable[[User], Client], omar: User) -> None:
    client = as_user(omar)
    columns = upload(client, *LINKED)["Location"]
    sent = columns_form(client, columns)
    words = client.post(columns, sent | {"check": "1"})["Location"]
    assert words.endswith("/words/")
    form = client.get(words).context["form"]
    ticks = {bound.html_name: "on" for _, bound in form.proposal_rows()}
    result = client.post(words, ticks)["Location"]
    page = client.get(result)
    assert "All 10 rows are good" in page.content.decode()
    run = ImportRun.objects.get()
    done = client.post(f"/imports/{run.pk}/write/")["Location"]
    assert done == f"/imports/{run.pk}/done/"
    assert "10 added" in client.get(done).content.decode()
    assert Opportunity.objects.get(external_id="A1").product.name == "GTX Pro"
    assert client.get(f"/imports/{run.pk}/")["Location"] == done
    assert client.post(f"/imports/{run.pk}/write/")["Location"] == done  # a second click
    assert Opportunity.objects.count() == 4
    assert "Imported" in client.get("/imports/").content.decode()


def test_columns_are_corrected_and_remembered(as_user: Callable[[User], Client], omar: User) -> None:
    client = as_user(omar)
    address = upload(client, ("deals.csv", "Ref,Phase,Amount\n1,Won,5\n"))["Location"]
    file = ImportFile.objects.get()
    sent = columns_form(client, address)
    sent |= {f"file{file.pk}-column1": "stage", f"file{file.pk}-mapping_name": "Our CRM"}
    page = client.post(address, sent, headers={"HX-Request": "true", "HX-Target": "mapping"})
    assert page.status_code == 200
    assert "<html" not in page.content.decode()
    file.refresh_from_db()
    assert file.columns == {"Ref": "custom:ref", "Phase": "stage", "Amount": "value"}
    assert ImportMapping.objects.get().name == "Our CRM"
    sent |= {f"file{file.pk}-column0": "stage"}
    assert "goes there already" in client.post(address, sent | {"check": "1"}).content.decode()


def test_another_target_proposes_the_columns_anew(as_user: Callable[[User], Client], omar: User) -> None:
    client = as_user(omar)
    address = upload(client, ("list.csv", "id,name,industry\n1,Acme,Retail\n"))["Location"]
    file = ImportFile.objects.get()
    client.post(address, columns_form(client, address) | {f"file{file.pk}-target": "accounts"})
    file.refresh_from_db()
    assert (file.target, file.columns["name"]) == ("accounts", "name")


def test_unknown_stages_are_given_a_meaning(as_user: Callable[[User], Client], omar: User) -> None:
    client = as_user(omar)
    columns = upload(client, ("deals.csv", "id,stage\n1,Sleeping\n2,Won\n"))["Location"]
    words = client.post(columns, columns_form(client, columns) | {"check": "1"})["Location"]
    result = client.post(words, {"means0": "lost"})["Location"]
    assert "All 2 rows are good" in client.get(result).content.decode()
    client.post(result.replace("result", "write"))
    assert Opportunity.objects.get(external_id="1").stage == "lost"
    assert Alias.objects.get(kind="stage").term == "lost"


def test_bad_rows_are_shown_downloaded_and_left_out(as_user: Callable[[User], Client], omar: User) -> None:
    client = as_user(omar)
    columns = upload(client, ("deals.csv", "id,amount\n1,5\n2,-5\n"))["Location"]
    result = client.post(columns, columns_form(client, columns) | {"check": "1"})["Location"]
    page = client.get(result).content.decode()
    assert "1 of 2 rows is bad" in page
    assert "is negative" in page
    run = ImportRun.objects.get()
    answer = client.get(f"/imports/{run.pk}/files/{run.files.get().pk}/bad-rows.csv")
    assert b"import_reason" in b"".join(answer.streaming_content)  # type: ignore[attr-defined]
    refused = client.post(f"/imports/{run.pk}/write/")
    assert "nothing was written" in client.get(refused["Location"]).content.decode()
    done = client.post(f"/imports/{run.pk}/write/", {"good": "1"})["Location"]
    assert "1 added" in client.get(done).content.decode()


@pytest.mark.parametrize("name", ["book.xlsx", "empty.csv"])
def test_refused_uploads_say_why(as_user: Callable[[User], Client], omar: User, name: str) -> None:
    client = as_user(omar)
    answer = upload(client, (name, "PK\x03\x04" if name == "book.xlsx" else ""))
    assert answer.status_code == 422
    assert ("Excel workbook" if name == "book.xlsx" else "empty") in answer.content.decode()
    assert not ImportRun.objects.exists()


def test_files_that_are_too_large_are_refused_unread(
    as_user: Callable[[User], Client], omar: User, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "MAX_BYTES", 5)
    assert (
        "can be imported at once" in upload(as_user(omar), ("big.csv", "id,stage\n1,Won\n")).content.decode()
    )


def test_progress_is_shown_and_found_again(
    as_user: Callable[[User], Client], omar: User, checked: ImportRun
) -> None:
    client = as_user(omar)
    job, _ = start(run=checked, kind="import_write", by=omar, at=timezone.now())
    started = timezone.now() - datetime.timedelta(seconds=10)
    Job.objects.filter(pk=job.pk).update(
        state="running", stage="Writing", done=25, total=100, started_at=started, heartbeat_at=timezone.now()
    )
    address = f"/imports/{checked.pk}/progress/"
    assert client.get(f"/imports/{checked.pk}/")["Location"] == address
    page = client.get(address).content.decode()
    assert "Writing: 25 of 100" in page
    assert "about 30 s left" in page
    region = client.get(address, headers={"HX-Request": "true"}).content.decode()
    assert region.lstrip().startswith("<div")
    Job.objects.filter(pk=job.pk).update(heartbeat_at=started - STOPPED_AFTER)
    assert "The worker stopped" in client.get(address).content.decode()
    Job.objects.filter(pk=job.pk).update(heartbeat_at=timezone.now())
    client.post(f"/imports/{checked.pk}/cancel/")
    assert client.get(f"/imports/{checked.pk}/")["Location"] == f"/imports/{checked.pk}/result/"
    assert nothing_written()


def test_only_ops_and_admins_import(
    as_user: Callable[[User], Client], ana: Rep, nia: User, ben: User
) -> None:
    for user in (ana.user, nia, ben):
        assert user is not None
        assert as_user(user).get("/imports/").status_code == 403


def test_admins_look_at_runs_and_change_nothing(as_user: Callable[[User], Client], ada: User) -> None:
    run = do("id,stage\n1,Won\n", ada)
    address = reverse("admin:crm_importrun_change", args=[run.pk])
    client = as_user(ada)
    assert client.get(address).status_code == 200
    assert client.post(address, {"state": "failed"}).status_code == 403


def test_the_list_costs_the_same_queries(
    as_user: Callable[[User], Client], omar: User, django_assert_num_queries: Callable[[int], Any]
) -> None:
    client = as_user(omar)
    for count in (1, 29):
        for number in range(count):
            open_run(files=deals(f"id,stage\n{count}{number},Won\n"), by=omar)
        with django_assert_num_queries(5):
            client.get("/imports/")


# --- the command ----------------------------------------------------------------------------------------------------


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, text in LINKED:
        (tmp_path / name).write_text(text)
    (tmp_path / "bad.csv").write_text("id,stage,value\n1,Won,5\n2,Won,-5\n")
    return tmp_path


def command(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, Any]]:
    code = 0
    try:
        call_command("import_opportunities", *arguments, "--json")
    except SystemExit as exit_:
        code = int(exit_.code or 0)
    return code, json.loads(capsys.readouterr().out.splitlines()[-1])


def test_the_command_imports_linked_files(
    folder: Path, omar: User, capsys: pytest.CaptureFixture[str]
) -> None:
    names = [str(folder / name) for name, _ in LINKED]
    code, told = command(capsys, *names, "--accept-aliases", "--as", "omar@example.com")
    assert (code, told["written"], told["opportunities"]["created"], told["accounts"]["created"]) == (
        0,
        True,
        4,
        2,
    )
    assert ImportRun.objects.get().started_by == omar
    assert Opportunity.objects.get(external_id="A1").product.name == "GTX Pro"


def test_the_command_refuses_bad_rows_honestly(
    folder: Path, db: None, capsys: pytest.CaptureFixture[str]
) -> None:
    errors = folder / "errors.csv"
    code, told = command(capsys, str(folder / "bad.csv"), "--errors", str(errors))
    assert (code, told["written"], told["opportunities"]["bad"]) == (1, False, 1)
    assert nothing_written()
    assert "is negative" in errors.read_text()
    code, told = command(capsys, str(folder / "bad.csv"), "--accept-good")
    assert (code, told["opportunities"]["created"]) == (0, 1)


def test_the_command_maps_and_tries(folder: Path, db: None, capsys: pytest.CaptureFixture[str]) -> None:
    (folder / "odd.csv").write_text("Ref,Phase,Created\n1,Zzz,03/04/2025\n")
    name = str(folder / "odd.csv")
    options = ["--map", "Ref=external_id", "--map", "Phase=stage", "--alias", "stage:Zzz=lost"]
    assert command(capsys, name, *options)[0] == 2  # day or month first?
    code, told = command(capsys, name, *options, "--date-order", "dmy", "--dry-run")
    assert (code, told["written"], told["opportunities"]["created"]) == (0, False, 1)
    assert nothing_written()
    assert command(capsys, name, *options, "--date-order", "dmy")[0] == 0
    assert Opportunity.objects.get().stage == "lost"


@pytest.mark.parametrize(
    "options",
    [
        ["--map", "Nope=stage"],
        ["--map", "id=nope"],
        ["--alias", "nonsense"],
        ["--mapping", "Nope"],
        ["--as", "x@y.z"],
    ],
)
def test_the_command_says_wrong_use(folder: Path, db: None, options: list[str]) -> None:
    with pytest.raises(CommandError) as refusal:
        call_command("import_opportunities", str(folder / "bad.csv"), *options)
    assert refusal.value.returncode == 2
    with pytest.raises(CommandError):
        call_command("import_opportunities", str(folder / "missing.csv"))


# --- beside the open transaction ----------------------------------------------------------------------------------


@pytest.mark.django_db(transaction=True)
def test_progress_is_seen_while_the_import_is_not_committed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reps.services.jobs.BEAT_SECONDS", 0.02)
    job = create_job(kind="x", by=None)
    seen: list[tuple[str, int, int]] = []

    def work(report: Report, finish: Finish) -> None:
        other = connections.create_connection("default")
        with transaction.atomic():
            Product.objects.create(name="Uncommitted")
            report("Writing", 3, 7)
            for _ in range(100):
                with other.cursor() as cursor:
                    cursor.execute("SELECT stage, done, total FROM reps_job WHERE id = %s", [job.pk])
                    seen.append(cursor.fetchone())
                if seen[-1][0]:
                    break
                time.sleep(0.02)
            finish({})
        other.close()

    run_job(job_id=job.pk, work=work)
    assert seen[-1] == ("Writing", 3, 7)
    job.refresh_from_db()
    assert job.state == "done"


@pytest.mark.django_db(transaction=True)
def test_a_running_import_that_is_cancelled_stops_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reps.services.jobs.BEAT_SECONDS", 0.02)
    job = create_job(kind="x", by=None)

    def work(report: Report, finish: Finish) -> None:
        with transaction.atomic():
            Product.objects.create(name="Uncommitted")
            other = connections.create_connection("default")
            with other.cursor() as cursor:
                cursor.execute("UPDATE reps_job SET state = 'cancelled' WHERE id = %s", [job.pk])
            other.close()
            for _ in range(200):
                report("Writing", 0, 0)
                time.sleep(0.02)
            finish({})

    run_job(job_id=job.pk, work=work)
    job.refresh_from_db()
    assert job.state == "cancelled"
    assert not Product.objects.exists()
