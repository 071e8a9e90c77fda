"""When is it reasonable that a policy assigns by itself? Four measures, each with its goal, and a verdict.

Goals: the specification asks for four to six weeks of suggestions first and an override rate below 15 %; a model may
decide with a calibration slope of 0.8 to 1.25 (docs/model.md); as many should be decided by the model as are approved.
A share of few cases is not judged: below `ENOUGH` cases it cannot be told, which is not the same as "no". The verdict
is on the shares as they are; their 95 % intervals (Wilson) are shown, so that a narrow pass is seen as one.
What it does not do: switch anything.
"""

from dataclasses import dataclass

from scipy import stats

from reps.engine.unavailable import Unavailable

WEEKS = 4
AGREEMENT, COVERAGE = 0.85, 0.85
SLOPE_FROM, SLOPE_TO = 0.8, 1.25
ENOUGH = 30


@dataclass(frozen=True)
class Record:
    """What happened under a policy while it suggested (or decided in shadow). `weeks`: in which it did; `judged`: that
    a person decided, `agreed`: unchanged; `chosen`: that were to be chosen, `by_model`: not by the fallback."""

    weeks: int = 0
    judged: int = 0
    agreed: int = 0
    chosen: int = 0
    by_model: int = 0

    def __add__(self, other: "Record") -> "Record":
        """Two policies together: their weeks overlap."""
        return Record(
            max(self.weeks, other.weeks),
            self.judged + other.judged,
            self.agreed + other.agreed,
            self.chosen + other.chosen,
            self.by_model + other.by_model,
        )


@dataclass(frozen=True)
class Measure:
    """`is_met`: None where it cannot be told. `falls_short` completes "Not yet, because …"."""

    label: str
    value: str
    goal: str
    cases: str
    is_met: bool | None
    falls_short: str


@dataclass(frozen=True)
class Readiness:
    """`sentence`: "Assigning by itself is reasonable." or "Not yet, because …"."""

    is_reasonable: bool
    sentence: str
    measures: tuple[Measure, ...]


def readiness(record: Record, slope: float | Unavailable) -> Readiness:
    """`slope`: of the model's calibration, as its training found it."""
    measures = (
        _weeks(record.weeks),
        _share("Approved unchanged", record.agreed, record.judged, AGREEMENT, "were approved unchanged"),
        _calibration(slope),
        _share("Decided by the model", record.by_model, record.chosen, COVERAGE, "were decided by the model"),
    )
    short = [measure.falls_short for measure in measures if not measure.is_met]
    sentence = f"Not yet, because {_joined(short)}." if short else "Assigning by itself is reasonable."
    return Readiness(not short, sentence, measures)


def _weeks(weeks: int) -> Measure:
    is_met = weeks >= WEEKS
    said = f"there {'is' if weeks == 1 else 'are'} {weeks} of {WEEKS} weeks of suggestions"
    value = f"{weeks} week{'' if weeks == 1 else 's'}"
    return Measure("Weeks of suggestions", value, f"{WEEKS} or more", "", is_met, "" if is_met else said)


def _share(label: str, hits: int, cases: int, goal: float, verb: str) -> Measure:
    wanted = f"{goal:.0%} or more"
    if cases < ENOUGH:
        number = f"{cases} case{'' if cases == 1 else 's'}" if cases else "no case"
        untold = f"there are too few cases to tell how many {verb} ({cases} of {ENOUGH})"
        return Measure(label, "cannot be told", wanted, f"{number} of at least {ENOUGH}", None, untold)
    interval = stats.binomtest(hits, cases).proportion_ci(method="wilson")
    value = f"{hits / cases:.0%} (95%: {interval.low:.0%} to {interval.high:.0%})"
    is_met = hits / cases >= goal
    short = "" if is_met else f"{hits / cases:.0%} {verb}, not {goal:.0%}"
    return Measure(label, value, wanted, f"{cases:,} cases", is_met, short)


def _calibration(slope: float | Unavailable) -> Measure:
    label, goal = "Calibration of the model", f"a slope of {SLOPE_FROM:g} to {SLOPE_TO:g}"
    if isinstance(slope, Unavailable):
        short = f"it cannot be told whether predicted wins come true: {slope.reason}"
        return Measure(label, "cannot be told", goal, slope.reason, None, short)
    is_met = SLOPE_FROM <= slope <= SLOPE_TO
    short = "" if is_met else "predicted wins are off: the slope of the calibration is " + f"{slope:.2f}"
    return Measure(label, f"{slope:.2f}", goal, "", is_met, short)


def _joined(reasons: list[str]) -> str:
    return reasons[0] if len(reasons) == 1 else f"{'; '.join(reasons[:-1])}; and {reasons[-1]}"
