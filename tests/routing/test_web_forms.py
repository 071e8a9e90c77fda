"""Forms on websites: leads that come in through them, what is refused, and that nothing is told."""

import json
from collections.abc import Callable
from typing import Any
from urllib.parse import urlencode

import pytest
from django.core.exceptions import PermissionDenied
from django.test import Client
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm.models import Opportunity
from reps.addresses import client_address
from reps.models import Rep, User
from routing.api.web_forms import THANKS
from routing.models import WebForm, WebFormHour
from routing.services.web_forms import (
    WebFormInput,
    delete_web_form,
    forget_hours,
    hashed,
    rotate_key,
    save_web_form,
)
from tests.conftest import NOW

pytestmark = pytest.mark.django_db
SITE = "https://www.example.com"
LEAD = {"email": "jo@northwind.example", "name": "Jo Doe", "company": "Northwind", "country": "Germany"}
MAPPING = {
    "email": "person.email", "name": "person.name", "company": "company.name", "country": "country",
    "employees": "employees", "subject": "name", "urgency": "urgency",
}  # fmt: skip


def made(by: User, **changes: Any) -> WebForm:
    values: dict[str, Any] = {
        "name": "Contact", "is_active": True, "origins": [SITE], "mapping": MAPPING,
        "fixed": {"source": "Website"}, "refuses_unknown": False, "trap": "homepage", "thanks": "",
        "most_by_address": 20, "most": 600,
    } | changes  # fmt: skip
    return save_web_form(given=WebFormInput(**values), by=by)


@pytest.fixture
def form(omar: User) -> WebForm:
    return made(omar)


def url(form: WebForm) -> str:
    return f"/forms/{form.key}/"


def post(form: WebForm, body: Any, client: Client | None = None, **headers: Any) -> Any:
    return (client or Client(enforce_csrf_checks=True)).post(
        url(form), json.dumps(body), content_type="application/json", headers=headers
    )


def post_page(form: WebForm, body: dict[str, str], **headers: Any) -> Any:
    content_type = "application/x-www-form-urlencoded"
    return Client(enforce_csrf_checks=True).post(
        url(form), urlencode(body), content_type=content_type, headers=headers
    )


class TestTakenIn:
    @pytest.mark.usefixtures("assign_at_once")
    def test_is_a_lead_with_an_owner_at_once(self, ana: Rep, form: WebForm) -> None:
        answer = post(form, LEAD | {"employees": 120}, Origin=SITE)
        assert (answer.status_code, answer.json()) == (200, {"message": THANKS})
        assert answer["Access-Control-Allow-Origin"] == SITE
        lead = Opportunity.objects.get()
        stored = (
            lead.owner,
            lead.source,
            lead.country,
            lead.employees,
            lead.contact.email,
            lead.account.name,
        )
        assert stored == (ana, "Website", "DE", 120, "jo@northwind.example", "Northwind")

    def test_from_a_plain_page_goes_on_to_the_thanks(self, omar: User) -> None:
        form = made(omar, thanks=f"{SITE}/thanks")
        answer = post_page(form, LEAD, Origin=SITE)
        assert (answer.status_code, answer["Location"]) == (303, f"{SITE}/thanks")
        assert Opportunity.objects.get().name == "Northwind"

    def test_says_the_same_of_known_and_new_companies(self, form: WebForm) -> None:
        first, second = post(form, LEAD), post(form, LEAD | {"email": "kim@northwind.example"})
        assert first.content == second.content
        assert Opportunity.objects.count() == 2

    def test_a_person_alone_is_enough(self, form: WebForm) -> None:
        assert post(form, {"email": "jo@gmail.com"}).status_code == 200
        assert Opportunity.objects.get().name == "jo@gmail.com"

    def test_a_repeat_under_the_same_id_is_one_lead(self, omar: User, form: WebForm) -> None:
        body = LEAD | {"submission_id": "9f0c"}
        assert [post(form, body).status_code for _ in range(3)] == [200] * 3
        assert Opportunity.objects.count() == 1
        assert post(form, body | {"name": "Kim"}).status_code == 409
        assert post(made(omar, name="Other"), body).status_code == 200  # another form's ids are its own
        assert Opportunity.objects.count() == 2

    def test_unknown_fields_are_passed_over_and_counted_or_refused(self, omar: User, form: WebForm) -> None:
        assert post(form, LEAD | {"utm": "x", "owner": "5"}).status_code == 200
        form.refresh_from_db()
        assert (form.accepted, form.unknown) == (1, 2)
        strict = made(omar, name="Strict", refuses_unknown=True)
        answer = post(strict, LEAD | {"owner": "5"})
        assert (answer.status_code, answer.json()["fields"]) == (400, {"owner": ["There is no such field."]})

    def test_fields_of_ours_that_are_not_mapped_cannot_be_reached(self, ana: Rep, form: WebForm) -> None:
        body = LEAD | {"external_id": "X", "account": "1", "person": {"name": "Eve"}, "lead_score": 100}
        assert post(form, body).status_code == 200
        lead = Opportunity.objects.get()
        assert (lead.external_id, lead.lead_score, lead.contact.name) == (None, None, "Jo Doe")


class TestRefused:
    @pytest.mark.parametrize(
        ("body", "field"),
        [
            (LEAD | {"email": "no address"}, "email"), (LEAD | {"employees": "many"}, "employees"),
            (LEAD | {"name": ["Jo"]}, "name"), (LEAD | {"name": "x" * 2001}, "name"),
            (LEAD | {"name": "x" * 500}, "name"), (LEAD | {"urgency": "soonish"}, "urgency"),
            (LEAD | {"name": "a\x00b"}, "name"), (LEAD | {"name": "\ud800"}, "name"),
            (LEAD | {"submission_id": 5}, "submission_id"), ({}, "subject"),
        ],
    )  # fmt: skip
    def test_says_what_is_wrong_under_the_forms_own_names(self, body: Any, field: str, form: WebForm) -> None:
        answer = post(form, body)
        assert (answer.status_code, list(answer.json()["fields"])) == (400, [field])
        assert Opportunity.objects.count() == 0
        form.refresh_from_db()
        assert (form.refused, form.accepted) == (1, 0)

    def test_too_much_another_kind_or_no_json(self, form: WebForm) -> None:
        client = Client()

        def code(body: Any, content_type: str) -> int:
            return client.post(url(form), body, content_type=content_type).status_code

        assert code(b" " * 65_537, "application/json") == 413
        assert code(b"x", "text/plain") == 415
        assert code(b"{", "application/json") == 400
        assert code(b"[" * 60_000, "application/json") == 400
        assert code(json.dumps({str(n): 1 for n in range(101)}), "application/json") == 400
        assert code("&".join(f"f{n}=1" for n in range(1200)), "application/x-www-form-urlencoded") == 400
        assert code(b"a=%ff%fe&\xff", "application/x-www-form-urlencoded") in (200, 400)
        assert client.get(url(form)).status_code == 405

    def test_other_websites(self, omar: User, form: WebForm) -> None:
        for origin in ("https://evil.example", "null", SITE + ".evil.example", "http://www.example.com"):
            answer = post(form, LEAD, Origin=origin)
            assert (answer.status_code, answer.get("Access-Control-Allow-Origin")) == (403, None)
        preflight = Client().options(url(form), headers={"Origin": SITE})
        assert (preflight.status_code, preflight["Access-Control-Allow-Methods"]) == (204, "POST")
        assert preflight["Access-Control-Allow-Headers"] == "Content-Type"
        assert Client().options(url(form), headers={"Origin": "https://evil.example"}).status_code == 403
        assert post(made(omar, name="None", origins=[]), LEAD, Origin=SITE).status_code == 403

    def test_a_closed_form_and_an_old_key_are_not_there(self, omar: User, form: WebForm) -> None:
        old = url(form)
        rotate_key(form=form, by=omar)
        assert Client().post(old, LEAD).status_code == 404
        WebForm.objects.update(is_active=False)
        assert post(form, LEAD).status_code == 404
        assert Client().post("/forms/%00/", LEAD).status_code == 404

    def test_only_those_who_may_keep_forms(self, ben: User, form: WebForm) -> None:
        for act in (
            lambda: made(ben, name="B"),
            lambda: rotate_key(form=form, by=ben),
            lambda: delete_web_form(form=form, by=ben),
        ):
            with pytest.raises(PermissionDenied):
                act()


class TestRobots:
    def test_are_thanked_and_stored_nowhere(self, form: WebForm) -> None:
        person, robot = post(form, LEAD), post(form, LEAD | {"homepage": "http://spam.example"})
        assert (robot.status_code, robot.content) == (person.status_code, person.content)
        form.refresh_from_db()
        assert (Opportunity.objects.count(), form.trapped, form.accepted) == (1, 1, 1)

    def test_an_address_has_so_many_in_an_hour_and_others_are_not_held_up(self, omar: User) -> None:
        form = made(omar, most_by_address=3, most=5)
        codes = [post(form, {}, Client(REMOTE_ADDR="192.0.2.1")).status_code for _ in range(9)]
        assert codes == [400] * 3 + [429] * 6
        others = [post(form, {}, Client(REMOTE_ADDR=f"192.0.2.{n}")).status_code for n in range(2, 6)]
        assert others == [400, 400, 429, 429]  # five in all: what was over the limit before did not count
        form.refresh_from_db()
        assert (form.limited, form.refused) == (8, 5)
        assert post(form, {})["Retry-After"] == "3600"
        assert set(WebFormHour.objects.filter(form=form).values_list("address", flat=True)) == {
            "",
            *(hashed(f"192.0.2.{n}") for n in (1, 2, 3, 4, 5)),
            hashed("127.0.0.1"),
        }

    def test_ipv6_counts_by_network(self) -> None:
        assert hashed("2001:db8::1") == hashed("2001:db8::ffff") != hashed("2001:db8:0:1::1")
        assert hashed("::ffff:192.0.2.1") == hashed("192.0.2.1") != hashed("192.0.2.2")
        assert hashed("") == hashed("unix:")

    @pytest.mark.parametrize(
        ("proxies", "connects", "forwarded", "expected"),
        [
            ([], "192.0.2.1", "203.0.113.9", "192.0.2.1"),
            (["192.0.2.0/24"], "192.0.2.1", "203.0.113.9", "203.0.113.9"),
            (["192.0.2.0/24"], "192.0.2.1", "6.6.6.6, 203.0.113.9, 192.0.2.7", "203.0.113.9"),
            (["192.0.2.0/24"], "198.51.100.1", "203.0.113.9", "198.51.100.1"),
            (["192.0.2.1"], "192.0.2.1", "", "192.0.2.1"),
            (["::1"], "::1", "nonsense", "nonsense"),
        ],
    )
    def test_only_known_proxies_say_who_sends(
        self, proxies: list[str], connects: str, forwarded: str, expected: str, rf: Any, settings: Any
    ) -> None:
        settings.TRUSTED_PROXIES = proxies
        request = rf.post("/", REMOTE_ADDR=connects, HTTP_X_FORWARDED_FOR=forwarded)
        assert client_address(request) == expected

    def test_hours_are_forgotten(self, form: WebForm) -> None:
        post(form, LEAD)
        assert WebFormHour.objects.update(hour=NOW) == 2
        assert forget_hours(at=NOW) == 0
        assert forget_hours(at=NOW.replace(day=5)) == 2


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
names = st.sampled_from([*MAPPING, "homepage", "submission_id"]) | st.text(max_size=8)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.dictionaries(names, json_values, max_size=8) | json_values)
def test_no_json_makes_an_error_of_ours(form: WebForm, body: Any) -> None:
    WebFormHour.objects.all().delete()
    assert post(form, body).status_code in (200, 400, 409)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(min_size=1, max_size=200),
    st.sampled_from(["application/json", "application/x-www-form-urlencoded"]),
)
def test_no_bytes_make_an_error_of_ours(form: WebForm, body: bytes, content_type: str) -> None:
    WebFormHour.objects.all().delete()
    assert Client().post(url(form), body, content_type=content_type).status_code in (200, 400, 409)


# --- pages ---------------------------------------------------------------------------------------------------------


def typed(**changes: str) -> dict[str, str]:
    return {
        "name": "Contact", "is_active": "on", "origins": f"{SITE}/\nhttps://shop.example.com", "trap": "homepage",
        "most_by_address": "20", "most": "600", "field_person_email": "email", "field_company_name": "company",
        "fixed_source": "Website",
    } | changes  # fmt: skip


class TestPages:
    def test_a_new_one_needs_no_more_than_a_name(self, omar: User, as_user: Callable[[User], Client]) -> None:
        form = as_user(omar).get("/settings/web-forms/new/").context["form"]
        offered = {field.html_name: field.value() for field in form if field.value() not in (None, False, "")}
        assert offered["trap"] == "homepage"
        answer = as_user(omar).post("/settings/web-forms/new/", offered | {"name": "Contact"})
        assert (answer.status_code, WebForm.objects.get().name) == (302, "Contact")
        page = as_user(omar).get(answer["Location"]).content.decode()
        assert "No website is listed yet, so browsers may not send" in page

    def test_made_in_the_browser_and_its_html_is_taken(
        self, omar: User, as_user: Callable[[User], Client], settings: Any
    ) -> None:
        settings.BASE_URL = "https://routing.example.com"
        client = as_user(omar)
        answer = client.post("/settings/web-forms/new/", typed())
        form = WebForm.objects.get()
        assert (answer.status_code, answer["Location"]) == (302, f"/settings/web-forms/{form.pk}/")
        assert form.origins == [SITE, "https://shop.example.com"]
        assert (form.mapping, form.fixed) == (
            {"email": "person.email", "company": "company.name"},
            {"source": "Website"},
        )
        snippet = client.get(answer["Location"]).context["snippet"]
        assert f'action="https://routing.example.com/forms/{form.key}/"' in snippet
        assert snippet.count("<input") == 3
        assert post_page(form, {"email": "jo@x.example", "company": "X"}).status_code == 200
        assert client.post("/settings/web-forms/new/", typed()).status_code == 422  # the name is taken

    @pytest.mark.parametrize(
        ("changes", "field", "words"),
        [
            ({"origins": "www.example.com"}, "origins", "is no website"),
            ({"origins": "https://a.example/path"}, "origins", "is no website"),
            ({"field_company_name": "email"}, "field_person_email", "Another field"),
            ({"field_company_name": "homepage"}, "field_company_name", "Another field"),
            ({"field_company_name": "a b"}, "field_company_name", "Letters"),
            ({"field_source": "source"}, "fixed_source", "always the same"),
            ({"thanks": "https://evil.example/"}, "thanks", "none of the websites"),
            ({"field_person_email": "", "field_company_name": ""}, "__all__", "one field at least"),
            ({"most": "-1"}, "most", "greater than or equal"),
        ],
    )
    def test_what_cannot_be_is_said_beside_the_field(
        self, changes: dict[str, str], field: str, words: str, omar: User, as_user: Callable[[User], Client]
    ) -> None:
        answer = as_user(omar).post("/settings/web-forms/new/", typed(**changes))
        assert answer.status_code == 422
        assert words in str(answer.context["form"].errors[field])
        assert not WebForm.objects.exists()

    def test_changed_rotated_and_deleted(self, omar: User, form: WebForm, as_user: Any) -> None:
        client, page = as_user(omar), f"/settings/web-forms/{form.pk}/"
        seen = client.get(page).context["form"]["seen_at"].value()
        assert client.post(page, typed(name="Other", seen_at=seen)).status_code == 302
        late = client.post(page, typed(name="Late", seen_at=seen))
        assert (late.status_code, b"Somebody else saved" in late.content) == (422, True)
        key = WebForm.objects.get().key
        client.post(f"{page}key/")
        assert WebForm.objects.get().key != key
        client.post(f"{page}delete/")
        assert not WebForm.objects.exists()

    def test_one_and_thirty_take_the_same_queries(
        self, omar: User, as_user: Any, django_assert_num_queries: Any
    ) -> None:
        client = as_user(omar)
        made(omar, name="Form")
        for _ in range(2):
            with django_assert_num_queries(4):
                assert client.get("/settings/web-forms/").status_code == 200
            for n in range(WebForm.objects.count(), 30):
                made(omar, name=f"Form {n}")
