"""The configuration that decides now, held against the crediting table before anything is routed by it."""

import datetime
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from django.urls import reverse

from analytics.engine.credit import CreditRow, could_credit, fixed_by
from analytics.models import CreditTable
from analytics.queries.credit_table import rows_by_rep
from reps.models import Rep, User
from reps.queries.people import reps_visible_to
from routing.engine.configuration import Configuration, Territory, coverage_today
from routing.engine.requirements import ROUTES
from routing.engine.roster import RepFacts, Roster
from routing.queries.configuration import compiled, live_version
from routing.queries.model_words import listed

NAMED = 4


@dataclass(frozen=True)
class Warning:
    """`about` a rule or territory, with its address."""

    about: str
    text: str
    url: str


def warnings_ahead(table: CreditTable, *, user: User, today: datetime.date) -> list[Warning]:
    """Territories first. Of reps whom the reader may see, and who are in the table. Three queries."""
    version = live_version()
    credits = rows_by_rep(table)
    reps = {
        rep.pk: rep
        for rep in reps_visible_to(user).filter(left_at__isnull=True).order_by("pk")
        if rep.pk in credits
    }
    roster = Roster(tuple(RepFacts(id=rep.pk, team_id=rep.team_id) for rep in reps.values()))
    configuration = compiled(version.pk)
    return [
        *_territories(configuration, roster, reps, credits, today),
        *_rules(version.content["rules"], reps, credits, today),
    ]


Reps = Mapping[int, Rep]
Credits = Mapping[int, Sequence[CreditRow]]


def _territories(
    configuration: Configuration, roster: Roster, reps: Reps, credits: Credits, today: datetime.date
) -> Iterable[Warning]:
    """Members of a territory without a row for it, for what is around it, or for something inside it."""
    for territory in sorted(configuration.territories, key=lambda one: one.name):
        if any(territory.id in other.lineage[1:] for other in configuration.territories):
            continue  # what is inside says it
        _, inside, _ = coverage_today(configuration, territory, roster, today)
        members = [int(roster.ids[place]) for place in np.flatnonzero(inside > 0)]
        without = [rep for rep in members if not _credited(credits[rep], territory, today)]
        if without:
            url = f"{reverse('territories')}#territory-{territory.id}"
            of = f"of {len(members)} who cover it and are in the table"
            text = f"{_names(without, reps)}, {of}, {_get(without)} no credit there."
            yield Warning(territory.name, text, url)


def _credited(rows: Sequence[CreditRow], territory: Territory, today: datetime.date) -> bool:
    return any(row.share > 0 and row.holds_on(today) and row.covers(territory.lineage) for row in rows)


def _rules(
    rules: Iterable[Mapping[str, Any]], reps: Reps, credits: Credits, today: datetime.date
) -> Iterable[Warning]:
    """Rules that route to somebody none of whose rows can count for what the rule matches, as far as its `is` and `in`
    tests on the table's columns say."""
    for rule in rules:
        if rule["action"] not in ROUTES:
            continue
        fixed = fixed_by(rule["condition"])
        to = [
            rep for rep in reps.values() if rep.pk == rule.get("rep_id") or rep.team_id == rule.get("team_id")
        ]
        without = [
            rep.pk for rep in to if not any(could_credit(row, fixed, today) for row in credits[rep.pk])
        ]
        if without:
            whom = f", of {len(to)} in the team who are in the table," if rule.get("team_id") else ""
            text = f"It routes to {_names(without, reps)}{whom} who {_get(without)} no credit for what it matches."
            yield Warning(f"Rule “{rule['name']}”", text, f"{reverse('rules')}#look-rule-{rule['id']}")


def _get(without: Sequence[int]) -> str:
    return "gets" if len(without) == 1 else "get"


def _names(ids: Sequence[int], reps: Reps) -> str:
    names = [reps[pk].name for pk in ids[:NAMED]]
    return listed([*names, f"{len(ids) - NAMED} more"] if len(ids) > NAMED else names)
