"""What is asked of a backtest: days, a configuration, a model, one policy changed."""

import datetime
import zoneinfo
from typing import Any

from django import forms
from django.utils import timezone

from analytics.engine.variation import PolicyChange
from analytics.queries.backtests import (
    DRAFT,
    LIVE,
    MOST_DAYS,
    configurations,
    policy_names,
    proposed_days,
)
from analytics.services.backtests import Question
from reps.queries import organisation
from routing.forms.models import model_label
from routing.forms.policies import CHAINS
from routing.models import Policy
from routing.queries.configuration import live_version
from routing.queries.models import model_versions

VERSIONS_OFFERED = 50
AS_IT_IS = "As it is"
EXPLORES_AT_MOST = 50


class BacktestForm(forms.Form):
    first = forms.DateField(label="From", widget=forms.DateInput(attrs={"type": "date"}))
    last = forms.DateField(label="Until", widget=forms.DateInput(attrs={"type": "date"}))
    configuration = forms.ChoiceField(label="Configuration")
    model = forms.TypedChoiceField(label="Model", coerce=int, empty_value=None, required=False)
    policy = forms.ChoiceField(
        label="With one policy changed",
        required=False,
        help_text="Only what you fill in below is other than in that configuration.",
    )
    application = forms.ChoiceField(
        label="What its decisions do",
        required=False,
        choices=[("", AS_IT_IS), *Policy.Application.choices],
    )
    threshold = forms.FloatField(
        label="Confident from a match score of", required=False, min_value=0, max_value=100
    )
    explores = forms.FloatField(
        label="Share that explores, in per cent",
        required=False,
        min_value=0,
        max_value=EXPLORES_AT_MOST,
    )
    chain = forms.ChoiceField(
        label="If nobody is confident enough, or nobody has room",
        required=False,
        choices=[("", AS_IT_IS), *((key, words) for key, (_, words) in CHAINS.items())],
    )
    marks_optional = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["first"].initial, self.fields["last"].initial = proposed_days(_today())
        self._offer("configuration", _configurations())
        models = [(version.number, model_label(version)) for version in model_versions()]
        self._offer("model", [("", "The one that decides"), *models])
        self._offer("policy", [("", "None"), *((name, name) for name in policy_names())])

    def _offer(self, name: str, choices: list[tuple[Any, str]]) -> None:
        self.fields[name].choices = choices  # type: ignore[attr-defined]

    @property
    def days(self) -> list[forms.BoundField]:
        return [self["first"], self["last"]]

    @property
    def tried(self) -> list[forms.BoundField]:
        return [self["configuration"], self["model"], self["policy"]]

    @property
    def changed(self) -> list[forms.BoundField]:
        return [self[name] for name in ("application", "threshold", "explores", "chain")]

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        first, last = values.get("first"), values.get("last")
        if first and last and first > last:
            self.add_error("last", "The last day lies before the first.")
        if first and last and (last - first).days >= MOST_DAYS:
            self.add_error("first", "A year at most is played at once.")
        self._clean_change(values)
        is_other = values.get("model") or values.get("policy") or values.get("configuration") != LIVE
        if not self.errors and not is_other:
            self.add_error("configuration", "That is what is live. Choose something to hold against it.")
        return values

    def _clean_change(self, values: dict[str, Any]) -> None:
        changes = self._changes(values)
        if values.get("policy") and not changes and not self.errors:
            self.add_error("policy", "Say below what is changed in it.")
        if changes and not values.get("policy") and "policy" not in self.errors:
            self.add_error("policy", "Choose the policy that is changed.")

    @staticmethod
    def _changes(values: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = {}
        if values.get("application"):
            found["application"] = values["application"]
        if values.get("threshold") is not None:
            found["threshold"] = values["threshold"]
        if values.get("explores") is not None:
            found["exploration_share"] = values["explores"] / 100
        if values.get("chain"):
            found["fallback"] = [*CHAINS[values["chain"]][0], Policy.Fallback.HOLD.value]
        return found

    def question(self) -> Question:
        """What was asked, of a valid form."""
        values = self.cleaned_data
        changes = self._changes(values)
        return Question(
            first=values["first"],
            last=values["last"],
            configuration=values["configuration"],
            model=values["model"],
            change=PolicyChange(values["policy"], changes) if changes else None,
        )


def _today() -> datetime.date:
    """Where the organisation is."""
    return timezone.localdate(timezone=zoneinfo.ZoneInfo(organisation().time_zone))


def _configurations() -> list[tuple[str, str]]:
    live = live_version().number
    named = [(DRAFT, "The draft, as it is now"), (LIVE, f"What is live (version {live})")]
    return [
        *named,
        *((str(number), words) for number, words in configurations(VERSIONS_OFFERED) if number != live),
    ]
