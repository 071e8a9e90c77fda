"""The pages: who may, what is shown, what is refused and how, and what is downloaded."""

import io
import json
import zipfile
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from crm.models import Account, Contact, Opportunity
from privacy.models import Erasure, RetentionSettings
from privacy.services.erasing import erase
from reps.models import Absence, AuditEntry, Rep, User
from tests.conftest import NOW, user_of

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
Make = Callable[..., Opportunity]
PEOPLE_QUERIES = 5


@pytest.fixture
def jo(db: None) -> Contact:
    account = Account.objects.create(name="Northwind")
    return Contact.objects.create(
        name="Jo Doe", email="jo@doe.example", phone="+49 30 1234567", account=account
    )


def page_of(jo: Contact) -> str:
    return reverse("privacy_person", args=["contact", jo.pk])


def typed(jo: Contact, **changes: str) -> dict[str, str]:
    return {"reason": "letter of 3 March", "confirmation": f"contact {jo.pk}"} | changes


@pytest.mark.parametrize("words", ["jo do", "JO@DOE", "0301234567", "+49 (30) 123-45-67"])
def test_is_found_by_name_address_and_number(words: str, jo: Contact, ada: User, as_user: SignIn) -> None:
    answer = as_user(ada).get(reverse("privacy"), {"q": words})
    assert [one.record for one in answer.context["found"]] == [jo]


def test_a_reps_user_is_the_rep(ana: Rep, ada: User, as_user: SignIn) -> None:
    client = as_user(ada)
    answer = client.get(reverse("privacy"), {"q": "ana"})
    assert [(one.kind, one.record) for one in answer.context["found"]] == [("rep", ana)]
    assert client.get(reverse("privacy_person", args=["user", ana.user_id])).context["subject"].kind == "rep"


@pytest.mark.parametrize("role", ["ops", "manager", "rep", "analyst"])
def test_is_the_admins(role: str, jo: Contact, as_user: SignIn, make_rep: Callable[..., Rep]) -> None:
    user = user_of("Somebody", role)
    if role == "rep":
        make_rep("Somebody", user=user)
    client = as_user(user)
    for name, arguments in (
        ("privacy", []), ("privacy_retention", []), ("privacy_person", ["contact", jo.pk]),
        ("privacy_export", ["contact", jo.pk]),
    ):  # fmt: skip
        assert client.get(reverse(name, args=arguments)).status_code == 403
        assert client.post(reverse(name, args=arguments), typed(jo)).status_code in (403, 405)
    assert Contact.objects.get().name == "Jo Doe"


def test_who_is_not_there_is_not_found(ada: User, as_user: SignIn) -> None:
    client = as_user(ada)
    for kind, pk in (("contact", 999), ("planet", 1), ("rep", 0)):
        assert client.get(f"/privacy/{kind}/{pk}/").status_code == 404


def test_shows_what_is_held_and_erases_what_was_confirmed(
    jo: Contact, make_opportunity: Make, ada: User, as_user: SignIn
) -> None:
    make_opportunity("Jo Doe asks", contact=jo)
    client = as_user(ada)
    plain = client.get(page_of(jo))
    assert (plain.status_code, plain.context.get("held")) == (200, None)
    region = client.get(page_of(jo), headers={"HX-Request": "true", "HX-Target": "held"})
    assert region.content.decode().lstrip().startswith("<section")
    held = {
        one.label: (one.count, one.goes) for one in client.get(page_of(jo), {"held": "1"}).context["held"]
    }
    assert held["Contacts"] == (1, "kept as numbers, without words")
    assert held["Opportunities"] == (1, "kept as numbers, without words")
    answer = client.post(page_of(jo), typed(jo), follow=True)
    assert "Erased: " in answer.content.decode()
    assert Contact.objects.get().name == f"Erased contact {jo.pk}"
    assert (Erasure.objects.get().made_by, Erasure.objects.get().reason) == (ada, "letter of 3 March")
    listed = client.get(reverse("privacy")).content.decode()
    assert f"Contact {jo.pk}" in listed
    assert "Jo Doe" not in listed


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"confirmation": "contact 0"}, "This is not “contact"),
        ({"confirmation": ""}, "This field is required."),
        ({"reason": ""}, "This field is required."),
        ({"reason": "Jo Doe wants it"}, "It says who it was."),
    ],
)
def test_what_is_wrong_stands_beside_its_field(
    changes: dict[str, str], error: str, jo: Contact, ada: User, as_user: SignIn
) -> None:
    answer = as_user(ada).post(page_of(jo), typed(jo, **changes))
    body = answer.content.decode()
    assert answer.status_code == 422
    assert body.count(error) == 2  # in the summary and beside the field
    assert Contact.objects.get().name == "Jo Doe"


def test_a_rep_who_works_here_has_to_leave_first(ana: Rep, ada: User, as_user: SignIn) -> None:
    client = as_user(ada)
    address = reverse("privacy_person", args=["rep", ana.pk])
    assert reverse("departure", args=[ana.pk]) in client.get(address).content.decode()
    answer = client.post(address, {"reason": "x", "confirmation": f"rep {ana.pk}"})
    assert answer.status_code == 422
    assert "Let the rep leave first" in answer.content.decode()


def test_the_list_costs_the_same_with_thirty(
    ada: User, as_user: SignIn, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    client = as_user(ada)
    Erasure.objects.create(kind="contact", person_id=1, made_by=ada)
    with django_assert_num_queries(PEOPLE_QUERIES):
        client.get(reverse("privacy"))
    for number in range(30):
        Erasure.objects.create(kind="contact", person_id=number, made_by=user_of(f"A{number}", "admin"))
    with django_assert_num_queries(PEOPLE_QUERIES):
        assert len(client.get(reverse("privacy")).context["page"].rows) == 30


def unzipped(answer: Any) -> tuple[dict[str, Any], list[str]]:
    with zipfile.ZipFile(io.BytesIO(b"".join(answer.streaming_content))) as archive:
        assert archive.testzip() is None
        return json.loads(archive.read("data.json")), archive.namelist()


class TestExport:
    def test_has_everything_for_programs_and_people(
        self, jo: Contact, make_opportunity: Make, ada: User, as_user: SignIn
    ) -> None:
        lead = make_opportunity("Jo Doe asks", contact=jo)
        answer = as_user(ada).get(reverse("privacy_export", args=["contact", jo.pk]))
        assert answer["Content-Disposition"] == f'attachment; filename="held-on-contact-{jo.pk}.zip"'
        content, names = unzipped(answer)
        held = {one["of"]: one["rows"] for one in content["held"]}
        assert (content["kind"], content["id"], content["name"]) == ("contact", jo.pk, "Jo Doe")
        assert held["crm.Contact"][0]["email"] == "jo@doe.example"
        assert [row["id"] for row in held["crm.Opportunity"]] == [lead.pk]
        assert {"data.json", "read-me.html"} < set(names)
        assert sum(name.endswith(".csv") for name in names) == len(content["held"])
        entry = AuditEntry.objects.get(action="exported", kind="contact")
        assert (entry.record_id, entry.user_id) == (str(jo.pk), ada.pk)

    def test_tells_no_secret(self, ada: User, as_user: SignIn, omar: User) -> None:
        content, _ = unzipped(as_user(ada).get(reverse("privacy_export", args=["user", omar.pk])))
        assert omar.password not in json.dumps(content)
        assert "omar@example.com" in json.dumps(content)

    def test_ones_own_without_what_others_wrote(self, ana: Rep, bo: Rep, as_user: SignIn) -> None:
        Absence.objects.create(rep=ana, starts_at=NOW, note="at the sea")
        Absence.objects.create(rep=bo, starts_at=NOW, note="instead of Ana")
        assert ana.user is not None
        client = as_user(ana.user)
        shown = {one.label: one.count for one in client.get(reverse("my_data")).context["held"]}
        assert (shown["Reps"], shown["Absences"]) == (1, 1)
        content, _ = unzipped(client.get(reverse("my_data_export")))
        held = {one["of"]: one["rows"] for one in content["held"]}
        assert [row["note"] for row in held["reps.Absence"]] == ["at the sea"]
        assert {one["why"] for one in content["held"]} == {"belongs to the person"}


class TestRetentionPage:
    def test_counts_before_it_is_saved(self, jo: Contact, ada: User, as_user: SignIn) -> None:
        Contact.objects.update(updated_at=NOW.replace(year=2020))
        client = as_user(ada)
        answer = client.get(reverse("privacy_retention"), {"contacts_months": "12", "count": "1"})
        assert answer.context["counted"] == [(1, "contacts anonymised")]
        assert RetentionSettings.objects.count() == 0
        client.post(reverse("privacy_retention"), {"contacts_months": "12"})
        assert RetentionSettings.objects.get().contacts_months == 12
        again = client.post(reverse("privacy_retention"), {"contacts_months": ""})
        assert again.status_code == 302
        assert RetentionSettings.objects.get().contacts_months is None

    @pytest.mark.parametrize("value", ["5", "0", "-1", "x", "99999999999999999999"])
    def test_what_is_too_short_is_refused_beside_its_field(
        self, value: str, ada: User, as_user: SignIn
    ) -> None:
        answer = as_user(ada).post(reverse("privacy_retention"), {"contacts_months": value})
        assert answer.status_code == 422
        assert "contacts_months" in answer.context["form"].errors
        assert f'value="{value}"' in answer.content.decode()


def test_nobody_learns_more_of_whom_was_erased(jo: Contact, ada: User, as_user: SignIn) -> None:
    erase(people=[("contact", jo.pk)], by=ada, at=NOW)
    answer = as_user(ada).get(page_of(jo))
    assert answer.status_code == 200
    assert "This person is erased." in answer.content.decode()
    assert as_user(ada).post(page_of(jo), typed(jo)).status_code == 422
