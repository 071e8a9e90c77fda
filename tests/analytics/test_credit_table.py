"""The crediting table's file: read whole or not at all, for whom, taken back and used again."""

import datetime
from collections.abc import Callable

import pytest
from django.core.exceptions import PermissionDenied
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from analytics.engine.credit import CreditRow
from analytics.models import CreditTable, QuotaCredit
from analytics.queries.credit_table import TEMPLATE, current_table, rows_by_rep
from analytics.services.credit_table import check_table, replace_table, take_back, use_table
from crm.models import Alias, Product, Term
from reps.models import Rep, User
from territories.models import Territory
from tests.conftest import NOW

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]


@pytest.fixture(autouse=True)
def market(db: None) -> Territory:
    Term.objects.bulk_create([Term(kind="industry", name="Healthcare"), Term(kind="source", name="Chat")])
    Product.objects.create(name="Core")
    overseas = Territory.objects.create(name="Overseas", condition={})
    return Territory.objects.create(name="Iberia", parent=overseas, condition={})


def send(browser: Client, text: str | bytes, name: str = "credit.csv") -> object:
    content = text.encode() if isinstance(text, str) else text
    return browser.post(reverse("analytics_credit_table"), {"table": SimpleUploadedFile(name, content)})


def test_a_file_is_kept_as_it_says(ana: Rep, bo: Rep, omar: User, as_user: SignIn, market: Territory) -> None:
    text = (
        "Rep;Territory;Industry;Size band;Product;Kind;Source;Share;Valid from;Valid until\n"
        "ana@example.com;Overseas / Iberia;healthcare;50 to 199;core;Deal;chat;12,5 %;2026-01-01;2026-12-31\n"
        "Bo;;;;;;;;;\n"
    )
    answer = send(as_user(omar), text)
    assert answer.status_code == 302  # type: ignore[attr-defined]
    table = current_table()
    assert table is not None
    assert (table.file_name, table.imported_by) == ("credit.csv", omar)
    january, december = datetime.date(2026, 1, 1), datetime.date(2026, 12, 31)
    assert rows_by_rep(table) == {
        ana.pk: [
            CreditRow(
                ana.pk, market.pk, "Healthcare", "50-199", "Core", "deal", "Chat", 12.5, january, december
            )
        ],
        bo.pk: [CreditRow(bo.pk)],
    }


@pytest.mark.parametrize(
    ("row", "field", "reason"),
    [
        ({"rep": "Nobody"}, "rep", "There is no such rep."),
        ({"rep": ""}, "rep", "Whose credit is it? An email address or a name is expected."),
        ({"rep": "Twin"}, "rep", "Several are called so; give the email."),
        ({"territory": "Mars"}, "territory", "There is no such territory."),
        ({"industry": "Heathcare"}, "industry", "There is no such industry."),
        ({"source": "Fax"}, "source", "There is no such source."),
        ({"product": "Other"}, "product", "There is no such product."),
        ({"kind": "x"}, "kind", "There is no such kind."),
        ({"size_band": "12"}, "size_band", "There is no such size band."),
        ({"share": "101"}, "share", "A number from 0 to 100 is expected, in per cent."),
        ({"share": "-1"}, "share", "A number from 0 to 100 is expected, in per cent."),
        ({"share": "nan"}, "share", "A number from 0 to 100 is expected, in per cent."),
        ({"share": "half"}, "share", "A number from 0 to 100 is expected, in per cent."),
        ({"valid_from": "2026-02-30"}, "valid_from", "A day is expected, such as 2026-03-02."),
        ({"valid_until": "soon"}, "valid_until", "A day is expected, such as 2026-03-02."),
        (
            {"valid_from": "2026-03-02", "valid_until": "2026-03-01"}, "valid_until", "It ends before it begins.",
        ),
    ],
)  # fmt: skip
def test_what_is_wrong_is_named_by_row_and_field(
    row: dict[str, str], field: str, reason: str, ana: Rep, make_rep: Callable[..., Rep]
) -> None:
    make_rep("Twin")
    make_rep("Twin")
    rows, problems = check_table([{"rep": "Ana"}, {"rep": "Ana", "share": "50"} | row], [2, 3])
    assert rows == [CreditRow(ana.pk)]
    assert [(one.row, one.field, one.reason) for one in problems] == [(3, field, reason)]


def test_the_same_twice_is_named(ana: Rep) -> None:
    _, problems = check_table([{"rep": "Ana"}, {"rep": "ana@example.com"}], [2, 3])
    assert [(one.row, one.reason) for one in problems] == [(3, "Row 2 says the same.")]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("name,share\nAna,50\n", "A column is missing: rep."),
        ("rep,quota\nAna,50\n", "There is no such column: quota."),
        ("rep,size band,size_band\nAna,,\n", "A column stands there twice."),
        (b"PK\x03\x04....", "This is an Excel workbook"),
        ("", "The submitted file is empty."),
        ("rep,share\nNobody,50\nAna,500\n", "2 problems"),
        ("rep,share\nAna,50,9,9\n", "problem"),
    ],
)
def test_a_bad_file_changes_nothing_and_says_why(
    text: str | bytes, said: str, ana: Rep, omar: User, as_user: SignIn
) -> None:
    browser = as_user(omar)
    send(browser, "rep\nAna\n")
    answer = send(browser, text)
    assert answer.status_code == 422  # type: ignore[attr-defined]
    assert said in answer.content.decode()  # type: ignore[attr-defined]
    assert CreditTable.objects.count() == QuotaCredit.objects.count() == 1


def test_a_known_spelling_means_its_word(ana: Rep) -> None:
    Alias.objects.create(kind="industry", spelling="Health care", term="Healthcare")
    rows, problems = check_table([{"rep": "Ana", "industry": "health  CARE"}])
    assert (rows, problems) == ([CreditRow(ana.pk, industry="Healthcare")], [])


def test_the_template_is_a_table_that_can_be_read(omar: User, as_user: SignIn) -> None:
    answer = as_user(omar).get(reverse("analytics_credit_template"))
    assert answer.content.decode() == TEMPLATE
    _, problems = check_table([dict.fromkeys(TEMPLATE.splitlines()[0].split(","), "")])
    assert [one.field for one in problems] == ["rep"]


def test_the_last_import_can_be_taken_back_and_used_again(
    ana: Rep, bo: Rep, omar: User, as_user: SignIn
) -> None:
    first = replace_table(rows=[CreditRow(ana.pk)], file_name="1", by=omar, at=NOW)
    CreditTable.objects.update(checked_to=7)
    second = replace_table(
        rows=[CreditRow(bo.pk)], file_name="2", by=omar, at=NOW + datetime.timedelta(hours=1)
    )
    browser = as_user(omar)
    assert current_table() == second
    browser.post(reverse("analytics_credit_take_back", args=[second.pk]))
    assert current_table() == first
    assert CreditTable.objects.get(pk=first.pk).checked_to == 0
    browser.post(reverse("analytics_credit_use", args=[second.pk]))
    assert current_table() == second
    for table in (second, first):
        take_back(table_id=table.pk, by=omar)
    assert current_table() is None
    assert browser.post(reverse("analytics_credit_use", args=[999])).status_code == 404


def test_only_who_edits_the_configuration_imports(
    ana: Rep, ben: User, nia: User, omar: User, as_user: SignIn
) -> None:
    table = replace_table(rows=[CreditRow(ana.pk)], file_name="1", by=omar, at=NOW)
    for user in (ben, nia):
        assert send(as_user(user), "rep\nAna\n").status_code == 403  # type: ignore[attr-defined]
        assert as_user(user).get(reverse("analytics_credit_table")).status_code == 403
        with pytest.raises(PermissionDenied):
            replace_table(rows=[], file_name="", by=user, at=NOW)
        with pytest.raises(PermissionDenied):
            take_back(table_id=table.pk, by=user)
        with pytest.raises(PermissionDenied):
            use_table(table_id=table.pk, by=user, at=NOW)
    assert current_table() == table
