"""What would close a gap: whom to train, how much to hire, which rule, threshold or limit stands in the way."""

import datetime
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields

from django.db.models import Avg, DurationField, ExpressionWrapper, F
from django.db.models.functions import Coalesce
from django.urls import reverse

from analytics.engine.fall_through import Cause
from analytics.engine.gaps import Gap
from analytics.queries.period import Chosen
from crm.models import Opportunity
from reps.models import Rep, User
from reps.queries.people import reps_visible_to
from routing.queries.model_words import listed

CLOSED_WITHIN = datetime.timedelta(days=180)
CLOSE = 10.0  # points below the threshold that a lower one would still take
NAMED = 3
FEW = 5  # fewer are nothing to hire for
LANGUAGES, RULES = "skills_matrix", "rules"


@dataclass(frozen=True)
class Fallen:
    """One that fell through, as its row keeps it."""

    opportunity_id: int
    cause: str
    missing: str
    subject_id: int | None
    best_score: float | None
    threshold: float | None
    lacking: Sequence[int]
    value_base: float | None
    industry: str
    size_band: str
    country: str
    territory: str
    language: str
    product: str
    source: str
    policy: str

    @classmethod
    def columns(cls) -> list[str]:
        return [one.name for one in fields(cls)]

    @property
    def about(self) -> tuple[str, str]:
        return self.cause, self.missing

    @property
    def worth(self) -> float:
        return float(self.value_base or 0)


@dataclass(frozen=True)
class Person:
    """A rep who lacks only this, for so many of them."""

    rep: Rep
    number: int


@dataclass(frozen=True)
class Remedy:
    """`what`: Train, Hire, Rule, Limit, Threshold, Coverage. `people` are named before the text; `url` is where one
    acts, `action` what it is called."""

    what: str
    text: str
    people: tuple[Person, ...] = ()
    url: str = ""
    action: str = ""

    @property
    def plain(self) -> str:
        return f"{self.what}: {self.text}"


@dataclass(frozen=True)
class _Known:
    """What all remedies are made from: reps whom the reader may see, how long deals stay open, what one rep carries."""

    reps: Mapping[int, Rep]
    open_days: float | None
    usual_max: float
    chosen: Chosen


def load_remedies(
    gaps: Iterable[tuple[Gap, Sequence[Fallen]]], user: User, chosen: Chosen, now: datetime.datetime
) -> list[list[Remedy]]:
    """In the order of the gaps; two queries, or none without gaps."""
    told = list(gaps)
    if not told:
        return []
    reps = {rep.pk: rep for rep in reps_visible_to(user).filter(left_at__isnull=True) if rep.max_open}
    known = _Known(reps, _open_days(now), _usual_max(reps.values()), chosen)
    return [_remedies(members, known) for _, members in told]


def _open_days(now: datetime.datetime) -> float | None:
    """How long what was closed in half a year had been open with its owner, on average."""
    since = Coalesce("assigned_at", "opened_at")
    age = ExpressionWrapper(F("closed_at") - since, output_field=DurationField())
    closed = Opportunity.objects.filter(closed_at__gte=now - CLOSED_WITHIN, closed_at__lte=now)
    mean: datetime.timedelta | None = closed.aggregate(mean=Avg(age))["mean"]
    return None if mean is None else max(mean.total_seconds(), 0.0) / 86_400


def _usual_max(reps: Iterable[Rep]) -> float:
    most = [rep.max_open for rep in reps]
    return sum(most) / len(most) if most else 0.0


def _remedies(members: Sequence[Fallen], known: _Known) -> list[Remedy]:
    first = members[0]
    cause = Cause(first.cause)
    makers = {
        Cause.LANGUAGE: _language,
        Cause.REQUIREMENT: _requirement,
        Cause.RULE: _rule,
        Cause.TERRITORY: _territory,
        Cause.CONFIDENCE: _threshold,
        Cause.CAPACITY: _capacity,
        Cause.AWAY: _away,
        Cause.HOURS: _hours,
        Cause.TURNED_DOWN: _turned_down,
        Cause.EXPERIMENT: _experiment,
    }
    return makers[cause](first, members, known)


def _language(first: Fallen, members: Sequence[Fallen], known: _Known) -> list[Remedy]:
    return [
        *_train(first.missing, members, known),
        _hire(members, known, f"somebody who speaks {first.missing}"),
    ]


def _requirement(first: Fallen, members: Sequence[Fallen], known: _Known) -> list[Remedy]:
    number = f"{len(members):,}"
    return [
        *_train(first.missing, members, known),
        Remedy("Rule", f"A rule requires it, for all {number} of these.", (), *_to_rule(first.subject_id)),
    ]


def _train(what: str, members: Sequence[Fallen], known: _Known) -> list[Remedy]:
    people = _people(members, known)
    if not people:
        return []
    lack = "lacks" if len(people) == 1 else "lack"
    others = "everything else fits, and there was room"
    text = f"{_names(people)} {lack} only {what}: {others}, for {people[0].number:,} of these."
    return [Remedy("Train", text, people, reverse(LANGUAGES), "Skills matrix")]


def _rule(first: Fallen, members: Sequence[Fallen], known: _Known) -> list[Remedy]:
    people = _people(members, known)
    had = (
        f" {_names(people)} had room and {'was' if len(people) == 1 else 'were'} kept out by it."
        if people
        else ""
    )
    text = f"Whoever “{first.missing}” leaves was full or away.{had}"
    return [
        Remedy("Rule", text, people, *_to_rule(first.subject_id)),
        _hire(members, known, "one more there"),
    ]


def _territory(first: Fallen, members: Sequence[Fallen], known: _Known) -> list[Remedy]:
    text = f"{first.missing} has nobody on the day of the decision: add a rep or a team to it."
    url = f"{reverse('territories')}#territory-{first.subject_id}"
    return [Remedy("Coverage", text, (), url, "Territory"), _hire(members, known, "somebody for it")]


def _threshold(first: Fallen, members: Sequence[Fallen], known: _Known) -> list[Remedy]:
    scored = [
        (one.best_score, one.threshold) for one in members if one.best_score is not None and one.threshold
    ]
    close = sum(1 for score, threshold in scored if score >= threshold - CLOSE)
    at = max((threshold for _, threshold in scored), default=0.0)
    came = f"the best match of {close:,} of them came" if close else "of none of them the best match came"
    text = (
        f"The threshold of “{first.missing}” ({at:g}) turned away {len(scored):,}; {came} "
        f"within {CLOSE:g} points of it."
    )
    place = f"#look-policy-{first.subject_id}" if first.subject_id else ""
    policy = Remedy("Threshold", text, (), reverse("policies") + place, "Policies")
    if close * 2 >= len(scored):
        return [policy]
    text = "Most are far below it: nobody here fits these well. See who is strong in what they ask for."
    return [policy, Remedy("Train", text, (), reverse(LANGUAGES), "Skills matrix")]


def _capacity(first: Fallen, members: Sequence[Fallen], known: _Known) -> list[Remedy]:
    people = _people(members, known)
    found = [_hire(members, known, "one more who takes these")]
    if people:
        text = f"{_names(people)} would have had most of them, but for the limit on {first.missing}."
        found.append(Remedy("Limit", text, people, reverse("board"), "Workload"))
    return found


def _away(first: Fallen, members: Sequence[Fallen], known: _Known) -> list[Remedy]:
    people = _people(members, known)
    who = f" {_names(people)} would have been asked first." if people else ""
    text = f"All who could have had these were away at the same time.{who} Have somebody stand in."
    return [Remedy("Cover", text, people, f"{reverse('board')}?state=soon", "Who is away soon")]


def _hours(first: Fallen, members: Sequence[Fallen], known: _Known) -> list[Remedy]:
    text = "The policy asks only reps who are at work: let it ask everybody, or shift working hours."
    return [Remedy("Policy", text, (), reverse("policies"), "Policies")]


def _turned_down(first: Fallen, members: Sequence[Fallen], known: _Known) -> list[Remedy]:
    text = "They missed, declined or passed it. A person may still give it to them; see why they declined."
    return [Remedy("Ask", text, (), reverse("queue"), "Routing Queue")]


def _experiment(first: Fallen, members: Sequence[Fallen], known: _Known) -> list[Remedy]:
    text = "The arm’s part of the reps does not cover these. They end with the experiment."
    return [Remedy("Experiment", text, (), reverse("experiments"), "Experiments")]


def _hire(members: Sequence[Fallen], known: _Known, whom: str) -> Remedy:
    """By Little's law: what is open at a time is what comes in a week times the weeks that it stays open."""
    if len(members) < FEW:
        return Remedy("Hire", f"{len(members)} in these days: too few to hire for.")
    a_week = len(members) / known.chosen.weeks
    if known.open_days is None or not known.usual_max:
        text = f"{a_week:.1f} of these come in a week; nothing has been closed yet, so nobody knows how long they last."
        return Remedy("Hire", text)
    slots = a_week * known.open_days / 7
    reps = math.ceil(slots / known.usual_max)
    more = whom if reps == 1 else f"{reps} such reps"
    text = (
        f"{a_week:.1f} of these come in a week and stay open for {known.open_days:.0f} days: about "
        f"{max(slots, 0.1):.1f} at a time, where a rep carries {known.usual_max:.0f}. That is "
        f"{max(slots / known.usual_max, 0.01):.2g} of a rep: {more}."
    )
    return Remedy("Hire", text)


def _people(members: Sequence[Fallen], known: _Known) -> tuple[Person, ...]:
    """Of those whom the reader may see, the ones who lack it for most of them."""
    often = Counter(rep for one in members for rep in one.lacking if rep in known.reps)
    ranked = sorted(often.items(), key=lambda pair: (-pair[1], known.reps[pair[0]].load, pair[0]))
    return tuple(Person(known.reps[rep], number) for rep, number in ranked[:NAMED])


def _names(people: Sequence[Person]) -> str:
    return listed([person.rep.name for person in people])


def _to_rule(rule_id: int | None) -> tuple[str, str]:
    return reverse(RULES) + (f"#look-rule-{rule_id}" if rule_id else ""), "Routing Rules"
