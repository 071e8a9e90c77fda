"""Companies that rows name and that no account bears exactly: ours under another spelling, perhaps ours, or new.

Every distinct name is matched once, with the country and the email domain that its rows agree on. A file of accounts
is not matched like this: its rows say which accounts there are.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from crm.engine.matching.contacts import company_domain
from crm.engine.matching.matcher import Lead
from crm.models import Account, AccountMatch
from crm.queries.matching import match_leads
from crm.services.imports.plans import World, folded
from crm.services.opportunities import FROM_ACCOUNT
from crm.services.placing import as_json, company_key

if TYPE_CHECKING:
    from crm.services.imports.opportunities import OpportunityPlan

SHOWN = 30  # spellings that the check lists
CHUNK = 2_000
Named = Iterable[tuple[str | None, str | None, str | None]]  # each row's company, country and email address


def find_companies(world: World, rows: Named) -> None:
    """Matches what is not known by its exact name yet, and keeps it in the world."""
    leads = _leads(world, rows)
    found = dict(zip(leads, match_leads(list(leads.values())), strict=True))
    sure = {key: matches[0] for key, matches in found.items() if matches and matches[0].is_sure}
    accounts = _accounts(world, {match.account_id for match in sure.values()})
    companies = world.companies
    companies.spelt |= {key: lead.name for key, lead in leads.items()}
    for key, matches in found.items():
        if key in sure and sure[key].account_id in accounts:
            companies.ours[key] = (accounts[sure[key].account_id], matches)
        elif matches:
            companies.perhaps[key] = matches
        else:
            companies.new.add(key)


def _leads(world: World, rows: Named) -> dict[str, Lead]:
    """By the folded name; a domain only where all its rows with one have the same."""
    spelt: dict[str, str] = {}
    countries: dict[str, Counter[str]] = {}
    domains: dict[str, set[str]] = {}
    known = world.companies
    for name, country, email in rows:
        if not name:
            continue
        key = folded(name)
        if key in known.spelt or (key not in spelt and world.accounts.find(name) is not None):
            continue
        spelt.setdefault(key, name)
        if country:
            countries.setdefault(key, Counter())[country] += 1
        if email and (domain := company_domain("", email)):
            domains.setdefault(key, set()).add(domain)
    return {
        key: Lead(
            name,
            country=countries[key].most_common(1)[0][0] if key in countries else "",
            domain=next(iter(domains[key])) if len(domains.get(key, ())) == 1 else "",
        )
        for key, name in spelt.items()
    }


def _accounts(world: World, ids: set[int]) -> dict[int, Account]:
    """The records that the world holds already, and the others from the database."""
    held = {record.pk: record for named in world.accounts.by_name.values() for record in named if record.pk}
    missing = Account.objects.select_related("owner", "parent").in_bulk(ids - held.keys())
    return {pk: record for pk, record in held.items() if pk in ids} | missing


def companies_report(world: World) -> dict[str, Any]:
    """How many are new, ours and perhaps ours, and some of the spellings with what they are taken for."""
    companies = world.companies
    ours = [
        [companies.spelt[key], account.name, matches[0].confidence]
        for key, (account, matches) in sorted(companies.ours.items())
    ]
    names = Account.objects.in_bulk({matches[0].account_id for matches in companies.perhaps.values()})
    perhaps = [
        [companies.spelt[key], names[matches[0].account_id].name, matches[0].confidence]
        for key, matches in sorted(companies.perhaps.items())
        if matches[0].account_id in names
    ]
    return {
        "new": len(companies.new),
        "ours": len(ours),
        "perhaps": len(companies.perhaps),
        "ours_shown": ours[:SHOWN],
        "perhaps_shown": perhaps[:SHOWN],
    }


def write_matches(plan: "OpportunityPlan", world: World) -> None:
    """Keeps for each new row why it has its account, or which it may have, so that a person can say so."""
    AccountMatch.objects.bulk_create(_matches(plan, world), batch_size=CHUNK)


def _matches(plan: "OpportunityPlan", world: World) -> Iterator[AccountMatch]:
    given = plan.given
    for place, pk in plan.ids.items():
        name = given["account"][place]
        key = folded(name) if name else ""
        ours = world.companies.ours.get(key)
        matches = ours[1] if ours else world.companies.perhaps.get(key)
        if matches is None:
            continue
        facts = {field: given[field][place] for field in FROM_ACCOUNT}
        company = {"name": name, **{field: value for field, value in facts.items() if value}}
        yield AccountMatch(
            opportunity_id=pk,
            state=AccountMatch.State.ATTACHED if ours else AccountMatch.State.OFFERED,
            account=ours[0] if ours else None,
            confidence=matches[0].confidence if ours else None,
            why=matches[0].why[:300] if ours else "",
            candidates=as_json(matches),
            company=company,
            company_key=company_key(name),
            filled=[field for field in (*FROM_ACCOUNT, "language") if not given[field][place]],
            created_at=world.at,
        )
