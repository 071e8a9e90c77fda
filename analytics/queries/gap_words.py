"""What a gap is called."""

from analytics.engine.fall_through import Cause
from crm.models.accounts import SizeBand

# The missing thing is the segment, or a rule's condition is.
WHOLE = frozenset({Cause.LANGUAGE, Cause.TERRITORY, Cause.REQUIREMENT, Cause.RULE, Cause.EXPERIMENT})
# What a cause can only befall: the column whose value is what is missing.
SCOPES = {Cause.LANGUAGE: "language", Cause.TERRITORY: "territory", Cause.CONFIDENCE: "policy"}
OF = {
    Cause.LANGUAGE: "of those that ask for it",
    Cause.TERRITORY: "of those in it",
    Cause.CONFIDENCE: "of those of this policy",
}
TITLES = {
    Cause.TERRITORY: "Nobody covers {}",
    Cause.TURNED_DOWN: "Everybody had it before and did not take it",
    Cause.EXPERIMENT: "The arm of the experiment “{}” has nobody for it",
    Cause.LANGUAGE: "Nobody with room speaks {}",
    Cause.REQUIREMENT: "Nobody with room meets {}",
    Cause.RULE: "The rule “{}” leaves nobody with room",
    Cause.CONFIDENCE: "No match reaches the threshold of “{}”",
    Cause.HOURS: "Nobody was at work",
    Cause.AWAY: "Everybody was away",
    Cause.CAPACITY: "Everybody was full: {}",
}
SEGMENTS = {
    "industry": "industry", "size_band": "company size", "country": "country", "territory": "territory",
    "language": "language", "product": "product", "source": "source",
}  # fmt: skip


def title(cause: str, missing: str) -> str:
    return TITLES[Cause(cause)].format(missing)


def whole_words(cause: str) -> str:
    """Of what a share of this cause is one."""
    return OF.get(Cause(cause), "of all")


def segment_words(dimension: str, value: str) -> str:
    """`industry Healthcare`; "" for what lies in no segment."""
    if not dimension:
        return ""
    shown = dict(SizeBand.choices).get(value, value) if dimension == "size_band" else value
    return f"{SEGMENTS[dimension]} {shown}"
