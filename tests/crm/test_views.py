"""Pages of records: who sees what, filters in the address, quick pages, conflicts, money and words."""

import datetime
from collections.abc import Callable
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from crm.models import (
    Account,
    Activity,
    Alias,
    Contact,
    CustomField,
    ExchangeRate,
    Opportunity,
    Product,
    RegionLanguage,
    Term,
)
from reps.models import Organisation, Rep, Skill, User
from routing.services.overrides import reassign

SignIn = Callable[[User], Client]
REGION = {"HX-Request": "true"}  # without the frame, whose navigation counts for itself
ALL = {"ops", "manager", "rep", "analyst", "admin"}
EDITORS = {"ops", "manager", "admin"}
SETTINGS = {"ops", "admin"}

PAGES = [
    ("opportunities", ALL),
    ("accounts", ALL),
    ("account_new", EDITORS),
    ("contacts", ALL),
    ("contact_new", EDITORS),
    ("products", ALL),
    ("product_new", SETTINGS),
    ("organisation", SETTINGS),
    ("rates", SETTINGS),
    ("rate_new", SETTINGS),
    ("region_languages", SETTINGS),
    ("region_language_new", SETTINGS),
    ("custom_fields", SETTINGS),
    ("custom_field_new", SETTINGS),
    ("vocabulary", SETTINGS),
]


@pytest.fixture
def cast(ana: Rep, ben: User, omar: User, nia: User, ada: User) -> list[User]:
    assert ana.user
    return [ana.user, ben, omar, nia, ada]


def make_account(name: str = "Northwind Health", **fields: Any) -> Account:
    return Account.objects.create(name=name, **fields)


def make_opportunity(name: str = "Northwind", **fields: Any) -> Opportunity:
    owner = fields.get("owner")
    routing = "assigned" if owner and fields.get("stage", "open") == "open" else "none"
    return Opportunity.objects.create(name=name, **{"routing": routing, **fields})


@pytest.mark.parametrize(("name", "roles"), PAGES)
def test_pages_open_for_their_roles_only(
    name: str, roles: set[str], client: Client, cast: list[User]
) -> None:
    opened = set()
    for user in cast:
        client.force_login(user)
        answer = client.get(reverse(name))
        assert answer.status_code in (200, 403)
        if answer.status_code == 200:
            opened.add(user.role)
    assert opened == roles


def test_readers_see_the_accounts_they_work_on(client: Client, cast: list[User], ana: Rep, cara: Rep) -> None:
    owned, worked, free, foreign = (
        make_account("Owned", owner=ana),
        make_account("Worked"),
        make_account("Free"),
        make_account("Foreign", owner=cara),
    )
    make_opportunity(account=worked, owner=ana)
    every = {owned, worked, free, foreign}
    wanted = {
        "rep": {owned, worked},
        "manager": {owned, worked, free},
        "ops": every,
        "analyst": every,
        "admin": every,
    }
    for user in cast:
        client.force_login(user)
        assert set(client.get("/accounts/").context["page"].rows) == wanted[user.role]
        for account in every:
            code = client.get(reverse("account", args=[account.pk])).status_code
            assert code == (200 if account in wanted[user.role] else 404)


def test_contacts_follow_their_accounts(client: Client, cast: list[User], ana: Rep, cara: Rep) -> None:
    seen = Contact.objects.create(name="Kim", account=make_account("Owned", owner=ana))
    unseen = Contact.objects.create(name="Lee", account=make_account("Foreign", owner=cara))
    for user in cast:
        client.force_login(user)
        sees_everybody = user.role in ("ops", "analyst", "admin")
        assert client.get(reverse("contact", args=[seen.pk])).status_code == 200
        assert client.get(reverse("contact", args=[unseen.pk])).status_code == (
            200 if sees_everybody else 404
        )


@pytest.mark.parametrize(
    ("name", "queries"),
    [("opportunities", 6), ("accounts", 6), ("contacts", 4), ("products", 4), ("vocabulary", 8)],
)
def test_lists_take_the_same_queries_for_1_row_and_30(
    name: str, queries: int, ada: User, ana: Rep, as_user: SignIn, django_assert_num_queries: Any
) -> None:
    client = as_user(ada)
    fill(ana, 1)
    client.get(reverse(name), headers=REGION)
    with django_assert_num_queries(queries):
        client.get(reverse(name), headers=REGION)
    fill(ana, 30)
    with django_assert_num_queries(queries):
        client.get(reverse(name), headers=REGION)


@pytest.mark.parametrize(("name", "queries"), [("account", 10), ("contact", 4)])
def test_record_pages_take_the_same_queries_for_1_row_and_30(
    name: str, queries: int, ada: User, ana: Rep, as_user: SignIn, django_assert_num_queries: Any
) -> None:
    client = as_user(ada)
    account = make_account("The one")
    contact = Contact.objects.create(name="Kim", account=account)
    pk = account.pk if name == "account" else contact.pk
    for count in (1, 30):
        for number in range(count):
            found = make_opportunity(account=account, contact=contact, owner=ana)
            Activity.objects.create(opportunity=found, rep=ana, kind="call", note=str(number))
        client.get(reverse(name, args=[pk]), headers=REGION)
        with django_assert_num_queries(queries):
            client.get(reverse(name, args=[pk]), headers=REGION)


def fill(owner: Rep, count: int) -> None:
    for number in range(count):
        word = f"{count}-{number}"
        account = make_account(f"Account {word}", owner=owner)
        contact = Contact.objects.create(name=f"Contact {word}", account=account)
        product = Product.objects.create(name=f"Product {word}")
        make_opportunity(
            word, account=account, contact=contact, product=product, owner=owner, industry=f"New {word}"
        )
        Term.objects.create(kind="industry", name=f"New {word}", is_known=False)
        Term.objects.create(kind="industry", name=f"Old {word}")
        Alias.objects.create(kind="industry", spelling=f"Aulde {word}", term=f"Old {word}")


# --- opportunities ---------------------------------------------------------------------------------------------------


def test_opportunity_filters_stand_in_the_address(ada: User, as_user: SignIn, ana: Rep, cara: Rep) -> None:
    northwind = make_account("Northwind Health")
    lead = make_opportunity("Pilot", account=northwind, owner=ana, source="Event", external_id="CRM-7")
    deal = make_opportunity("Renewal", kind="deal", owner=cara, value=5000, currency="USD", value_base=5000)
    held = make_opportunity("Waiting", routing="held", value=9, currency="USD", value_base=9)
    won = make_opportunity("Done", stage="won", owner=ana, closed_at=timezone.now())
    client = as_user(ada)

    def found(**filters: Any) -> set[Opportunity]:
        return set(client.get("/opportunities/", filters).context["page"].rows)

    assert found() == {lead, deal, held, won}
    assert found(q="northwind") == found(q="crm-7") == found(q="pilot") == {lead}
    assert found(stage="won") == {won}
    assert found(kind="deal") == {deal}
    assert found(routing="held") == {held}
    assert found(owner=ana.pk) == {lead, won}
    assert found(team=cara.team_id) == {deal}
    assert found(source="event") == {lead}
    assert found(stage="nonsense", owner="x") == {lead, deal, held, won}


def test_opportunities_by_value_page_without_loss(ada: User, as_user: SignIn) -> None:
    values = [None, Decimal("7.50"), Decimal(100)] * 40
    for value in values:
        make_opportunity(value=value, currency="USD" if value else "", value_base=value)
    client, cursor, seen = as_user(ada), "", []
    while True:
        page = client.get("/opportunities/", {"order": "value", "at": cursor}).context["page"]
        seen += page.rows
        cursor = page.after
        if not cursor:
            break
    assert [row.value_base for row in seen] == [Decimal(100)] * 40 + [Decimal("7.50")] * 40 + [None] * 40
    assert len({row.pk for row in seen}) == 120


def test_a_rep_lists_only_own_opportunities(as_user: SignIn, ana: Rep, cara: Rep) -> None:
    mine = make_opportunity("Mine", owner=ana)
    make_opportunity("Cara's", owner=cara)
    make_opportunity("Nobody's", routing="held")
    assert ana.user
    assert as_user(ana.user).get("/opportunities/").context["page"].rows == [mine]


def test_money_shows_its_currency_and_times_the_readers_zone(ada: User, as_user: SignIn) -> None:
    ada.time_zone = "Asia/Tokyo"
    ada.save()
    opened = datetime.datetime(2020, 12, 31, 20, tzinfo=datetime.UTC)
    make_opportunity(value=Decimal("42000"), currency="EUR", opened_at=opened)
    page = as_user(ada).get("/opportunities/").content.decode()
    assert "€42,000" in page
    assert 'title="1 Jan 2021, 05:00 JST"' in page


# --- accounts and contacts -------------------------------------------------------------------------------------------


def test_account_is_saved_with_canonical_words(ben: User, ana: Rep, as_user: SignIn) -> None:
    Alias.objects.create(kind="industry", spelling="Helthcare", term="Healthcare")
    Term.objects.create(kind="industry", name="Healthcare")
    answer = as_user(ben).post(
        reverse("account_new"),
        {"name": "Northwind", "industry": "helthcare", "employees": "1200", "country": "Germany", "region": "Sachsen",
         "owner": ana.pk},
    )  # fmt: skip
    account = Account.objects.get()
    assert answer["Location"] == reverse("account", args=[account.pk])
    assert (account.industry, account.size_band, account.country, account.owner) == (
        "Healthcare", "1000-4999", "DE", ana,
    )  # fmt: skip
    assert list(Term.objects.filter(is_known=False).values_list("kind", "name")) == [("region", "Sachsen")]


def test_a_manager_offers_only_the_own_reps_as_owner(ben: User, ana: Rep, cara: Rep, as_user: SignIn) -> None:
    answer = as_user(ben).post(reverse("account_new"), {"name": "Northwind", "owner": cara.pk})
    assert answer.status_code == 422
    assert "Select a valid choice" in answer.content.decode()
    assert not Account.objects.exists()


def test_editing_keeps_an_owner_whom_the_manager_cannot_see(
    ben: User, ana: Rep, cara: Rep, as_user: SignIn
) -> None:
    account = make_account("Shared", owner=cara)
    make_opportunity(account=account, owner=ana)
    address = reverse("account_edit", args=[account.pk])
    client = as_user(ben)
    form = client.get(address).context["form"]
    assert form["owner"].value() == cara.pk
    fields = {"name": "Shared", "city": "Boston", "owner": cara.pk, "seen_at": account.updated_at.isoformat()}
    assert client.post(address, fields).status_code == 302
    account.refresh_from_db()
    assert (account.city, account.owner) == ("Boston", cara)


def test_second_editor_of_an_account_sees_both_versions(ada: User, as_user: SignIn) -> None:
    account = make_account(city="Boston")
    address = reverse("account_edit", args=[account.pk])
    opened = account.updated_at.isoformat()
    client = as_user(ada)
    assert client.post(address, {"name": "Northwind", "city": "Berlin", "seen_at": opened}).status_code == 302
    late = client.post(address, {"name": "Northwind", "city": "Bonn", "seen_at": opened})
    page = late.content.decode()
    assert late.status_code == 422
    assert "<dt>City, now</dt><dd>Berlin</dd>" in page
    assert 'value="Bonn"' in page


def test_parent_account_by_name_or_number(ada: User, as_user: SignIn) -> None:
    parent, other, child = make_account("Fabrikam"), make_account("Fabrikam"), make_account("Fabrikam Energy")
    address = reverse("account_edit", args=[child.pk])
    client = as_user(ada)
    fields = {"name": child.name}
    assert (
        "Several accounts have this name"
        in client.post(address, fields | {"parent": "fabrikam"}).content.decode()
    )
    assert "There is no account" in client.post(address, fields | {"parent": "Nobody"}).content.decode()
    assert client.post(address, fields | {"parent": f"Fabrikam #{other.pk}"}).status_code == 302
    child.refresh_from_db()
    assert child.parent == other
    circle = client.post(reverse("account_edit", args=[other.pk]), {"name": "F", "parent": "Fabrikam Energy"})
    assert "belongs to this account already" in circle.content.decode()
    assert (
        f"Fabrikam #{parent.pk}" in client.get("/accounts/suggestions/", {"parent": "fabri"}).content.decode()
    )


def test_account_with_opportunities_is_not_deleted(ada: User, as_user: SignIn) -> None:
    account = make_account()
    make_opportunity(account=account)
    page = as_user(ada).post(reverse("account_delete", args=[account.pk]), follow=True).content.decode()
    assert "which would lose their account" in page
    assert Account.objects.exists()


def test_deleting_a_contact_keeps_the_opportunity(ada: User, as_user: SignIn) -> None:
    contact = Contact.objects.create(name="Kim")
    opportunity = make_opportunity(contact=contact)
    assert as_user(ada).post(reverse("contact_delete", args=[contact.pk])).status_code == 302
    opportunity.refresh_from_db()
    assert opportunity.contact is None


def test_new_contact_from_an_account_page_names_the_account(ada: User, as_user: SignIn) -> None:
    account = make_account()
    address = f"{reverse('contact_new')}?account={account.pk}"
    client = as_user(ada)
    assert f'value="Northwind Health #{account.pk}"' in client.get(address).content.decode()
    client.post(
        address, {"name": "Kim", "account": f"Northwind Health #{account.pk}", "preferred_language": "de"}
    )
    assert (Contact.objects.get().account, Contact.objects.get().preferred_language) == (account, "German")


# --- money -----------------------------------------------------------------------------------------------------------


def test_a_rate_sets_values_and_pipelines_anew(ada: User, ana: Rep, as_user: SignIn) -> None:
    old = datetime.datetime(2026, 1, 10, tzinfo=datetime.UTC)
    early = make_opportunity("Early", owner=ana, value=100, currency="EUR", opened_at=old, flags=["rate"])
    late = make_opportunity("Late", owner=ana, value=100, currency="EUR", opened_at=old.replace(month=3))
    client = as_user(ada)
    assert "EUR" in client.get("/organisation/rates/").content.decode()
    client.post(reverse("rate_new"), {"currency": "eur", "rate": "1.10", "valid_from": "2026-01-01"})
    client.post(reverse("rate_new"), {"currency": "EUR", "rate": "1.20", "valid_from": "2026-02-01"})
    for row in (early, late, ana):
        row.refresh_from_db()
    assert (early.value_base, late.value_base, early.flags) == (Decimal("110.00"), Decimal("120.00"), [])
    assert ana.pipeline_value == Decimal("230.00")
    for rate in ExchangeRate.objects.all():
        client.post(reverse("rate_delete", args=[rate.pk]))
    late.refresh_from_db()
    assert (late.value_base, late.flags) == (None, ["rate"])


def test_base_currency_change_sets_values_anew(ada: User, as_user: SignIn) -> None:
    ExchangeRate.objects.create(currency="USD", rate="0.9", valid_from=datetime.date(2026, 1, 1))
    opportunity = make_opportunity(value=100, currency="USD", value_base=100)
    client = as_user(ada)
    client.get("/organisation/")
    facts = Organisation.objects.get()
    fields = {"name": "Acme", "base_currency": "eur", "default_language": "English", "time_zone": "UTC",
              "top_tier_share": "0.2", "own_profile_edits": facts.own_profile_edits,
              "profile_review_months": facts.profile_review_months,
              "seen_at": facts.updated_at.isoformat()}  # fmt: skip
    assert client.post("/organisation/", fields).status_code == 302
    opportunity.refresh_from_db()
    assert opportunity.value_base == Decimal("90.00")


@pytest.mark.parametrize(
    ("currency", "reason"), [("XQX", "is not a currency"), ("USD", "is the base currency")]
)
def test_impossible_rates_are_refused(currency: str, reason: str, ada: User, as_user: SignIn) -> None:
    fields = {"currency": currency, "rate": "1", "valid_from": "2026-01-01"}
    answer = as_user(ada).post(reverse("rate_new"), fields)
    assert answer.status_code == 422
    assert reason in answer.content.decode()


# --- words -----------------------------------------------------------------------------------------------------------


def test_mapping_a_word_renames_records_and_keeps_the_spelling(ada: User, ana: Rep, as_user: SignIn) -> None:
    Term.objects.create(kind="industry", name="Healthcare")
    wrong = Term.objects.create(kind="industry", name="Helth", is_known=False)
    opportunity = make_opportunity(industry="Helth", flags=["industry", "source"])
    account = make_account(industry="Helth")
    Skill.objects.create(rep=ana, kind="industry", name="Helth")
    client = as_user(ada)
    refused = client.post(reverse("term_map", args=[wrong.pk]), {"to": "Nothing"})
    assert "“Nothing” is not a known word" in refused.content.decode()
    client.post(reverse("term_map", args=[wrong.pk]), {"to": "healthcare"})
    opportunity.refresh_from_db()
    account.refresh_from_db()
    assert (opportunity.industry, opportunity.flags, account.industry) == (
        "Healthcare",
        ["source"],
        "Healthcare",
    )
    assert [skill.name for skill in ana.skills.filter(kind="industry")] == ["Healthcare"]
    assert list(Alias.objects.values_list("kind", "spelling", "term")) == [
        ("industry", "Helth", "Healthcare")
    ]
    assert not Term.objects.filter(name="Helth").exists()


def test_competitors_in_a_list_are_mapped_and_flags_wait_for_the_last_unknown(
    ada: User, as_user: SignIn
) -> None:
    Term.objects.create(kind="competitor", name="Dynamics")
    first = Term.objects.create(kind="competitor", name="Dynamix", is_known=False)
    second = Term.objects.create(kind="competitor", name="Odd", is_known=False)
    both = make_opportunity(competitors=["Dynamix", "Odd"], flags=["competitor"])
    client = as_user(ada)
    client.post(reverse("term_map", args=[first.pk]), {"to": "Dynamics"})
    both.refresh_from_db()
    assert (both.competitors, both.flags) == (["Dynamics", "Odd"], ["competitor"])
    client.post(reverse("term_confirm", args=[second.pk]))
    both.refresh_from_db()
    assert (both.competitors, both.flags) == (["Dynamics", "Odd"], [])


def test_products_are_mapped_by_moving_their_opportunities(ada: User, as_user: SignIn) -> None:
    right, wrong = Product.objects.create(name="GTX Pro"), Product.objects.create(name="GTXPro")
    Term.objects.create(kind="product", name="GTX Pro")
    term = Term.objects.create(kind="product", name="GTXPro", is_known=False)
    opportunity = make_opportunity(product=wrong, flags=["product"])
    as_user(ada).post(reverse("term_map", args=[term.pk]), {"to": "GTX Pro"})
    opportunity.refresh_from_db()
    assert (opportunity.product, opportunity.flags, Product.objects.count()) == (right, [], 1)


def test_a_spelling_cannot_mean_another_spelling(ada: User, as_user: SignIn) -> None:
    Alias.objects.create(kind="source", spelling="Fair", term="Event")
    client = as_user(ada)
    fields = {"alias-kind": "source", "alias-spelling": "Messe", "alias-term": "Fair"}
    assert (
        "This is a spelling of another word itself"
        in client.post(reverse("alias_new"), fields).content.decode()
    )
    client.post(reverse("alias_new"), fields | {"alias-term": "Event"})
    assert Alias.objects.count() == 2
    client.post(reverse("alias_delete", args=[Alias.objects.get(spelling="Fair").pk]))
    assert [alias.spelling for alias in Alias.objects.all()] == ["Messe"]


def test_a_custom_fields_key_stays(ada: User, as_user: SignIn) -> None:
    client = as_user(ada)
    fields = {"label": "Budget owner", "key": "budget_owner", "type": "choice"}
    assert (
        "A choice needs at least one value."
        in client.post(reverse("custom_field_new"), fields).content.decode()
    )
    client.post(reverse("custom_field_new"), fields | {"choice_lines": "IT\nFinance\nIT\n"})
    field = CustomField.objects.get()
    assert field.choices == ["IT", "Finance"]
    later = {"label": "Who pays", "key": "other", "type": "choice", "choice_lines": "IT"}
    client.post(reverse("custom_field", args=[field.pk]), later | {"seen_at": field.updated_at.isoformat()})
    field.refresh_from_db()
    assert (field.label, field.key, field.choices) == ("Who pays", "budget_owner", ["IT"])


def test_a_place_gets_its_language(ada: User, as_user: SignIn) -> None:
    client = as_user(ada)
    fields = {"country": "Canada", "region": "Quebec", "language": "fr"}
    client.post(reverse("region_language_new"), fields)
    assert list(RegionLanguage.objects.values_list("country", "region", "language")) == [
        ("CA", "Quebec", "French")
    ]
    twice = client.post(reverse("region_language_new"), fields)
    assert twice.status_code == 422


class TestEditingAnOpportunity:
    def values(self, **changed: str) -> dict[str, str]:
        plain = {
            "name": "Northwind",
            "kind": "lead",
            "industry": "Healthcare",
            "value": "500",
            "currency": "USD",
        }
        return plain | changed

    def test_facts_are_corrected_and_the_pipeline_follows(
        self, ana: Rep, omar: User, make_opportunity: Callable[..., Opportunity], as_user: SignIn
    ) -> None:
        CustomField.objects.create(key="seats", label="Seats", type="number")
        opportunity = make_opportunity(value=100)
        reassign(opportunity_ids=[opportunity.pk], rep_id=ana.pk, by=omar, at=timezone.now())
        client, address = as_user(omar), reverse("opportunity_edit", args=[opportunity.pk])
        assert 'value="100"' in client.get(address).content.decode()
        sent = self.values(
            kind="deal", product="Analytics", competitors="Acme, Zeta, Acme", custom_seats="12"
        )
        assert client.post(address, sent).status_code == 302
        opportunity.refresh_from_db()
        ana.refresh_from_db()
        assert (opportunity.kind, opportunity.value, ana.pipeline_value) == (
            "deal",
            Decimal(500),
            Decimal(500),
        )
        assert opportunity.converted_at is not None
        assert (opportunity.competitors, opportunity.custom) == (["Acme", "Zeta"], {"seats": 12.0})
        assert opportunity.product is not None
        assert (opportunity.product.name, opportunity.owner) == ("Analytics", ana)

    def test_what_cannot_be_is_said_beside_its_field(
        self, omar: User, make_opportunity: Callable[..., Opportunity], as_user: SignIn
    ) -> None:
        opportunity = make_opportunity()
        client, address = as_user(omar), reverse("opportunity_edit", args=[opportunity.pk])
        for odd, said in (
            ({"name": ""}, "required"),
            ({"currency": ""}, "Say in which currency"),
            ({"value": "-1"}, "Not saved yet"),
            ({"value": "99999999999999"}, "no value of a deal"),
            ({"competitors": "x" * 121}, "At most 120 letters"),
            ({"account": "Nobody Inc"}, "There is no account"),
        ):
            response = client.post(address, self.values(**odd))
            assert response.status_code == 422, odd
            assert said in response.content.decode(), odd

    def test_the_second_editor_is_told(
        self, omar: User, make_opportunity: Callable[..., Opportunity], as_user: SignIn
    ) -> None:
        opportunity = make_opportunity()
        client, address = as_user(omar), reverse("opportunity_edit", args=[opportunity.pk])
        seen = opportunity.updated_at.isoformat()
        assert client.post(address, self.values(seen_at=seen)).status_code == 302
        late = client.post(address, self.values(seen_at=seen, industry="Media"))
        assert late.status_code == 422
        assert "Somebody else saved" in late.content.decode()
