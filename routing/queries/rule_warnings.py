"""What is likely to be wrong with the rules: said on their page, before it bites.

Counted on the opportunities of the last 90 days, all rules in one query; nothing here decides anything.
"""

import datetime
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from django.db.models import BigIntegerField, Case, Count, Q, QuerySet, Value, When

from crm.engine.conditions import ConditionError, Field
from crm.models import Opportunity
from crm.queries.conditions import counts, to_q
from reps.models import Team
from routing.engine.configuration import condition_fields
from routing.models import Decision, Rule
from routing.queries.configuration import working_content

DAYS = 90
RECENT_DAYS, EARLIER_DAYS = 7, 28
RISING_BY = 1.5  # times the share of the four weeks before
LEAST_DECISIONS = 20
FALL_THROUGH = (Decision.Via.ROUND_ROBIN, Decision.Via.MANAGER, Decision.Via.HOLD)
ROUTES = (Rule.Action.ROUTE_TO_REP, Rule.Action.ROUTE_TO_TEAM)


@dataclass(frozen=True)
class Reach:
    """How many of the last 90 days' opportunities a rule matches, and how many of them no earlier one routes (of rules
    that route)."""

    matched: int
    left_over: int


def warnings_of_rules(now: datetime.datetime) -> dict[int, list[str]]:
    """Rule id → sentences, for active rules in the order of the draft; about six queries, whatever their number."""
    rules = list(
        Rule.objects.filter(is_active=True).select_related("rep", "team").prefetch_related("excluded")
    )
    if not rules:
        return {}
    found: dict[int, list[str]] = defaultdict(list)
    _about_people(rules, found)
    _about_reach(rules, now, found)
    for rule_id, count in _skipped(now).items():
        often = "once" if count == 1 else f"{count:,} times"
        found[rule_id].append(
            f"In the last {DAYS} days it was skipped {often}: with what came before it would have left "
            "nobody."
        )
    return {rule.pk: found[rule.pk] for rule in rules if found.get(rule.pk)}


def _about_people(rules: Sequence[Rule], found: dict[int, list[str]]) -> None:
    active = Count("reps", filter=Q(reps__left_at__isnull=True))
    staffed = set(Team.objects.annotate(here=active).filter(here__gt=0).values_list("pk", flat=True))
    for rule in rules:
        if rule.rep is not None and not rule.rep.is_active:
            found[rule.pk].append(f"{rule.rep.name} has left: the rule is skipped.")
        if rule.team is not None and rule.team_id not in staffed:
            found[rule.pk].append(f"{rule.team.name} has no active reps: the rule is skipped.")
        gone = [rep.name for rep in rule.excluded.all() if not rep.is_active]
        if rule.action == Rule.Action.EXCLUDE_REPS and gone:
            found[rule.pk].append(
                f"It excludes {', '.join(gone)}, who {'have' if len(gone) > 1 else 'has'} left."
            )


def _about_reach(rules: Sequence[Rule], now: datetime.datetime, found: dict[int, list[str]]) -> None:
    fields = condition_fields(working_content()["custom_fields"])
    recent = Opportunity.objects.filter(
        opened_at__gte=now - datetime.timedelta(days=DAYS), opened_at__lte=now
    )
    try:
        reach = _reach(rules, fields, recent)
    except ConditionError as error:
        found[rules[0].pk].append(f"The conditions cannot be counted: {error}")
        return
    for place, rule in enumerate(rules):
        own = reach[rule.pk]
        if not own.matched:
            found[rule.pk].append(f"It has matched nothing in the last {DAYS} days.")
        elif rule.action in ROUTES and not own.left_over:
            earlier = [one for one in rules[:place] if one.action in ROUTES]
            names = " and ".join(f"“{one.name}”" for one in earlier[:2]) + (
                " and others" if len(earlier) > 2 else ""
            )
            found[rule.pk].append(
                f"All {own.matched:,} that it would match in the last {DAYS} days are routed by {names} before it."
            )


def _reach(
    rules: Sequence[Rule], fields: Mapping[str, Field], recent: QuerySet[Opportunity]
) -> dict[int, Reach]:
    """Two queries: how many each rule matches, and which routing rule is the first for each opportunity."""
    matched = counts([rule.condition or {} for rule in rules], fields, recent)
    routing = [rule for rule in rules if rule.action in ROUTES]
    firsts: Counter[int] = Counter()
    if routing:
        first = Case(
            *(When(to_q(rule.condition or {}, fields), then=Value(rule.pk)) for rule in routing),
            default=Value(0),
            output_field=BigIntegerField(),
        )
        rows = recent.order_by().annotate(first_rule=first).values("first_rule").annotate(many=Count("pk"))
        firsts.update({row["first_rule"]: row["many"] for row in rows})
    return {rule.pk: Reach(count, firsts[rule.pk]) for rule, count in zip(rules, matched, strict=True)}


def _skipped(now: datetime.datetime) -> Counter[int]:
    """Rule id → how often it was skipped since it would have left nobody."""
    since = now - datetime.timedelta(days=DAYS)
    told = Decision.objects.filter(
        made_at__gte=since,
        trace__steps__contains=[{"name": "rule_skipped", "found": {"why": "would_leave_nobody"}}],
    ).values_list("trace__steps", flat=True)
    found: Counter[int] = Counter()
    for steps in told[:5000]:
        found.update(
            step["found"]["rule"]
            for step in steps
            if step["name"] == "rule_skipped" and step["found"]["why"] == "would_leave_nobody"
        )
    return found


def fall_through_warning(now: datetime.datetime) -> str:
    """A sentence where more than before falls through to turns, managers or nobody; "" otherwise."""
    recent = _fall_through(now - datetime.timedelta(days=RECENT_DAYS), now)
    before = _fall_through(
        now - datetime.timedelta(days=RECENT_DAYS + EARLIER_DAYS), now - datetime.timedelta(days=RECENT_DAYS)
    )
    if min(recent[1], before[1]) < LEAST_DECISIONS or not recent[0]:
        return ""
    share, usual = recent[0] / recent[1], before[0] / before[1]
    if share < RISING_BY * max(usual, 0.01):
        return ""
    return (
        f"In the last week {share:.0%} fell through to turns, a manager or nobody; in the four weeks before it was "
        f"{usual:.0%}."
    )


def _fall_through(first: datetime.datetime, last: datetime.datetime) -> tuple[int, int]:
    decided = Decision.objects.filter(made_at__gt=first, made_at__lte=last).aggregate(
        through=Count("pk", filter=Q(via__in=FALL_THROUGH)), total=Count("pk")
    )
    return decided["through"], decided["total"]
