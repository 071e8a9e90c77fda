"""The forms of a policy and of the capacity settings."""

from collections.abc import Sequence
from typing import Any, ClassVar

from django import forms

from reps.forms.people import TimeZoneField, time_zones
from reps.forms.records import RecordForm
from reps.models import User
from reps.queries import organisation
from routing.forms.conditions import NEW_CONDITION, ConditionRecordForm
from routing.models import CapacitySettings, Policy
from routing.services.policies import refusals
from routing.services.presets import PRESETS, Preset

ROUND_ROBIN, MANAGER = Policy.Fallback.ROUND_ROBIN, Policy.Fallback.MANAGER
CHAINS: dict[str, tuple[tuple[str, ...], str]] = {
    "turns-manager": ((ROUND_ROBIN, MANAGER), "Round-robin within the team, else to the manager, else hold"),
    "turns": ((ROUND_ROBIN,), "Round-robin within the team, else hold"),
    "manager": ((MANAGER,), "To the manager, else hold"),
    "manager-turns": ((MANAGER, ROUND_ROBIN), "To the manager, else round-robin within the team, else hold"),
    "hold": ((), "Hold in the queue"),
}


class TimesField(forms.CharField):
    """Times of day, such as "09:00, 14:30"; kept as a sorted list."""

    def prepare_value(self, value: Any) -> Any:
        return ", ".join(value) if isinstance(value, list) else value

    def to_python(self, value: Any) -> Any:
        found = set()
        for part in str(value or "").replace(";", ",").split(","):
            if not (text := part.strip()):
                continue
            hour, _, minute = text.partition(":")
            if not (hour + minute).isascii() or not hour.isdigit() or (minute or "00") not in MINUTES:
                raise forms.ValidationError(f"“{text}” is no time of day: write it as 09:00 or 14:30.")
            if int(hour[:4]) > 23 or len(hour) > 2:
                raise forms.ValidationError(f"“{text}” is no time of day: hours go from 0 to 23.")
            found.add(f"{int(hour):02}:{minute or '00'}")
        return sorted(found)


MINUTES = {f"{minute:02}" for minute in range(60)}


class PolicyForm(ConditionRecordForm):
    batch_times = TimesField(
        label="Times of day",
        required=False,
        help_text="Such as 09:00, 14:30. Not asked where it runs every hour.",
        max_length=200,
    )
    batch_time_zone = TimeZoneField(label="In the time zone of", required=False)
    chain = forms.ChoiceField(
        label="If nobody is confident enough, or nobody has room",
        choices=[(key, label) for key, (_, label) in CHAINS.items()],
    )

    class Meta:
        model = Policy
        fields = (
            "name", "condition", "mode", "application", "threshold", "language", "needs_working_now",
            "prefers_ready", "first_touch_target_minutes", "exploration_share", "exploration_within",
            "batch_cadence", "batch_times", "batch_time_zone", "batch_weekdays_only", "batch_expiry_hours",
            "batch_objective", "batch_confirms",
            "clock_in_working_hours", "clock_remind_pct", "clock_escalates", "clock_reroute_after_minutes",
            "clock_takes_named_accounts", "accept_within_minutes", "accept_unanswered", "is_active",
        )  # fmt: skip
        labels: ClassVar[dict[str, str]] = {
            "mode": "When it is decided",
            "application": "What the decision does",
            "threshold": "Confident from a match score of",
            "needs_working_now": "Only reps within their working hours",
            "prefers_ready": "Who works now and has room comes first",
            "batch_cadence": "How often",
            "batch_weekdays_only": "From Monday to Friday only",
            "batch_expiry_hours": "Unconfirmed suggestions expire after",
            "batch_objective": "It makes the most of",
            "batch_confirms": "Then they are confirmed instead",
            "first_touch_target_minutes": "First touch within",
            "clock_in_working_hours": "Count the rep’s working hours only",
            "clock_remind_pct": "Remind the rep after",
            "clock_escalates": "Tell the manager when it is missed",
            "clock_reroute_after_minutes": "Give it to somebody else when it is late by",
            "clock_takes_named_accounts": "Named accounts and repeats too",
            "accept_within_minutes": "The rep accepts, declines or passes within",
            "accept_unanswered": "If there is no answer",
            "exploration_share": "Share that explores",
            "exploration_within": "Within so many points of the best",
            "is_active": "Active",
        }
        help_texts: ClassVar[dict[str, str]] = {
            "needs_working_now": "",
            "application": "Suggest: a person confirms it in the queue. Assign: the rep gets it without that. Decide "
            "and log only: a person chooses without seeing the router’s choice, and both are compared.",
            "prefers_ready": "For what needs a quick answer. Where nobody of them is confident, everybody is asked.",
            "batch_weekdays_only": "",
            "batch_expiry_hours": "Then they wait for the next batch. Empty: they stay.",
            "batch_confirms": "What nobody looked over by then goes to whom it was proposed for.",
            "threshold": "0 to 100; 50 is as good as the average rep who could have it. It is not asked where a named "
            "account or a rule has named the rep.",
            "first_touch_target_minutes": "Until the first call, email or meeting. The queue and the analytics measure "
            "against it; empty: no target.",
            "clock_in_working_hours": "It stands still at night, on days off and while the rep is away. Not ticked: it "
            "runs all the time. Who has no working hours is measured by the clock on the wall.",
            "clock_remind_pct": "Of the time for the first touch; empty: no reminder.",
            "clock_escalates": "Of what a person gave as well.",
            "clock_reroute_after_minutes": "Only what automation gave, and never back to whoever missed it. 0: as soon "
            "as it is late; empty: it stays.",
            "clock_takes_named_accounts": "Otherwise they stay with their owner, whatever the clock says.",
            "accept_within_minutes": "Who declines or passes is not offered it again; empty: not asked.",
            "accept_unanswered": "",
        }

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, user=user, **kwargs)
        if not self.instance.pk:
            self.initial["condition"] = NEW_CONDITION
        stored = tuple(kind for kind in self.instance.fallback if kind != Policy.Fallback.HOLD)
        known = {chain: key for key, (chain, _) in CHAINS.items()}
        chain = known.get(stored, "hold") if self.instance.pk else "turns-manager"
        self.initial.setdefault("chain", chain)
        self.fields["exploration_share"].widget.attrs |= {"step": "any"}
        self.fields["batch_cadence"].required = False
        self.fields["batch_objective"].required = False
        self.fields["accept_unanswered"].required = False
        zone = organisation().time_zone
        self.fields["batch_time_zone"].widget.choices = [
            ("", f"the organisation ({zone})"),
            *time_zones(),
        ]
        if not self.instance.pk and not self.instance.batch_times:
            self.initial["batch_times"] = ["09:00", "14:00"]

    @property
    def presets(self) -> Sequence[Preset]:
        """What a new one may start from instead."""
        return () if self.instance.pk else PRESETS

    def clean_batch_cadence(self) -> str:
        """Not asked where the policy decides at once."""
        return self.cleaned_data["batch_cadence"] or self.instance.batch_cadence

    def clean_batch_objective(self) -> str:
        return self.cleaned_data["batch_objective"] or self.instance.batch_objective

    def clean_accept_unanswered(self) -> str:
        return self.cleaned_data["accept_unanswered"] or self.instance.accept_unanswered

    def clean_first_touch_target_minutes(self) -> int | None:
        return self._at_least_a_minute("first_touch_target_minutes")

    def clean_accept_within_minutes(self) -> int | None:
        return self._at_least_a_minute("accept_within_minutes")

    def _at_least_a_minute(self, name: str) -> int | None:
        minutes: int | None = self.cleaned_data[name]
        if minutes == 0:
            raise forms.ValidationError("At least a minute, or empty for none.")
        return minutes

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]  # not in the stubs
        if "chain" in self.cleaned_data:
            self.instance.fallback = [*CHAINS[self.cleaned_data["chain"]][0], Policy.Fallback.HOLD]
        if "condition" in self.cleaned_data:
            self.refuse(refusals(self.instance))


class CapacityForm(RecordForm):
    settled_by_service = frozenset(
        {"available_up_to_pct", "near_up_to_pct", "at_up_to_pct", "high_match_score", "high_match_top_share"}
    )  # `clean` says in words what the constraints hold
    marks_optional = False
    groups = (
        ("Bands of the load", ("available_up_to_pct", "near_up_to_pct", "at_up_to_pct")),
        ("Who is near capacity gets only high matches", ("high_match_score", "high_match_top_share")),
        (
            "What lowers priority",
            (
                "near_capacity_penalty",
                "assigned_today_penalty",
                "pipeline_penalty",
                "absence_ahead_penalty",
                "absence_horizon_hours",
            ),
        ),
    )
    paired = frozenset({"Bands of the load", "What lowers priority"})

    class Meta:
        model = CapacitySettings
        fields = (
            "available_up_to_pct", "near_up_to_pct", "at_up_to_pct", "high_match_score", "high_match_top_share",
            "near_capacity_penalty", "assigned_today_penalty", "pipeline_penalty", "absence_ahead_penalty",
            "absence_horizon_hours",
        )  # fmt: skip
        labels: ClassVar[dict[str, str]] = {
            "available_up_to_pct": "Available up to (%)",
            "near_up_to_pct": "Near capacity up to (%)",
            "at_up_to_pct": "At capacity up to (%)",
            "high_match_score": "High is a match score from",
            "high_match_top_share": "Or: the best share of recent matches",
            "near_capacity_penalty": "Near capacity",
            "assigned_today_penalty": "Each one beyond a comfortable day",
            "pipeline_penalty": "Twice the peers’ pipeline value",
            "absence_ahead_penalty": "Absence ahead",
            "absence_horizon_hours": "An absence counts so many hours ahead",
        }
        help_texts: ClassVar[dict[str, str]] = {
            "at_up_to_pct": "Above it a rep is over capacity: excluded, and flagged to the manager.",
            "high_match_top_share": "Such as 0.3 for the best 30 % of the last 90 days; empty: the fixed score counts.",
            "near_capacity_penalty": "In log-odds: 0.3 is about 7 points of match score.",
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in self.fields:
            self.fields[name].widget.attrs |= {"step": "any"}

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        bounds = [values.get(name) for name in ("available_up_to_pct", "near_up_to_pct", "at_up_to_pct")]
        low, middle, high = bounds
        if low is not None and low <= 0:
            self.add_error("available_up_to_pct", "More than 0 %.")
        if low is not None and middle is not None and middle <= low:
            self.add_error("near_up_to_pct", f"More than the {low:g} % up to which a rep is available.")
        if middle is not None and high is not None and high <= middle:
            self.add_error("at_up_to_pct", f"More than the {middle:g} % up to which a rep is near capacity.")
        if high is not None and high > 100:
            self.add_error(
                "at_up_to_pct", "At most 100 %: above the maximum nobody gets anything automatically."
            )
        score, share = values.get("high_match_score"), values.get("high_match_top_share")
        if score is not None and not 0 <= score <= 100:
            self.add_error("high_match_score", "A match score lies between 0 and 100.")
        if share is not None and not 0 < share < 1:
            self.add_error("high_match_top_share", "A share between 0 and 1, such as 0.3.")
        for name in (
            "near_capacity_penalty",
            "assigned_today_penalty",
            "pipeline_penalty",
            "absence_ahead_penalty",
        ):
            if values.get(name) is not None and not 0 <= values[name] <= 5:
                self.add_error(name, "Between 0 (no penalty) and 5.")
        hours = values.get("absence_horizon_hours")
        if hours is not None and not 0 <= hours <= 24 * 60:
            self.add_error("absence_horizon_hours", "Between 0 and 1,440 hours (60 days).")
        return values
