"""The organisation that leads are routed in: 1,000 reps, 200 rules, 50 territories, a trained model, a week behind it.

Runs in a process of its own on a database of its own: `python -m benchmarks.realtime.world SIZE`. Its last line is the
API token that the client uses.
"""

import datetime
import itertools
import os
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from functools import cache
from typing import Any

import django
import numpy as np

OPEN_PER_REP = 8
BIG, WEEK = 10_000, datetime.timedelta(days=7)
COUNTRIES = ("US", "CA", "GB", "DE", "FR", "ES", "BR", "IT", "NL", "SE")


@dataclass(frozen=True)
class Size:
    """`deals` that the model learned from (0: the rules' model). The limit of each rep: from half of `max_open` up."""

    reps: int
    teams: int
    rules: int
    territories: int
    accounts: int
    deals: int
    max_open: int = 100
    max_new_per_week: int = BIG


LARGE = Size(reps=1000, teams=25, rules=200, territories=50, accounts=20_000, deals=12_000)
SHORT = replace(LARGE, deals=3000)
SMALL = Size(
    reps=60, teams=5, rules=10, territories=5, accounts=200, deals=0, max_open=20, max_new_per_week=10
)
SIZES = {"large": LARGE, "short": SHORT, "small": SMALL}


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    django.setup()
    from django.core.management import call_command

    call_command("migrate", interactive=False, verbosity=0)
    print(fill(SIZES[sys.argv[1]]))
    return 0


def fill(size: Size) -> str:
    from django.utils import timezone

    rng = np.random.default_rng(7)
    now = timezone.now()
    words()
    people(size, rng)
    _configuration(size, rng, now)
    if size.deals:
        model(size.deals)
    _accounts(size, rng)
    if size is not SMALL:
        _work(size, rng, now)
    return _token()


def words() -> None:
    from crm.models import Product, Term
    from routing.engine.worlds import COMPETITORS, INDUSTRIES, PRODUCTS, SOURCES

    words = {"industry": INDUSTRIES, "source": SOURCES, "competitor": COMPETITORS}
    Term.objects.bulk_create(
        [Term(kind=kind, name=name) for kind, names in words.items() for name in names], ignore_conflicts=True
    )
    for name in PRODUCTS:
        Product.objects.get_or_create(name=name)


def people(size: Size, rng: np.random.Generator) -> None:
    from reps.models import Rep, RoleTemplate, Skill, Team, User
    from routing.engine.worlds import COMPETITORS, INDUSTRIES, LANGUAGES, PRODUCTS

    template = RoleTemplate.objects.get(is_default=True)
    teams = Team.objects.bulk_create([Team(name=f"Team {n + 1}") for n in range(size.teams)])
    users = User.objects.bulk_create(
        User(email=f"rep{n + 1}@benchmark.example", name=f"Rep {n + 1}", role=User.Role.REP)
        for n in range(size.reps)
    )
    reps = Rep.objects.bulk_create(
        Rep(
            id=n + 1,
            user=users[n],
            name=f"Rep {n + 1}",
            team=teams[n % size.teams],
            role_template=template,
            seniority=int(rng.integers(1, 5)),
            technical_depth=int(rng.integers(0, 6)),
            own_max_open=int(rng.integers(size.max_open // 2, size.max_open)),
            own_max_new_per_week=size.max_new_per_week,
            deal_size_min=Decimal(int(rng.integers(0, 50_000))),
            working_hours={
                day: [["00:00", "24:00"]] for day in ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
            },
        )
        for n in range(size.reps)
    )
    kinds = {"industry": INDUSTRIES, "product": PRODUCTS, "language": LANGUAGES, "competitor": COMPETITORS}
    Skill.objects.bulk_create(
        Skill(rep=rep, kind=kind, name=str(name), proficiency=int(rng.integers(1, 4)))
        for rep in reps
        for kind, names in kinds.items()
        for name in rng.choice(names, 2, replace=False)
    )


def _configuration(size: Size, rng: np.random.Generator, now: datetime.datetime) -> None:
    from reps.models import Team
    from routing.engine.worlds import INDUSTRIES, SOURCES
    from routing.models import Policy, Rule
    from routing.services.configuration import publish_configuration
    from territories.models import Coverage, Territory

    team_ids = list(Team.objects.exclude(is_default=True).order_by("pk").values_list("pk", flat=True))
    for n in range(size.territories):
        countries = [COUNTRIES[n % len(COUNTRIES)], "XX"]
        territory = Territory.objects.create(
            name=f"Territory {n}",
            condition={"all": [{"field": "country", "op": "in", "value": countries},
                               {"field": "value", "op": "over", "value": 1000 * (n // len(COUNTRIES))}]},
        )  # fmt: skip
        for k in range(3):
            Coverage.objects.create(territory=territory, team_id=team_ids[(n + 7 * k) % size.teams])
    for n in range(size.rules):
        rule = Rule.objects.create(
            name=f"Rule {n}",
            position=n + 1,
            action=(Rule.Action.REQUIRE, Rule.Action.EXCLUDE_REPS)[n % 2],
            required_field="industry" if n % 2 == 0 else "",
            condition={"all": [{"field": "industry", "op": "in", "value": [str(rng.choice(INDUSTRIES)), "Other"]},
                               {"any": [{"field": "value", "op": "over", "value": int(rng.integers(1, 300)) * 1000},
                                        {"field": "source", "op": "is", "value": str(rng.choice(SOURCES))}]}]},
        )  # fmt: skip
        if n % 2:
            rule.excluded.set([int(rng.integers(1, size.reps + 1))])
    Policy.objects.all().delete()
    Policy.objects.create(
        name="Assign", position=1, application=Policy.Application.ASSIGN, fallback=["round_robin", "hold"]
    )
    publish_configuration(by=None, at=now, note="Benchmark")


def model(deals: int) -> None:
    from benchmarks.decision import trained_artifact
    from routing.models import ModelVersion

    ModelVersion.objects.update(state=ModelVersion.State.RETIRED)
    ModelVersion.objects.create(
        number=2,
        kind=ModelVersion.Kind.LEARNED,
        state=ModelVersion.State.CHAMPION,
        artifact=trained_artifact(deals),
    )


def _accounts(size: Size, rng: np.random.Generator) -> None:
    from crm.models import Account, Contact
    from routing.engine.worlds import INDUSTRIES

    accounts = Account.objects.bulk_create(
        Account(
            name=company(n),
            domain=f"company{n}.example",
            industry=str(rng.choice(INDUSTRIES)),
            country=COUNTRIES[n % len(COUNTRIES)],
            employees=int(rng.integers(5, 9000)),
        )
        for n in range(size.accounts)
    )
    Contact.objects.bulk_create(
        Contact(account=account, name=f"Contact {n}", email=f"person{n}@company{n}.example")
        for n, account in enumerate(accounts)
    )


def company(number: int) -> str:
    """A company name of three words that no other number has."""
    words = _surnames()
    first, rest = number % len(words), number // len(words)
    return (
        f"{words[first]} {words[(first * 7 + rest) % len(words)]} {words[(rest * 11 + 3) % len(words)]} Ltd"
    )


@cache
def _surnames() -> tuple[str, ...]:
    from faker import Faker

    faker = Faker("en_US")
    faker.seed_instance(11)
    return tuple(sorted({faker.last_name() for _ in range(3000)}))


def _work(size: Size, rng: np.random.Generator, now: datetime.datetime) -> None:
    """Open opportunities with their owners, half of them assigned within the week."""
    from crm.models import Account, Assignment, Opportunity
    from crm.services.ownership import recount_loads
    from reps.models import User

    by = User.objects.create_user("import@benchmark.example", name="Import", role=User.Role.OPS)
    accounts = list(Account.objects.order_by("pk").values_list("pk", flat=True)[: size.reps * OPEN_PER_REP])
    made = Opportunity.objects.bulk_create(
        Opportunity(
            name=f"Opportunity {n}",
            account_id=account_id,
            owner_id=1 + n % size.reps,
            routing=Opportunity.Routing.ASSIGNED,
            value=Decimal(1000),
            value_base=Decimal(int(rng.lognormal(10, 1))),
            currency="USD",
            opened_at=now - WEEK,
            accepted_at=now - WEEK,
            assigned_at=now - WEEK * 2 * (n / (size.reps * OPEN_PER_REP)),
        )
        for n, account_id in enumerate(accounts)
    )
    Assignment.objects.bulk_create(
        Assignment(
            opportunity=one,
            rep_id=one.owner_id or 0,
            source=Assignment.Source.PERSON,
            assigned_by=by,
            assigned_at=one.assigned_at or now,
        )
        for one in made
    )
    recount_loads()


def _token() -> str:
    from reps.models import User
    from reps.services.tokens import make_token

    user = User.objects.create_user("form@benchmark.example", name="Website", role=User.Role.OPS)
    return make_token(user=user, name="benchmark")[1]


def lead(number: int, rng: np.random.Generator, accounts: int = LARGE.accounts) -> dict[str, Any]:
    """The body of a request: two in five from a known company, the others from new ones."""
    from routing.engine.worlds import COMPETITORS, INDUSTRIES, LANGUAGES, PRODUCTS, SOURCES, URGENCIES

    known = rng.random() < 0.4
    n = int(rng.integers(accounts // 2, accounts)) if known else accounts + number
    return {
        "name": f"Lead {number}",
        "external_id": f"benchmark-{number}",
        "company": {"name": company(n), "country": COUNTRIES[n % len(COUNTRIES)]},
        "person": {"name": f"Visitor {number}", "email": f"visitor{number}@company{n}.example"},
        "source": str(rng.choice(SOURCES)),
        "product": str(rng.choice(PRODUCTS)),
        "industry": str(rng.choice(INDUSTRIES)),
        "country": COUNTRIES[n % len(COUNTRIES)],
        "language": str(rng.choice(LANGUAGES)),
        "urgency": str(rng.choice(URGENCIES)),
        "competitors": [str(rng.choice(COMPETITORS))],
        "complexity": int(rng.integers(1, 6)),
        "lead_score": int(rng.integers(0, 101)),
        "value": str(int(rng.lognormal(11, 1))),
        "currency": "USD",
    }


def leads() -> Iterator[dict[str, Any]]:
    """One after the other, always the same."""
    rng = np.random.default_rng(3)
    return (lead(number, rng) for number in itertools.count())


if __name__ == "__main__":
    sys.exit(main())
