"""Policies to start from: the specification's six scenarios, what is urgent, and the two usual exceptions.

The scenarios are shipped to a new organisation, all suggesting; any of them starts a new policy with one click.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from crm.models import Opportunity, Term
from crm.models.words import WordKind
from routing.models import Policy

TURNS = (Policy.Fallback.ROUND_ROBIN, Policy.Fallback.MANAGER, Policy.Fallback.HOLD)
TO_MANAGER = (Policy.Fallback.MANAGER, Policy.Fallback.HOLD)
SMALL = ["1-49", "50-199"]
INBOUND = ["Demo request", "Website form", "Chat"]
LARGE = {"field": "value", "op": "over", "value": 100_000}
TWICE_ON_WEEKDAYS = {
    "mode": Policy.Mode.BATCH,
    "batch_cadence": Policy.Cadence.TWICE_DAILY,
    "batch_times": ["09:00", "14:00"],
    "batch_expiry_hours": 48,
    "first_touch_target_minutes": 240,
}
DAILY_ON_WEEKDAYS = TWICE_ON_WEEKDAYS | {"batch_cadence": Policy.Cadence.DAILY, "batch_times": ["09:00"]}


@dataclass(frozen=True)
class Preset:
    """`sources`: the lead sources that its condition names."""

    key: str
    name: str
    values: Mapping[str, Any]
    sources: tuple[str, ...] = ()
    is_shipped: bool = field(default=False, kw_only=True)

    @property
    def is_exception(self) -> bool:
        """Whether it is meant to be asked before the scenarios."""
        return not self.is_shipped

    def policy(self, **changes: Any) -> Policy:
        """A policy with these values, not saved."""
        return Policy(**{"name": self.name, "fallback": list(TURNS), **self.values} | changes)


def _scenario(key: str, name: str, source: str, values: Mapping[str, Any]) -> Preset:
    condition = {"field": "source", "op": "is", "value": source}
    return Preset(key, name, {"condition": condition, **values}, (source,), is_shipped=True)


URGENT = Preset(
    "near-term-urgency",
    "Near-term urgency",
    {
        "condition": {"field": "urgency", "op": "is", "value": Opportunity.Urgency.NOW},
        "prefers_ready": True,
        "threshold": 40,  # who is there now may be a little less of a fit than the average
        "first_touch_target_minutes": 15,
    },
    is_shipped=True,
)
PRESETS = (
    URGENT,
    _scenario("demo-requests", "Inbound demo requests", "Demo request", {"first_touch_target_minutes": 5}),
    _scenario("website-forms", "Website form fills", "Website form", {"first_touch_target_minutes": 5}),
    _scenario(
        "partner-referrals", "Partner referrals", "Partner referral", {"first_touch_target_minutes": 60}
    ),
    _scenario("trade-shows", "Trade show leads", "Event", TWICE_ON_WEEKDAYS),
    _scenario("outbound-lists", "Outbound lists", "Outbound", DAILY_ON_WEEKDAYS),
    _scenario("nurture-leads", "Recycled nurture leads", "Nurture", DAILY_ON_WEEKDAYS),
    Preset(
        "auto-assign-smb",
        "Auto-assign inbound SMB",
        {
            "condition": {
                "all": [
                    {"field": "source", "op": "in", "value": INBOUND},
                    {"field": "size_band", "op": "in", "value": SMALL},
                    {"none": [LARGE]},  # whichever of the two comes first
                ]
            },
            "application": Policy.Application.ASSIGN,
            "first_touch_target_minutes": 5,
        },
        tuple(INBOUND),
    ),
    Preset(
        "review-enterprise",
        "Review enterprise over $100K",
        {
            "condition": LARGE,
            "fallback": list(TO_MANAGER),
            "first_touch_target_minutes": 240,
        },
    ),
)
BY_KEY = {preset.key: preset for preset in PRESETS}


def shipped_policies() -> list[Policy]:
    """What a new organisation starts with, in order: everything is suggested, nothing assigned. Not saved."""
    policies = [preset.policy() for preset in PRESETS if preset.is_shipped]
    policies.append(Policy(name="Suggest everything", fallback=list(TURNS)))
    for position, policy in enumerate(policies, 1):
        policy.position = position
    return policies


def unknown_sources(preset: Preset) -> list[str]:
    """The sources of the preset that this organisation's vocabulary does not know; one query, or none."""
    if not preset.sources:
        return []
    terms = Term.objects.filter(kind=WordKind.SOURCE, is_known=True).values_list("name", flat=True)
    known = {name.casefold() for name in terms}
    return [source for source in preset.sources if source.casefold() not in known]
