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


def more_or_less(difference: float, low: float, high: float) -> str:
    """`3.1 points more (+0.2 to +6.0)`; where the interval holds nil it says that it could be nothing."""
    word = "more" if difference >= 0 else "less"
    interval = f"{100 * low:+.1f} to {100 * high:+.1f}".replace("-", "−")
    nil = ", could be nothing" if low <= 0 <= high else ""
    return f"{100 * abs(difference):.1f}{NBSP}points {word} ({interval}{nil})"


def of_cases(share: Share) -> str:
    """`41 % of 120 (33 to 50)`."""
    if share.value is None or share.low is None or share.high is None:
        return "none yet"
    return f"{percent(share.value)} of {share.known:,} ({100 * share.low:.0f} to {100 * share.high:.0f})"
