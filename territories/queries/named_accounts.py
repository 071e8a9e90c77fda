"""Named accounts: which a user sees, what becomes of their leads while the owner is away or gone, what is planned."""

import csv
import datetime
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.db.models import Count, Exists, F, OuterRef, Q, QuerySet, Subquery
from django.utils import timezone
from django.utils.formats import date_format

from crm.models import Account, AccountTransfer, AccountTransferItem, Opportunity
from crm.queries.records import accounts_visible_to, with_open_counts
from reps.engine.tables import shielded
from reps.models import Absence, Rep, User
from reps.queries.people import absences_at

MOST_OFFERED = 300
COLUMNS = (
    "id", "external_id", "account", "domain", "industry", "country", "owner", "owner_email", "team", "owner_state",
    "open_opportunities", "last_lead", "planned_for", "planned_owner",
)  # fmt: skip


@dataclass(frozen=True)
class NamedSearch:
    """What is asked for; "" and None ask for everything. `state`: away, left, planned; "none" for accounts without an
    owner, who are not in the list otherwise."""

    words: str = ""
    owner_id: int | None = None
    team_id: int | None = None
    state: str = ""
    industry: str = ""
    country: str = ""


@dataclass(frozen=True)
class Totals:
    owned: int
    left: int


@dataclass(frozen=True)
class OwnerState:
    """ "away" or "left", and the rest of the sentence: since or until when, what becomes of the leads meanwhile."""

    tag: str
    tone: str
    rest: str

    @property
    def words(self) -> str:
        return f"{self.tag} {self.rest}"


@dataclass(frozen=True)
class NamedAccount:
    """A row of the list. `account` has `open_count` and `last_lead_at`."""

    account: Account
    state: OwnerState | None
    planned: AccountTransferItem | None


@dataclass(frozen=True)
class Offered:
    """What the list can be narrowed by."""

    owners: list[Rep] = field(default_factory=list)
    industries: list[str] = field(default_factory=list)
    countries: list[str] = field(default_factory=list)


def named_matching(user: User, search: NamedSearch, *, now: datetime.datetime) -> QuerySet[Account]:
    """The accounts that the user sees and the search means."""
    found = (
        accounts_visible_to(user).select_related("owner__team").filter(owner__isnull=search.state == "none")
    )
    if search.words:
        found = found.filter(
            Q(name__icontains=search.words)
            | Q(domain__icontains=search.words)
            | Q(external_id__iexact=search.words)
        )
    exact = {
        "owner": search.owner_id,
        "owner__team": search.team_id,
        "industry__iexact": search.industry,
        "country__iexact": search.country,
    }
    found = found.filter(**{name: value for name, value in exact.items() if value})
    if search.state == "left":
        return found.filter(owner__left_at__isnull=False)
    if search.state == "away":
        away = absences_at(now).filter(rep=OuterRef("owner"))
        return found.filter(Exists(away), owner__left_at__isnull=True)
    return (
        found.filter(Exists(_planned().filter(account=OuterRef("pk"))))
        if search.state == "planned"
        else found
    )


def _planned() -> QuerySet[AccountTransferItem]:
    return AccountTransferItem.objects.filter(transfer__state=AccountTransfer.State.PLANNED)


def totals(user: User) -> Totals:
    """How many of the accounts that the user sees have an owner, and how many an owner who has left."""
    owned = accounts_visible_to(user).filter(owner__isnull=False).select_related(None)
    counts = owned.order_by().aggregate(
        owned=Count("pk"), left=Count("pk", filter=Q(owner__left_at__isnull=False))
    )
    return Totals(**counts)


def offered(user: User) -> Offered:
    """Owners (those who left as well), industries and countries of the accounts with an owner; three queries."""
    owned = accounts_visible_to(user).filter(owner__isnull=False).select_related(None).order_by()

    def words(name: str) -> list[str]:
        found = owned.exclude(**{name: ""}).order_by(name).values_list(name, flat=True).distinct()
        return list(found[:MOST_OFFERED])

    owners = Rep.objects.filter(pk__in=owned.values("owner")).order_by("name", "pk")
    return Offered(list(owners), words("industry"), words("country"))


def with_figures(accounts: QuerySet[Account]) -> QuerySet[Account]:
    """With `open_count` and `last_lead_at`: when the newest opportunity came into being."""
    newest = Opportunity.objects.filter(account=OuterRef("pk")).order_by("-opened_at").values("opened_at")[:1]
    return with_open_counts(accounts).annotate(last_lead_at=Subquery(newest))


def named_rows(accounts: Sequence[Account], *, now: datetime.datetime) -> list[NamedAccount]:
    """With the owner's state and the next planned transfer; two queries."""
    states = owner_states((account.owner for account in accounts), now=now)
    items = _planned().filter(account__in=[account.pk for account in accounts])
    items = items.select_related("transfer", "to_rep").order_by(F("transfer__effective_on").desc(), "-pk")
    planned = {item.account_id: item for item in items}  # the earliest comes last and stays
    return [
        NamedAccount(account, states.get(account.owner_id or 0), planned.get(account.pk))
        for account in accounts
    ]


# --- the owner's state -----------------------------------------------------------------------------------------------


def owner_states(owners: Iterable[Rep | None], *, now: datetime.datetime) -> dict[int, OwnerState]:
    """Of those who left or are away, by rep; one query. As the ladder decides (routing.engine.ladder)."""
    away: dict[int, list[Absence]] = {}
    for absence in absences_at(now).select_related("covering").order_by("starts_at", "pk"):
        away.setdefault(absence.rep_id, []).append(absence)
    found = {}
    for owner in owners:
        if owner is not None and owner.left_at is not None:
            rest = f"on {day_words(owner.left_at, now)}: not counted; its leads go down the ladder like any other"
            found[owner.pk] = OwnerState("left", "warn", rest)
        elif owner is not None and owner.pk in away:
            found[owner.pk] = OwnerState("away", "accent", _away_words(owner, away, now))
    return found


def _away_words(owner: Rep, away: dict[int, list[Absence]], now: datetime.datetime) -> str:
    spans = away[owner.pk]
    ends = [span.ends_at for span in spans]
    last = None if None in ends else max(end for end in ends if end is not None)
    until = f"until {day_words(last, now)}" if last else "until further notice"
    named = [span.covering for span in spans if span.covering is not None]
    covering = named[-1] if named else None
    within = f"it goes on within team {owner.team.name}"
    if covering is None:
        return f"{until}: nobody covers, so {within}"
    if covering.left_at is not None:
        return f"{until}: {covering.name} was to cover and has left, so {within}"
    if covering.pk in away:
        return f"{until}: {covering.name} was to cover and is away as well, so {within}"
    return f"{until}: {covering.name} covers"


def day_words(moment: datetime.datetime, now: datetime.datetime) -> str:
    """`3 Dec`, and `3 Dec 2027` for another year, in the reader's zone."""
    local = timezone.localtime(moment)
    return date_format(local, "j M" if local.year == timezone.localtime(now).year else "j M Y")


# --- as a file -------------------------------------------------------------------------------------------------------


def as_csv(accounts: QuerySet[Account], *, now: datetime.datetime) -> str:
    """The whole list as a table."""
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(COLUMNS)
    for row in named_rows(list(with_figures(accounts).order_by("name", "pk")), now=now):
        writer.writerow(shielded(_cells(row)))
    return "\ufeff" + out.getvalue()


def _cells(row: NamedAccount) -> list[str]:
    account, owner, planned = row.account, row.account.owner, row.planned
    last: datetime.datetime | None = account.last_lead_at  # type: ignore[attr-defined]  # by with_figures
    return [
        str(account.pk),
        account.external_id or "",
        account.name,
        account.domain,
        account.industry,
        account.country,
        owner.name if owner else "",
        owner.email if owner else "",
        owner.team.name if owner else "",
        row.state.words if row.state else "",
        str(account.open_count),  # type: ignore[attr-defined]
        last.isoformat() if last else "",
        str(planned.transfer.effective_on) if planned else "",
        (planned.to_rep.name if planned.to_rep else "nobody") if planned else "",
    ]
