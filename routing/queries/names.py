"""What the ids in decisions are called."""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from django.db import connection

from crm.models import Opportunity
from reps.models import Rep, Team
from routing.engine.explain import Names
from routing.models import Decision
from routing.queries.configuration import compiled
from routing.queries.live import Live


def load_names(decisions: Iterable[Decision], more_reps: Iterable[int] = ()) -> Names:
    """Names for the sentences of these decisions; two queries, whatever their number, and a third where one repeats
    another opportunity."""
    found = list(decisions)
    rep_ids = {d.rep_id for d in found if d.rep_id} | set(more_reps)
    team_ids: set[int] = {d.team_id for d in found if d.team_id}
    rules: dict[int, str] = {}
    territories: dict[int, str] = {}
    repeated = {
        step["found"]["original"] for d in found for step in d.trace["steps"] if step["name"] == "duplicate"
    }
    for decision in found:
        _collect(decision.trace["steps"], rep_ids, team_ids)
        configuration = compiled(decision.configuration_id)
        rules.update({rule.id: rule.name for rule in configuration.rules})
        territories.update({t.id: t.name for t in configuration.by_id.values()})
    return Names(
        reps=dict(Rep.objects.filter(pk__in=rep_ids).values_list("pk", "name")),
        teams=dict(Team.objects.filter(pk__in=team_ids).values_list("pk", "name")),
        territories=territories,
        rules=rules,
        opportunities=dict(Opportunity.objects.filter(pk__in=repeated).values_list("pk", "name")),
    )


def names_of(decision: Decision, live: Live) -> Names:
    """Names for the sentences of a decision that was made just now, from what the process has kept; a query where it
    repeats another opportunity."""
    kept = _kept_names(connection.settings_dict["NAME"], live.stamp, live.configuration_id)
    repeated = [s["found"]["original"] for s in decision.trace["steps"] if s["name"] == "duplicate"]
    if not repeated:
        return kept
    return replace(
        kept, opportunities=dict(Opportunity.objects.filter(pk__in=repeated).values_list("pk", "name"))
    )


@lru_cache(maxsize=4)
def _kept_names(database: str, stamp: int, configuration_id: int) -> Names:
    """Of all reps, those who have left too; all teams; and what the configuration has."""
    configuration = compiled(configuration_id)
    return Names(
        reps=dict(Rep.objects.values_list("pk", "name")),
        teams=dict(Team.objects.values_list("pk", "name")),
        territories={t.id: t.name for t in configuration.by_id.values()},
        rules={rule.id: rule.name for rule in configuration.rules},
    )


def _collect(steps: Iterable[Mapping[str, Any]], rep_ids: set[int], team_ids: set[int]) -> None:
    for step in steps:
        found = step["found"]
        rep_ids.update(found[key] for key in ("owner", "covering", "rep", "best") if found.get(key))
        rep_ids.update(rep_id for rep_id, _ in found.get("reps", ()))
        if found.get("team"):
            team_ids.add(found["team"])
