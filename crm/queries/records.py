"""Lists and look-ups of accounts, contacts, products and opportunities."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from django.db import connection
from django.db.models import (
    Count,
    DecimalField,
    Exists,
    IntegerField,
    OuterRef,
    Q,
    QuerySet,
    Subquery,
    Value,
)
from django.db.models.functions import Coalesce, Upper

from crm.engine.conditions import condition_fields
from crm.models import Account, Activity, Contact, DuplicateLink, Opportunity, Product
from crm.queries.conditions import matching
from crm.queries.opportunities import opportunities_visible_to
from crm.queries.words import own_fields
from reps.models import Rep, Team, User
from reps.queries.people import SEES_EVERYBODY, reps_visible_to
from reps.queries.prepared import ask

SHOWN_ON_A_PAGE = 20

BY_NAME = Upper("name")  # as the index has it
ACCOUNT_WITH = [field.attname for field in Account._meta.concrete_fields]
ACCOUNT = (
    f"SELECT {', '.join(map(str, ACCOUNT_WITH))} FROM crm_account WHERE id = %s"  # no column has another name
)


def account_of(account_id: int) -> Account | None:
    """One account by a statement that is planned once: for the path that every lead takes."""
    rows = ask(ACCOUNT, [account_id])
    return Account.from_db(connection.alias, ACCOUNT_WITH, rows[0]) if rows else None


# --- accounts ------------------------------------------------------------------------------------------------------


def accounts_visible_to(user: User) -> QuerySet[Account]:
    """All for ops, analysts and admins. Others: whose owner they are or manage, those with opportunities that they
    see; a manager also those without an owner."""
    accounts = Account.objects.select_related("owner", "parent")
    if user.role in SEES_EVERYBODY:
        return accounts
    if user.role == User.Role.MANAGER:
        teams = user.managed_teams.all()
        working = Opportunity.objects.filter(account=OuterRef("pk"), owner__team__in=teams)
        return accounts.filter(Q(owner__isnull=True) | Q(owner__team__in=teams) | Exists(working))
    working = Opportunity.objects.filter(account=OuterRef("pk"), owner__user=user)
    return accounts.filter(Q(owner__user=user) | Exists(working))


def accounts_matching(
    accounts: QuerySet[Account], *, words: str, owner: Rep | None, named: str, industry: str
) -> QuerySet[Account]:
    """`named`: "yes" for accounts with an owner, "no" for those without, "left" where the owner has left."""
    if words:
        accounts = accounts.filter(
            Q(name__icontains=words) | Q(domain__icontains=words) | Q(external_id__iexact=words)
        )
    if owner:
        accounts = accounts.filter(owner=owner)
    if industry:
        accounts = accounts.filter(industry__iexact=industry)
    if named == "left":
        return accounts.filter(owner__left_at__isnull=False)
    return accounts.filter(owner__isnull=named == "no") if named else accounts


def with_open_counts(accounts: QuerySet[Account]) -> QuerySet[Account]:
    counts = (
        Opportunity.objects.filter(account=OuterRef("pk"), stage=Opportunity.Stage.OPEN)
        .order_by()
        .values("account")
        .annotate(count=Count("pk"))
        .values("count")
    )
    return accounts.annotate(open_count=Coalesce(Subquery(counts, output_field=IntegerField()), 0))


def opportunities_of_account(account: Account, user: User) -> list[Opportunity]:
    found = opportunities_visible_to(user).filter(account=account).select_related("owner", "product")
    return list(found.order_by("-opened_at", "-pk")[:SHOWN_ON_A_PAGE])


def activities_of_account(account: Account, user: User) -> list[Activity]:
    seen = opportunities_visible_to(user).filter(account=account)
    found = Activity.objects.filter(opportunity__in=seen).select_related("rep", "opportunity")
    return list(found.order_by("-happened_at", "-pk")[:SHOWN_ON_A_PAGE])


def account_names(user: User, *, words: str, limit: int = 12) -> list[Account]:
    """Accounts offered while somebody types; those that begin with the words come first."""
    found = accounts_visible_to(user).filter(name__icontains=words)
    return sorted(
        found.order_by(BY_NAME, "pk")[:limit], key=lambda a: not a.name.lower().startswith(words.lower())
    )


# --- contacts and products -----------------------------------------------------------------------------------------


def contacts_visible_to(user: User) -> QuerySet[Contact]:
    """Those of the accounts and opportunities that the user sees; without an account, everybody's but a rep's."""
    contacts = Contact.objects.select_related("account", "account__owner")
    if user.role in SEES_EVERYBODY:
        return contacts
    mine = Q(account__in=accounts_visible_to(user).values("pk")) | Exists(
        opportunities_visible_to(user).filter(contact=OuterRef("pk"))
    )
    return contacts.filter(mine | Q(account__isnull=True) if user.role == User.Role.MANAGER else mine)


def contacts_matching(contacts: QuerySet[Contact], *, words: str, language: str) -> QuerySet[Contact]:
    if words:
        contacts = contacts.filter(
            Q(name__icontains=words)
            | Q(email__icontains=words)
            | Q(account__in=Account.objects.filter(name__icontains=words).values("pk"))
        )
    return contacts.filter(preferred_language__iexact=language) if language else contacts


def opportunities_of_contact(contact: Contact, user: User) -> list[Opportunity]:
    found = opportunities_visible_to(user).filter(contact=contact).select_related("owner", "product")
    return list(found.order_by("-opened_at", "-pk")[:SHOWN_ON_A_PAGE])


def products_matching(*, words: str, also_inactive: bool) -> QuerySet[Product]:
    products = Product.objects.annotate(
        open_count=Count("opportunities", filter=Q(opportunities__stage=Opportunity.Stage.OPEN))
    )
    if words:
        products = products.filter(Q(name__icontains=words) | Q(family__icontains=words))
    return products if also_inactive else products.filter(is_active=True)


# --- opportunities -------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class OpportunitySearch:
    """What the address of the list asks for; "" and None ask for everything."""

    words: str = ""
    kind: str = ""
    stage: str = ""
    routing: str = ""
    owner: Rep | None = None
    team: Team | None = None
    source: str = ""
    opened_after: datetime.date | None = None
    closed_since: datetime.date | None = None  # won or lost since that day
    repeats: str = ""
    where: Mapping[str, Any] | None = None  # a condition


def opportunities_matching(
    opportunities: QuerySet[Opportunity], search: OpportunitySearch
) -> QuerySet[Opportunity]:
    if search.words:
        accounts = Account.objects.filter(name__icontains=search.words).values("pk")
        opportunities = opportunities.filter(
            Q(name__icontains=search.words) | Q(external_id__iexact=search.words) | Q(account__in=accounts)
        )
    exact = {
        "kind": search.kind,
        "stage": search.stage,
        "routing": search.routing,
        "owner": search.owner,
        "owner__team": search.team,
        "source__iexact": search.source,
    }
    opportunities = opportunities.filter(**{name: value for name, value in exact.items() if value})
    if search.closed_since:
        opportunities = opportunities.filter(
            stage__in=[Opportunity.Stage.WON, Opportunity.Stage.LOST],
            closed_at__date__gte=search.closed_since,
        )
    if search.where:
        opportunities = matching(search.where, condition_fields(own_fields()), opportunities)
    if search.repeats:
        states = DuplicateLink.HOLDS if search.repeats == "yes" else [DuplicateLink.State.OFFERED]
        links = DuplicateLink.objects.filter(opportunity=OuterRef("pk"), state__in=states)
        opportunities = opportunities.filter(Exists(links))
    return (
        opportunities.filter(opened_at__date__gte=search.opened_after)
        if search.opened_after
        else opportunities
    )


def order_of(name: str) -> tuple[Any, bool]:
    """The sort key of the list and whether it falls: newest first unless asked otherwise."""
    if name == "value":
        return Coalesce("value_base", Value(Decimal(0)), output_field=DecimalField()), True
    return "opened_at", name != "oldest"


def owners_offered(user: User, account: Account | None = None) -> QuerySet[Rep]:
    """The reps whom a form offers as owner: those the user sees and who are here; and the present one."""
    offered = Q(pk__in=reps_visible_to(user).filter(left_at__isnull=True).values("pk"))
    present = Q(pk=account.owner_id) if account and account.owner_id else Q()
    return Rep.objects.filter(offered | present).order_by("name", "pk")


def sources() -> list[str]:
    """The sources in use, most used first."""
    found = Opportunity.objects.exclude(source="").values("source").annotate(count=Count("pk"))
    return [row["source"] for row in found.order_by("-count", "source")[:60]]
