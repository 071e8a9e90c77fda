"""What is likely to be wrong with the rules: said on their page, before it bites.

Counted on the opportunities of the last 90 days, all rules in one query; nothing here decides anything.
"""

import datetime
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.db.models import Count, Q

from crm.engine.conditions import condition_fields
from crm.models import Opportunity
from crm.queries.conditions import patterns
from crm.queries.opportunities import opportunities_visible_to
from crm.queries.words import own_fields
from reps.models import User
from routing.engine.configuration import Configuration, ConfigurationError
from routing.engine.facts import OpportunityFacts
from routing.engine.requirements import Deadlock, deadlocks, kept_by
from routing.models import Decision, Rule
from routing.queries.configuration import working_content
from routing.queries.live import load_live
from routing.queries.rules import people_warning, staffed_teams
from routing.queries.territories import territories_reach, territory_counts

DAYS = 90
RECENT_DAYS, EARLIER_DAYS = 7, 28
RISING_BY = 1.5  # times the share of the four weeks before
LEAST_DECISIONS = 20
FALL_THROUGH = (Decision.Via.ROUND_ROBIN, Decision.Via.MANAGER, Decision.Via.HOLD)
ROUTES = (Rule.Action.ROUTE_TO_REP, Rule.Action.ROUTE_TO_TEAM)


@dataclass(frozen=True)
class Look:
    """`matched`: active rule's id → how many of the last 90 days' opportunities it matches. `warnings`: id → sentences,
    in the order of the draft."""

    matched: Mapping[int, int]
    warnings: Mapping[int, list[str]]


def look_at_rules(*, user: User, now: datetime.datetime) -> Look:
    """About ten queries, whatever the number of rules."""
    rules = list(
        Rule.objects.filter(is_active=True).select_related("rep", "team").prefetch_related("excluded")
    )
    if not rules:
        return Look({}, {})
    found: dict[int, list[str]] = defaultdict(list)
    _about_people(rules, found)
    matched: Mapping[int, int] = {}
    try:
        configuration = Configuration.from_content(0, working_content())
    except ConfigurationError as error:
        found[rules[0].pk].append(f"The draft cannot be used: {error}.")
    else:
        matched = _About(rules, configuration, user, now, found).said()
    for rule_id, count in _skipped(now).items():
        often = "once" if count == 1 else f"{count:,} times"
        found[rule_id].append(
            f"In the last {DAYS} days it was skipped {often}: with what came before it would have left "
            "nobody."
        )
    return Look(matched, {rule.pk: found[rule.pk] for rule in rules if found.get(rule.pk)})


def _about_people(rules: Sequence[Rule], found: dict[int, list[str]]) -> None:
    staffed = staffed_teams()
    for rule in rules:
        if warning := people_warning(rule, staffed):
            found[rule.pk].append(warning)
        gone = [rep.name for rep in rule.excluded.all() if not rep.is_active]
        if rule.action == Rule.Action.EXCLUDE_REPS and gone:
            found[rule.pk].append(
                f"It excludes {', '.join(gone)}, who {'have' if len(gone) > 1 else 'has'} left."
            )


class _About:
    """What the past says of the draft's rules, and what their requirements leave of today's reps."""

    def __init__(
        self,
        rules: Sequence[Rule],
        configuration: Configuration,
        user: User,
        now: datetime.datetime,
        found: dict[int, list[str]],
    ) -> None:
        self.rules, self.configuration, self.found = rules, configuration, found
        self.roster = load_live(now).roster
        fields = condition_fields(own_fields())
        recent = Opportunity.objects.filter(
            opened_at__gte=now - datetime.timedelta(days=DAYS), opened_at__lte=now
        )
        conditions = [rule.condition or {} for rule in rules]
        self.patterns = patterns(conditions, fields, recent, shown=opportunities_visible_to(user))

    def said(self) -> dict[int, int]:
        """Adds the sentences; returns how many opportunities each rule matches."""
        matched: Counter[int] = Counter()
        left_over: Counter[int] = Counter()  # by routing rule: those that no earlier one routes
        for pattern in self.patterns:
            matched.update(dict.fromkeys(pattern.matched, pattern.count))
            first = next((place for place in pattern.matched if self.rules[place].action in ROUTES), None)
            if first is not None:
                left_over[first] += pattern.count
        for place, rule in enumerate(self.rules):
            self._about_reach(place, rule, matched[place], left_over[place])
            self._about_requirement(place, rule)
        self._about_deadlocks()
        return {rule.pk: matched[place] for place, rule in enumerate(self.rules)}

    def _about_reach(self, place: int, rule: Rule, matched: int, left_over: int) -> None:
        if not matched:
            self.found[rule.pk].append(f"It has matched nothing in the last {DAYS} days.")
        elif rule.action in ROUTES and not left_over:
            earlier = self._names(other for other in range(place) if self.rules[other].action in ROUTES)
            self.found[rule.pk].append(
                f"All {matched:,} that it would match in the last {DAYS} days are routed by {earlier} before it."
            )

    def _about_requirement(self, place: int, rule: Rule) -> None:
        if rule.action != Rule.Action.REQUIRE:
            return
        keep = kept_by(
            self.configuration.rules[place],
            self.roster,
            OpportunityFacts(0),
            self.configuration.default_language,
        )
        if keep is not None and not keep.any():
            self.found[rule.pk].append("Nobody here meets what it requires: the rule is skipped.")

    def _about_deadlocks(self) -> None:
        often: Counter[Deadlock] = Counter()
        compiled = self.configuration.rules
        for pattern in self.patterns:
            matching = [(place, compiled[place]) for place in pattern.matched]
            for one in deadlocks(matching, self.roster, self.configuration.default_language):
                often[one] += pattern.count
        told: set[int] = set()
        for one, count in often.most_common():
            if one.rule not in told:  # the most frequent reason is enough for one rule
                told.add(one.rule)
                self.found[self.rules[one.rule].pk].append(
                    f"With {self._names(one.before)} before it, it leaves nobody for {count:,} of the last "
                    f"{DAYS} days: there it is skipped."
                )

    def _names(self, places: Iterable[int]) -> str:
        names = [f"“{self.rules[place].name}”" for place in places]
        return " and ".join(names[:2]) + (" and others" if len(names) > 2 else "")


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


def decided_by(now: datetime.datetime) -> Mapping[tuple[str, str], int]:
    """(via, policy's name) → decisions of the last 90 days; one query."""
    rows = Decision.objects.filter(made_at__gte=now - datetime.timedelta(days=DAYS), made_at__lte=now)
    counted = (
        rows.order_by().values_list("via", "policy_name").annotate(count=Count("opportunity", distinct=True))
    )
    return {(via, policy): count for via, policy, count in counted}


@dataclass(frozen=True)
class Matched:
    """A line of the ladder and how many opportunities of the last 90 days it matched or decided."""

    word: str
    pk: int
    name: str
    number: int


def looked_at(*, user: User, now: datetime.datetime) -> dict[str, Any]:
    """What the page of rules fetches after it is shown: numbers for its lines, and what is worth a look."""
    look, decided = look_at_rules(user=user, now=now), decided_by(now)
    rules = dict(Rule.objects.filter(is_active=True).values_list("pk", "name"))
    owners = (Decision.Via.NAMED_ACCOUNT, Decision.Via.COVERING)
    return {
        "warnings": [(pk, rules[pk], sentences) for pk, sentences in look.warnings.items() if pk in rules],
        "fall_through": fall_through_warning(now),
        "lines": [
            *(Matched("rule", pk, rules[pk], number) for pk, number in look.matched.items() if pk in rules),
        ],
        "named": sum(count for (via, _), count in decided.items() if via in owners),
        "reach": territories_reach(user=user, now=now) if territory_counts().active else None,
    }
