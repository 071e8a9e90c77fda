"""The form of an experiment's draft, and those of what is done to one that runs."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms

from experiments.models import Experiment
from experiments.services.editing import ExperimentRefused
from reps.models import User
from routing.forms.conditions import ConditionRecordForm
from routing.queries.experiment_plan import free_part, versions_for_experiments
from routing.queries.experiment_words import GUARDRAILS, SECONDARIES

KINDS = Experiment.Strategy
OWN = "own"
SPLITS = {
    "50": "50 / 50",
    "20": "80 / 20: 20 % in treatment",
    "80": "20 / 80: 80 % in treatment",
    "10": "90 / 10: for safety only",
    OWN: "Another one",
}
HOLD_OUT_MOST = 50  # per cent: its part of the opportunities is twice as large
# The service's field → the form's.
BLAMED = {"treatment": "treatment_kind", "split": "split_choice", "layer_to": "layer_to_pct"}


class ExperimentForm(ConditionRecordForm):
    """A draft. Strategies, split and part of the opportunities are asked for as people say them."""

    control_kind = forms.ChoiceField(label="Control", choices=KINDS.choices, help_text="How it is done now.")
    control_version = forms.ChoiceField(label="Control’s version", required=False)
    treatment_kind = forms.ChoiceField(
        label="Treatment", choices=KINDS.choices, help_text="What may be better."
    )
    treatment_version = forms.ChoiceField(label="Treatment’s version", required=False)
    split_choice = forms.ChoiceField(label="Split", choices=list(SPLITS.items()), help_text="Control first.")
    split_own = forms.IntegerField(
        label="Treatment’s own share",
        required=False,
        min_value=1,
        max_value=99,
        help_text="For “another one”.",
    )
    secondaries = forms.MultipleChoiceField(
        label="Secondary metrics",
        choices=list(SECONDARIES.items()),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Read once, at the end. Deal sizes are the values of won opportunities; satisfaction scores come by "
        "the API or a file.",
    )
    guardrails = forms.MultipleChoiceField(
        label="Guardrails",
        choices=list(GUARDRAILS.items()),
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Where treatment is surely worse in one of these, everything goes back to control by itself.",
    )
    hold_out_pct = forms.IntegerField(
        label="Share kept on control",
        required=False,
        min_value=1,
        max_value=HOLD_OUT_MOST,
        help_text="Of all its opportunities; as many are compared with them.",
    )
    layer_from_pct = forms.FloatField(label="From", required=False, min_value=0, max_value=100)
    layer_to_pct = forms.FloatField(label="To", required=False, min_value=0, max_value=100)
    wanted_points = forms.FloatField(
        label="Difference worth finding",
        required=False,
        min_value=0.1,
        max_value=99,
        help_text="For the calculator only: it says how long that would take. Not of deal velocity.",
    )

    class Meta:
        model = Experiment
        fields = (
            "name", "hypothesis", "condition", "design", "metric", "horizon_days", "touch_minutes", "duration_weeks",
            "ramp", "is_hold_out",
        )  # fmt: skip
        labels: ClassVar[dict[str, str]] = {
            "metric": "Primary metric",
            "horizon_days": "A win counts within",
            "touch_minutes": "A first touch counts within",
            "duration_weeks": "Duration",
            "ramp": "Rollout",
            "is_hold_out": "Permanent hold-out",
        }
        help_texts: ClassVar[dict[str, str]] = {
            "hypothesis": "What you expect, and why. It is shown with the result.",
            "metric": "It alone decides. Time to first touch is compared as the share touched in time.",
            "horizon_days": "Nine of ten past wins should come within it.",
            "touch_minutes": "For the metric and for the guardrail.",
            "duration_weeks": "At least 4 weeks are recommended. The last opportunities then have to grow as old as a "
            "win takes.",
            "ramp": "10 % for safety first, then 50, 90 and 100 %. Each step has a gate.",
            "is_hold_out": "Predictive routing stays, a share is kept on control for ever, and the lift can be read at "
            "any time. No rollout, no end.",
        }

    def __init__(self, *args: Any, user: User, **kwargs: Any) -> None:
        super().__init__(*args, user=user, **kwargs)
        self.fields["condition"].label = "Of which opportunities"
        self.fields["duration_weeks"] = forms.IntegerField(
            label="Duration", min_value=1, max_value=104, help_text=self.Meta.help_texts["duration_weeks"]
        )
        for name, most in (("horizon_days", 730), ("touch_minutes", 60 * 24 * 30)):
            self.fields[name].validators += [_between(1, most)]
        versions = versions_for_experiments()
        for name in ("control_version", "treatment_version"):
            self.fields[name].choices = [("", "none"), *versions]  # type: ignore[attr-defined]
        for name in ("layer_from_pct", "layer_to_pct", "wanted_points"):
            self.fields[name].widget.attrs |= {"step": "any"}
        self._start_from(self.instance)

    def _start_from(self, stored: Experiment) -> None:
        if stored.pk:
            for arm in ("control", "treatment"):
                strategy = getattr(stored, arm)
                self.initial[f"{arm}_kind"] = strategy["kind"]
                self.initial[f"{arm}_version"] = str(strategy.get("version") or "")
            pct = str(round(100 * stored.split))
            self.initial["split_choice"] = pct if pct in SPLITS else OWN
            self.initial["split_own"] = None if pct in SPLITS else int(pct)
            self.initial.update({"secondaries": stored.secondaries, "guardrails": stored.guardrails})
            low, high = stored.layer_from, stored.layer_to
            if stored.is_hold_out:
                self.initial["hold_out_pct"] = round(50 * (high - low))
        else:
            low, high = free_part()
            stored.layer_from, stored.layer_to = low, high
            self.initial.update({
                "control_kind": KINDS.ROUND_ROBIN, "treatment_kind": KINDS.PREDICTIVE, "split_choice": "50",
                "guardrails": list(GUARDRAILS), "hold_out_pct": 5,
            })  # fmt: skip
        self.initial.update({"layer_from_pct": f"{100 * low:g}", "layer_to_pct": f"{100 * high:g}"})

    # --- checking --------------------------------------------------------------------------------------------------

    def clean(self) -> dict[str, Any]:
        values: dict[str, Any] = super().clean() or {}
        for arm in ("control", "treatment"):
            if values.get(f"{arm}_kind") == KINDS.VERSION and not values.get(f"{arm}_version"):
                self.add_error(f"{arm}_version", "Choose the version.")
        if values.get("split_choice") == OWN and values.get("split_own") is None:
            self.add_error("split_own", "Say treatment’s share, from 1 to 99.")
        if values.get("is_hold_out"):
            self._check_hold_out(values)
        elif "layer_from_pct" in values and "layer_to_pct" in values:
            low, high = _filled(values["layer_from_pct"], 0), _filled(values["layer_to_pct"], 100)
            if not low < high:
                self.add_error("layer_to_pct", "More than where it begins.")
        return values

    def _check_hold_out(self, values: dict[str, Any]) -> None:
        share, low = values.get("hold_out_pct"), _filled(values.get("layer_from_pct"), 0)
        if share is None and "hold_out_pct" not in self.errors:
            self.add_error("hold_out_pct", "Say which share is kept on control.")
        elif share is not None and low + 2 * share > 100:
            self.add_error("hold_out_pct", f"Twice the share has to fit above {low:g} %.")

    def _post_clean(self) -> None:
        super()._post_clean()  # type: ignore[misc]  # not in the stubs
        for name, value in self.values.items():
            setattr(self.instance, name, value)

    # --- what the service takes ------------------------------------------------------------------------------------

    @property
    def values(self) -> dict[str, Any]:
        """Of the fields that are right so far: the calculator reads them before all are."""
        typed = self.cleaned_data
        found: dict[str, Any] = {
            name: typed[name] for name in (*self.Meta.fields, "secondaries", "guardrails") if name in typed
        }
        for arm in ("control", "treatment"):
            if f"{arm}_kind" in typed:
                found[arm] = _strategy(typed[f"{arm}_kind"], typed.get(f"{arm}_version"))
        choice = typed.get("split_choice")
        own = typed.get("split_own") if choice == OWN else choice
        if own:
            found["split"] = int(own) / 100
        return found | self._part(typed)

    def _part(self, typed: Mapping[str, Any]) -> dict[str, float]:
        """Its part of the opportunities; a hold-out's is twice the share that it keeps, halved between the arms."""
        low = _filled(typed.get("layer_from_pct"), 0) / 100
        if typed.get("is_hold_out") and typed.get("hold_out_pct"):
            return {"layer_from": low, "layer_to": min(low + typed["hold_out_pct"] / 50, 1.0), "split": 0.5}
        return {"layer_from": low, "layer_to": _filled(typed.get("layer_to_pct"), 100) / 100}

    @property
    def wanted(self) -> float | None:
        """The difference that the calculator is asked about, as a share."""
        points = self.cleaned_data.get("wanted_points") if self.is_bound else None
        return points / 100 if points else None

    def refuse_as(self, refusal: ExperimentRefused) -> None:
        name = BLAMED.get(refusal.field, refusal.field)
        self.add_error(name if name in self.fields else None, str(refusal))


def _between(low: int, high: int) -> Any:
    def check(value: int) -> None:
        if not low <= value <= high:
            raise forms.ValidationError(f"From {low} to {high:,}.")

    return check


def _filled(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value


def _strategy(kind: str, version: str | None) -> dict[str, Any]:
    if kind == KINDS.VERSION and version:
        return {"kind": kind, "version": int(version)}
    return {"kind": kind}


class ReasonForm(forms.Form):
    """Why something is done; the service says whether it has to be said. `named` as the page knows the form."""

    reason = forms.CharField(
        label="Reason",
        required=False,
        max_length=500,
        widget=forms.Textarea(attrs={"rows": 2}),
        help_text="It is kept in the experiment’s history.",
    )

    def __init__(
        self, data: Mapping[str, Any] | None = None, *, named: str, initial: dict[str, Any] | None = None
    ) -> None:
        super().__init__(data, initial=initial, auto_id=f"{named}_%s")
        self.named = named

    def refuse_as(self, refusal: ExperimentRefused) -> None:
        self.add_error(refusal.field if refusal.field in self.fields else None, str(refusal))


class SplitForm(ReasonForm):
    split_pct = forms.IntegerField(label="Treatment’s share", min_value=1, max_value=99)
    field_order = ("split_pct", "reason")
