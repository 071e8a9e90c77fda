"""Rules, territories and policies read out as sentences, from what a version keeps of them.

A sentence is told in parts (`Said`), so that a page marks what somebody has filled in.
"""

import datetime
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from crm.engine.conditions import Field, condition_fields
from crm.engine.spoken import Said, Say, described
from crm.models import Account
from crm.queries.condition_words import say_for
from crm.queries.words import own_fields
from reps.models import Rep, Team
from routing.engine.clock import REROUTE, Terms
from routing.engine.schedule import BatchSchedule, in_words
from routing.models import Policy, Rule

Row = Mapping[str, Any]  # of a version's content
Sentence = tuple[Said, ...]
ANY_OR_OTHER = "as the opportunity’s"
APPLICATION_WORDS = {
    Policy.Application.SUGGEST: "suggest",
    Policy.Application.ASSIGN: "assign",
    Policy.Application.SHADOW: "decide and log only,",
}
FALLBACK_WORDS = {
    Policy.Fallback.ROUND_ROBIN: "round-robin in team",
    Policy.Fallback.MANAGER: "to the manager",
    Policy.Fallback.HOLD: "hold in the queue",
}


def load_speaker(rows: Iterable[Row], custom: list[dict[str, Any]] | None = None) -> "Speaker":
    """Who reads these rows out; four or five queries, whatever their number."""
    return Speaker(
        condition_fields(own_fields() if custom is None else custom),
        say_for([row.get("condition") for row in rows]),
        dict(Rep.objects.values_list("pk", "name")),
        dict(Team.objects.values_list("pk", "name")),
    )


@dataclass(frozen=True)
class Speaker:
    fields: Mapping[str, Field]
    say: Say
    reps: Mapping[int, str]
    teams: Mapping[int, str]

    def condition(self, row: Row) -> Sentence:
        return described(row.get("condition") or {}, self.fields, say=self.say)

    def rule(self, row: Row) -> Sentence:
        """ "When value is over $100,000, route to team Enterprise East"."""
        if row.get("condition"):
            return (Said("When "), *self.condition(row), Said(", "), *self.action(row))
        return (Said("Always "), *self.action(row))

    def action(self, row: Row) -> Sentence:
        action = row["action"]
        if action == Rule.Action.ROUTE_TO_REP:
            return Said("route to "), Said(self.rep(row.get("rep_id")), True)
        if action == Rule.Action.ROUTE_TO_TEAM:
            return Said("route to team "), Said(self.team(row.get("team_id")), True)
        if action == Rule.Action.EXCLUDE_REPS:
            return Said("exclude "), Said(", ".join(map(self.rep, row.get("excluded", ()))), True)
        return _requirement(row.get("required_field", ""), row.get("required_value", ""))

    def territory(self, row: Row, *, inside: str = "", around_others: bool = False) -> Sentence:
        """ "country is US and state or region is Texas → Enterprise East"."""
        lies = [Said(f", inside {inside}")] if inside else []
        names = [self.covering(cover) for cover in row.get("coverage", ())]
        nobody = "only through the territories inside it" if around_others else "covered by nobody"
        whom = Said(", ".join(names), True) if names else Said(nobody)
        return (*self.condition(row), *lies, Said(" → "), whom)

    def covering(self, cover: Row) -> str:
        team = cover.get("team_id")
        who = self.team(team) if team is not None else self.rep(cover.get("rep_id"))
        return who + "".join(
            f" {word} {_day(cover[name])}"
            for word, name in (("from", "starts_on"), ("until", "ends_on"))
            if cover.get(name)
        )

    def policy(self, row: Row) -> Sentence:
        """ "value is under $100,000: assign at once, threshold 60, else round-robin in team"."""
        how = APPLICATION_WORDS[row.get("application", Policy.Application.SUGGEST)]
        when = "at once" if row.get("mode", Policy.Mode.REAL_TIME) == Policy.Mode.REAL_TIME else "in batches"
        if row.get("batch"):
            when = f"in batches {batch_words(row['batch'])}"
        chain = [FALLBACK_WORDS[Policy.Fallback(kind)] for kind in row.get("fallback") or ["hold"]]
        score, otherwise = f"{row.get('threshold', 50):.4g}", ", then ".join(chain)
        every = (Said("Everything"),) if not row.get("condition") else self.condition(row)
        return (
            *every, Said(": "), Said(f"{how} {when}", True), Said(", threshold "), Said(score, True), Said(", else "),
            Said(otherwise), *_besides(row),
        )  # fmt: skip

    def rep(self, pk: int | None) -> str:
        return self.reps.get(pk or 0, "somebody who is gone")

    def team(self, pk: int | None) -> str:
        return self.teams.get(pk or 0, "a team that is gone")


def _besides(row: Row) -> Sentence:
    """What else a policy says, where it says it: "; who works now first; first touch within 4 hours; explores 5 %"."""
    said: list[Said] = []
    if row.get("prefers_ready"):
        said += [Said("; "), Said("who works now and has room first", True)]
    if row.get("needs_working_now"):
        said += [Said("; only within working hours")]
    if minutes := row.get("first_touch_target_minutes"):
        said += [Said("; first touch within "), Said(minutes_words(minutes), True)]
    if clock := clock_words(row.get("clock")):
        said += [Said("; "), Said(", ".join(clock), True)]
    if share := row.get("exploration_share"):
        said += [Said("; explores "), Said(f"{100 * share:.3g} %", True)]
    return tuple(said)


def clock_words(clock: Row | None) -> list[str]:
    """What follows where nobody touches it: "in working hours", "reminder at 80 %", "then to somebody else"."""
    if not clock:
        return []
    terms = Terms(**clock)
    said = ["counted in the rep’s working hours"] if terms.in_working_hours else []
    if terms.target_minutes is not None:
        if terms.remind_pct is not None:
            said.append(f"reminder after {terms.remind_pct} % of it")
        if terms.escalates:
            said.append("the manager is told when it is missed")
        if terms.reroute_after_minutes is not None:
            after = minutes_words(terms.reroute_after_minutes)
            said.append(
                f"to somebody else {after + ' later' if terms.reroute_after_minutes else 'at once then'}"
            )
    if terms.accept_minutes is not None:
        then = "it goes to somebody else" if terms.unanswered == REROUTE else "the manager is told"
        said.append(f"to be accepted within {minutes_words(terms.accept_minutes)}, else {then}")
    if terms.named_accounts:
        said.append("named accounts too")
    return said


def minutes_words(minutes: int) -> str:
    """ "5 minutes", "4 hours", "2 days"."""
    for unit, word in ((24 * 60, "day"), (60, "hour"), (1, "minute")):
        if minutes % unit == 0:
            count = minutes // unit
            return f"{count:,} {word}{'' if count == 1 else 's'}"
    return f"{minutes} minutes"


def batch_words(batch: Row) -> str:
    """ "on weekdays at 09:00 and 14:00", with the time zone where it is not the organisation's."""
    times = tuple(datetime.time.fromisoformat(text) for text in batch["times"])
    schedule = BatchSchedule(batch["cadence"], batch["zone"], times, batch["weekdays_only"])
    return in_words(schedule) + (f" ({batch['time_zone']})" if batch["time_zone"] else "")


def _requirement(name: str, value: str) -> Sentence:
    said = Said(f"require {name.replace('_', ' ')} ")
    if name == "seniority" and value.isdigit():
        return said, Said(f"{dict(Rep.Seniority.choices).get(int(value), value)} or above", True)
    if name == "technical_depth":
        return said, Said(f"{value} or more", True)
    labels: dict[str, str] = dict(Rep.Tier.choices) | dict(Rep.SellingStyle.choices)
    return said, Said(labels.get(value, value) or ANY_OR_OTHER, True)


def _day(text: str) -> str:
    day = datetime.date.fromisoformat(text)
    return f"{day.day} {day:%b %Y}"


def named_account_counts() -> tuple[int, int]:
    """Accounts with an owner, and how many of the owners have left."""
    named = Account.objects.filter(owner__isnull=False)
    return named.count(), named.filter(owner__left_at__isnull=False).count()
