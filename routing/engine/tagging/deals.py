"""What the inference of tags reads and what it proposes: closed deals, held tags, the settings."""

from collections.abc import Sequence
from dataclasses import dataclass

INDUSTRY, PRODUCT, COMPETITOR, LANGUAGE, DEAL_SIZE = KINDS = (
    "industry",
    "product",
    "competitor",
    "language",
    "deal size",
)
YEAR_DAYS = 365


@dataclass(frozen=True)
class ClosedDeal:
    """A deal that was won or lost by a rep. `value` in the base currency; "" and None where unknown."""

    rep_id: int
    won: bool
    closed_days_ago: float
    industry: str = ""
    product: str = ""
    competitors: tuple[str, ...] = ()
    language: str = ""
    value: float | None = None

    def values(self, kind: str) -> tuple[str, ...]:
        """The deal's values of a kind other than the deal size, as they are written."""
        if kind == COMPETITOR:
            return self.competitors
        text = {INDUSTRY: self.industry, PRODUCT: self.product, LANGUAGE: self.language}[kind]
        return (text,) if text else ()


@dataclass(frozen=True)
class HeldTag:
    """A tag that a rep has; of the deal size, `value` is not looked at: a rep has one range."""

    rep_id: int
    kind: str
    value: str
    held_days: float


@dataclass(frozen=True)
class TagSettings:
    """Thresholds.

    `false_share`: the share of suggestions that may be due to chance (Benjamini-Hochberg over all pairs).
    `least_wins`: fewer are never enough; languages are rarer. `plenty_wins`: from so many on a pair is
    also suggested by its own p of at most `plenty_p`, however many other pairs were looked at.
    `least_lift`: wins over wins expected. `level_sd`: how much reps' own levels differ, log-odds.
    """

    window_days: float = YEAR_DAYS
    least_wins: int = 4
    least_language_wins: int = 3
    plenty_wins: int = 15
    plenty_p: float = 0.001
    least_lift: float = 1.2
    false_share: float = 0.25
    level_sd: float = 0.5
    default_language: str = "English"
    stale_after_days: float = 180
    silent_after_days: float = 548
    least_deals_to_remove: int = 10
    least_deals_while_silent: int = 20

    def wins_needed(self, kind: str) -> int:
        return self.least_language_wins if kind == LANGUAGE else self.least_wins


@dataclass(frozen=True)
class Suggestion:
    """A tag to give. `expected`: wins by chance. `low`, `high`: the range of a deal size, None for an open end."""

    rep_id: int
    kind: str
    value: str
    wins: int
    deals: int
    expected: float
    p_value: float
    q_value: float
    sentence: str
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class Removal:
    """A tag to take away. `reason`: "worse than chance", "no win" or "no deal"; p and q where a test said so."""

    rep_id: int
    kind: str
    value: str
    reason: str
    wins: int
    deals: int
    expected: float | None
    p_value: float | None
    sentence: str


@dataclass(frozen=True)
class TagProposals:
    """Both lists, strongest evidence first, and how many pairs were looked at."""

    suggestions: Sequence[Suggestion]
    removals: Sequence[Removal]
    pairs: int
