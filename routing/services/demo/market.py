"""The demo's market: words, rates, territories, rules, policies."""

import datetime
from decimal import Decimal
from typing import Any

from crm.models import Account, CustomField, ExchangeRate, Product, RegionLanguage, Term
from reps.models import Organisation, Team
from routing.engine.worlds import (
    COMPETITORS,
    INDUSTRIES,
    LANGUAGE_OF_REGION,
    LANGUAGES,
    PRODUCTS,
    REGIONS,
    SOURCES,
)
from routing.models import Policy, Rule
from routing.services.demo.cast import PLACES, RATES, TEAM_OF_REGION
from routing.services.presets import BY_KEY
from territories.models import Coverage, Territory


def make_words(today: datetime.date) -> None:
    """Known words, products, rates, languages of places, one custom field."""
    Organisation.objects.filter(pk=1).update(name="Lumora", base_currency="USD", time_zone="America/New_York")
    kinds = {"industry": INDUSTRIES, "source": SOURCES, "competitor": COMPETITORS, "language": LANGUAGES}
    Term.objects.bulk_create(
        [Term(kind=kind, name=name) for kind, names in kinds.items() for name in names], ignore_conflicts=True
    )
    Product.objects.bulk_create(
        [Product(name=name, family="Lumora Suite") for name in PRODUCTS], ignore_conflicts=True
    )
    for currency, rate in RATES.items():
        ExchangeRate.objects.update_or_create(
            currency=currency,
            valid_from=today - datetime.timedelta(days=730),
            defaults={"rate": Decimal(rate)},
        )
    for region in range(len(REGIONS)):
        RegionLanguage.objects.get_or_create(
            country=PLACES[region].country,
            region="",
            defaults={"language": LANGUAGES[LANGUAGE_OF_REGION[region]]},
        )
    CustomField.objects.get_or_create(
        key="current_tool", defaults={"label": "Current tool", "type": "text", "is_model_input": False}
    )


def make_territories() -> None:
    """One territory for each team inside its continent, by country and state."""
    teams = {team.name: team for team in Team.objects.all()}
    america = Territory.objects.create(
        name="North America", condition={"field": "country", "op": "in", "value": ["US", "CA"]}
    )
    overseas = Territory.objects.create(
        name="Overseas",
        condition={
            "all": [
                {"field": "country", "op": "is_not_empty"},
                {"field": "country", "op": "not_in", "value": ["US", "CA"]},
            ]
        },
    )
    for name, team in teams.items():
        regions = [r for r in range(len(REGIONS)) if TEAM_OF_REGION[r] == name]
        if not regions:
            continue
        inside = america if PLACES[regions[0]].country in ("US", "CA") else overseas
        territory = Territory.objects.create(name=name, parent=inside, condition=_condition(regions))
        Coverage.objects.create(territory=territory, team=team)


def _condition(regions: list[int]) -> dict[str, Any]:
    """US regions by state, the others by country."""
    states = [state for r in regions if PLACES[r].country == "US" for state, _ in PLACES[r].states]
    countries = [PLACES[r].country for r in regions if PLACES[r].country != "US"]
    tests: list[dict[str, Any]] = []
    if states:
        tests.append({"all": [{"field": "country", "op": "is", "value": "US"},
                              {"field": "region", "op": "in", "value": states}]})  # fmt: skip
    if countries:
        tests.append({"field": "country", "op": "in", "value": countries})
    return tests[0] if len(tests) == 1 else {"any": tests}


def make_rules() -> None:
    """A few rules as an ops leader would write them, and policies after the specification's examples."""
    over = {"field": "value", "op": "over", "value": 100_000}
    health = {"field": "industry", "op": "in", "value": ["Healthcare", "Life Sciences"]}
    rules = (
        Rule(name="Large deals need a senior rep", condition=over, action="require", required_field="seniority",
             required_value="3"),
        Rule(name="Regulated healthcare deals need the certificate", condition={"all": [over, health]},
             action="require", required_field="certification", required_value="Healthcare Compliance Certified"),
        Rule(name="Best leads to top performers", condition={"field": "lead_score", "op": "at_least", "value": 92},
             action="require", required_field="tier", required_value="top"),
    )  # fmt: skip
    for position, rule in enumerate(rules, 1):
        rule.position = position
        rule.save()
    Policy.objects.all().delete()
    inbound = {
        "field": "source",
        "op": "in",
        "value": ["Website form", "Demo request", "Chat", "Partner referral"],
    }
    policies = (
        BY_KEY["near-term-urgency"].policy(),
        Policy(name="Large deals are reviewed", condition=over, application="suggest", threshold=50,
               fallback=["manager", "hold"], first_touch_target_minutes=240),
        Policy(name="Inbound at once", condition=inbound, application="assign", threshold=50,
               fallback=["round_robin", "manager", "hold"], first_touch_target_minutes=5),
        BY_KEY["nurture-leads"].policy(),
        Policy(name="Everything else is reviewed", condition={}, application="suggest", threshold=50,
               fallback=["round_robin", "manager", "hold"], first_touch_target_minutes=240),
    )  # fmt: skip
    for position, policy in enumerate(policies, 1):
        policy.position = position
        policy.save()


def make_named_accounts(owner_ids: list[int], count: int) -> None:
    """The largest accounts belong to reps in turn."""
    largest = Account.objects.filter(owner__isnull=True).order_by("-employees", "pk")[:count]
    for number, account in enumerate(largest):
        account.owner_id = owner_ids[number % len(owner_ids)]
        account.save(update_fields=["owner"])
