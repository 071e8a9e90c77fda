"""Expertise held against opportunities: what is asked for, the deals behind a rep's tags, words nothing carries."""

import datetime
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db import connection
from django.urls import reverse

from crm.models.words import WordKind
from crm.queries.words import words_offered
from reps.models import Rep, Skill, Team, User
from reps.queries.people import SEES_EVERYBODY, skill_names

MONTH_DAYS = 30.4375
DEMAND_DAYS = 90
KINDS_IN_DEMAND = (Skill.Kind.INDUSTRY, Skill.Kind.PRODUCT, Skill.Kind.LANGUAGE, Skill.Kind.COMPETITOR)
# Where an opportunity has the words of each kind of tag; certifications stand in none.
VALUES = {
    Skill.Kind.INDUSTRY: "SELECT o.industry AS word",
    Skill.Kind.PRODUCT: "SELECT p.name AS word FROM crm_product p WHERE p.id = o.product_id",
    Skill.Kind.LANGUAGE: "SELECT o.language AS word",
    Skill.Kind.COMPETITOR: "SELECT DISTINCT unnest(o.competitors) AS word",
}


@dataclass(frozen=True)
class Demand:
    """Of one word: opportunities that came up in the last 90 days, and those open now."""

    name: str
    recent: int
    open: int

    @property
    def asked(self) -> int:
        return max(self.recent, self.open)


def demand(kind: str, *, user: User, team: Team | None, at: datetime.datetime) -> dict[str, Demand]:
    """Case-folded word → demand, among the opportunities that the user sees: of the team (or the own teams), and those
    that nobody owns yet. One query; nothing for certifications."""
    if kind not in VALUES:
        return {}
    sees_all = team is None and user.role in SEES_EVERYBODY
    teams = [] if sees_all else [team.pk] if team else list(user.managed_teams.values_list("pk", flat=True))
    query = f"""
        SELECT crm_folded(w.word), min(w.word), count(*) FILTER (WHERE o.opened_at >= %(since)s),
               count(*) FILTER (WHERE o.stage = 'open')
        FROM crm_opportunity o CROSS JOIN LATERAL ({VALUES[Skill.Kind(kind)]}) w
        LEFT JOIN reps_rep r ON r.id = o.owner_id
        WHERE w.word <> '' AND (o.stage = 'open' OR o.opened_at >= %(since)s)
          AND (%(sees_all)s OR o.owner_id IS NULL OR r.team_id = ANY(%(teams)s))
        GROUP BY 1
    """
    since = at - datetime.timedelta(days=DEMAND_DAYS)
    with connection.cursor() as cursor:
        cursor.execute(query, {"since": since, "sees_all": sees_all, "teams": teams})
        return {folded: Demand(name, recent, now) for folded, name, recent, now in cursor.fetchall()}


# --- the deals behind a rep's tags -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class TagEvidence:
    """`won` of `closed` deals of the rep; `others_pct` what the rest of the team won of the same, None without any;
    `asked` opportunities of the last 90 days that carry the word, `ever` whether any does."""

    skill: Skill
    won: int
    closed: int
    others_pct: int | None
    others_closed: int
    asked: int
    ever: bool
    deals_url: str

    @property
    def is_unknown(self) -> bool:
        """Something is stated that no opportunity has ever carried."""
        return not self.ever and self.skill.kind != Skill.Kind.CERTIFICATION


BEHIND = """
WITH wanted AS (
    SELECT id, kind, crm_folded(name) AS value FROM reps_skill WHERE rep_id = %(rep)s AND kind <> 'certification'
), named AS (
    SELECT o.id, o.owner_id, o.stage, o.closed_at, o.dates_known, o.opened_at, v.kind, v.value
    FROM crm_opportunity o LEFT JOIN crm_product p ON p.id = o.product_id,
    LATERAL (
        SELECT 'industry' AS kind, crm_folded(o.industry) AS value
        UNION ALL SELECT 'product', crm_folded(p.name)
        UNION ALL SELECT 'language', crm_folded(o.language)
        UNION ALL (SELECT DISTINCT 'competitor', crm_folded(word) FROM unnest(o.competitors) AS word)
    ) v
), met AS (
    SELECT w.id AS skill, n.*, r.team_id,
           n.stage IN ('won', 'lost') AND n.dates_known AND n.closed_at >= %(start)s AND n.closed_at <= %(at)s AS counts
    FROM wanted w JOIN named n ON n.kind = w.kind AND n.value = w.value LEFT JOIN reps_rep r ON r.id = n.owner_id
)
SELECT skill,
       count(*) FILTER (WHERE counts AND owner_id = %(rep)s AND stage = 'won'),
       count(*) FILTER (WHERE counts AND owner_id = %(rep)s),
       count(*) FILTER (WHERE counts AND owner_id <> %(rep)s AND team_id = %(team)s AND stage = 'won'),
       count(*) FILTER (WHERE counts AND owner_id <> %(rep)s AND team_id = %(team)s),
       count(*) FILTER (WHERE opened_at >= %(since)s),
       count(*)
FROM met GROUP BY skill
"""


def evidence_of(rep: Rep, *, at: datetime.datetime, months: int) -> list[TagEvidence]:
    """The tags of one rep with the deals of so many months behind them; two queries."""
    start = at - datetime.timedelta(days=months * MONTH_DAYS)
    since = at - datetime.timedelta(days=DEMAND_DAYS)
    with connection.cursor() as cursor:
        cursor.execute(BEHIND, {"rep": rep.pk, "team": rep.team_id, "start": start, "at": at, "since": since})
        found = {skill: numbers for skill, *numbers in cursor.fetchall()}
    return [
        _evidence(skill, found.get(skill.pk, [0] * 6), start) for skill in rep.skills.order_by("kind", "name")
    ]


def _evidence(skill: Skill, numbers: Sequence[int], start: datetime.datetime) -> TagEvidence:
    won, closed, others_won, others_closed, asked, ever = numbers
    return TagEvidence(
        skill=skill,
        won=won,
        closed=closed,
        others_pct=round(100 * others_won / others_closed) if others_closed else None,
        others_closed=others_closed,
        asked=asked,
        ever=bool(ever),
        deals_url=deals_url(skill, since=start) if closed else "",
    )


def deals_url(skill: Skill, *, since: datetime.datetime) -> str:
    """The list of the rep's won and lost deals since then that carry the tag's word."""
    is_list = skill.kind == Skill.Kind.COMPETITOR
    test = {
        "field": "competitors" if is_list else skill.kind,
        "op": "includes" if is_list else "is",
        "value": skill.name,
    }
    query: dict[str, Any] = {
        "owner": skill.rep_id,
        "where": json.dumps({"all": [test]}),
        "closed_since": since.date().isoformat(),
    }
    return f"{reverse('opportunities')}?{urlencode(query)}"


# --- names to choose from --------------------------------------------------------------------------------------------


def names_offered() -> dict[str, list[str]]:
    """Names offered while somebody states a tag, by kind: the organisation's words and products, and others' tags."""
    from_records = words_offered([WordKind.INDUSTRY, WordKind.LANGUAGE, WordKind.COMPETITOR])
    found = {}
    for kind in Skill.Kind:
        names = {name.casefold(): name for name in skill_names(kind)}
        names |= {name.casefold(): name for name in from_records.get(kind.value, [])}
        found[kind.value] = sorted(names.values(), key=str.casefold)
    return found


def unknown_names(rep: Rep) -> list[str]:
    """Tags that no opportunity carries, certifications left out; one query."""
    with connection.cursor() as cursor:
        cursor.execute(UNKNOWN, {"rep": rep.pk})
        return [name for (name,) in cursor.fetchall()]


UNKNOWN = """
SELECT s.name FROM reps_skill s WHERE s.rep_id = %(rep)s AND NOT (CASE s.kind
    WHEN 'industry' THEN EXISTS (SELECT FROM crm_opportunity o WHERE crm_folded(o.industry) = crm_folded(s.name))
    WHEN 'language' THEN EXISTS (SELECT FROM crm_opportunity o WHERE crm_folded(o.language) = crm_folded(s.name))
    WHEN 'product' THEN EXISTS (SELECT FROM crm_opportunity o JOIN crm_product p ON p.id = o.product_id
                                WHERE crm_folded(p.name) = crm_folded(s.name))
    WHEN 'competitor' THEN EXISTS (SELECT FROM crm_opportunity o, unnest(o.competitors) AS word
                                   WHERE crm_folded(word) = crm_folded(s.name))
    ELSE true END)
ORDER BY s.kind, s.name
"""
