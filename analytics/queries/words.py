"""Numbers of analytics in words."""

from analytics.engine.shares import Share
from reps.engine.money import NBSP

MINUTE, HOUR, DAY = 60, 3600, 86_400


def duration(seconds: float | None) -> str:
    """`45 s`, `3.2 min`, `5.2 h`, `3 days`."""
    if seconds is None:
        return "–"
    for unit, name, until in ((1, "s", MINUTE), (MINUTE, "min", HOUR), (HOUR, "h", 3 * DAY)):
        if seconds < until:
            value = seconds / unit
            return f"{value:.0f}{NBSP}{name}" if value >= 10 or unit == 1 else f"{value:.1f}{NBSP}{name}"
    return f"{seconds / DAY:.0f}{NBSP}days"


def percent(share: float | None, decimals: int = 0) -> str:
    return "–" if share is None else f"{100 * share:.{decimals}f}{NBSP}%"


def points(difference: float) -> str:
    """`+3.1 points`."""
    return f"{100 * difference:+.1f}{NBSP}points".replace("-", "−")


def of_cases(share: Share) -> str:
    """`41 % of 120 (33 to 50)`."""
    if share.value is None or share.low is None or share.high is None:
        return "none yet"
    return f"{percent(share.value)} of {share.known:,} ({100 * share.low:.0f} to {100 * share.high:.0f})"
