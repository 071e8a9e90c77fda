"""What becomes of the work of somebody who leaves."""

from typing import Any

from django import forms

from reps.models import Rep, User
from routing.forms.queue import reps_to_give_to, with_load
from routing.queries.account_transfers import Kind
from routing.queries.departures import GIVE, ROUTE, SHARE, Choices, Ties

OPPORTUNITIES = [
    (ROUTE, "Decide each anew, as if it came today"),
    (GIVE, "Give all to one rep"),
    (SHARE, "Share out evenly"),
]
ACCOUNTS = [
    (Kind.GIVE.value, "Give all to one rep"),
    (Kind.SHARE.value, "Share out evenly"),
    (Kind.RELEASE.value, "Without an owner from now on"),
]


class TakesOver(forms.ModelChoiceField):
    """One of those here, with what they carry."""

    def __init__(self, label: str, empty_label: str, help_text: str = "") -> None:
        super().__init__(
            Rep.objects.none(), required=False, label=label, empty_label=empty_label, help_text=help_text
        )

    def label_from_instance(self, obj: Any) -> str:
        return with_load(obj)


class DepartureForm(forms.Form):
    """Asks only what there is something of."""

    opportunities = forms.ChoiceField(
        choices=OPPORTUNITIES, widget=forms.RadioSelect, label="Open opportunities", initial=ROUTE
    )
    opportunities_to = TakesOver("To", "Choose a rep")
    locked_to = TakesOver(
        "Locked ones go to", "Choose a rep", "Automation never moves them; they stay locked."
    )
    accounts = forms.ChoiceField(choices=ACCOUNTS, widget=forms.RadioSelect, label="Named accounts")
    accounts_to = TakesOver("To", "Choose a rep")
    among = forms.ModelMultipleChoiceField(
        Rep.objects.none(), required=False, label="Share among", widget=forms.CheckboxSelectMultiple
    )
    rules_to = TakesOver("Rules name instead", "Nobody: routes to this rep are switched off")
    territories_to = TakesOver("Territories are covered by", "Nobody in this rep’s place")
    closes_sign_in = forms.BooleanField(required=False, initial=True, label="Close the sign-in")

    def __init__(self, data: Any, *, ties: Ties, user: User) -> None:
        super().__init__(data)
        self.ties = ties
        others = reps_to_give_to(user).exclude(pk=ties.rep.pk)
        for name in ("opportunities_to", "locked_to", "accounts_to", "rules_to", "territories_to"):
            self.fields[name].queryset = others  # type: ignore[attr-defined]
        colleagues = others.filter(team=ties.rep.team_id)
        self.fields["among"].queryset = colleagues if colleagues.count() > 1 else others  # type: ignore[attr-defined]
        self.fields["among"].label_from_instance = with_load  # type: ignore[attr-defined]
        for name in self._needless():
            del self.fields[name]

    def _needless(self) -> set[str]:
        needless = set()
        if not self.ties.leads:
            needless |= {"opportunities", "opportunities_to"}
        if not self.ties.locked:
            needless |= {"locked_to"}
        if not self.ties.account_ids:
            needless |= {"accounts", "accounts_to"}
        if not self.ties.leads and not self.ties.account_ids:
            needless |= {"among"}
        if not self.ties.routes:
            needless |= {"rules_to"}
        if not self.ties.territories:
            needless |= {"territories_to"}
        if self.ties.rep.user_id is None:
            needless |= {"closes_sign_in"}
        return needless

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        for kind, to in (("opportunities", "opportunities_to"), ("accounts", "accounts_to")):
            if values.get(kind) == GIVE and not values.get(to) and to not in self.errors:
                self.add_error(to, "Choose who gets them.")
        shares = SHARE in (values.get("opportunities"), values.get("accounts"))
        if shares and "among" not in self.errors and len(values.get("among") or ()) < 2:
            self.add_error("among", "Choose two reps or more.")
        routed = values.get("opportunities") == ROUTE
        if routed and self.ties.locked and not values.get("locked_to") and "locked_to" not in self.errors:
            self.add_error("locked_to", "Choose who gets the locked ones.")
        return values

    def choices(self) -> Choices:
        values = self.cleaned_data

        def pk(name: str, wanted: bool = True) -> int | None:
            rep = values.get(name) if wanted else None
            return None if rep is None else rep.pk

        how = values.get("opportunities", ROUTE)
        return Choices(
            opportunities=how,
            opportunities_to=pk("opportunities_to", how == GIVE),
            locked_to=pk("locked_to", how == ROUTE),
            among=tuple(sorted(rep.pk for rep in values.get("among") or ())),
            accounts=values.get("accounts") or Kind.RELEASE,
            accounts_to=pk("accounts_to", values.get("accounts") == Kind.GIVE),
            rules_to=pk("rules_to"),
            territories_to=pk("territories_to"),
            closes_sign_in=bool(values.get("closes_sign_in")),
        )


class ConfirmDepartureForm(forms.Form):
    """What was shown, and a word on why."""

    digest = forms.CharField(widget=forms.HiddenInput, required=False, max_length=64)
    reason = forms.CharField(required=False, max_length=200, label="Note", help_text="Kept in the history.")

    @property
    def said(self) -> dict[str, str]:
        """Both, "" where there is none; without the digest of what was shown nothing is done."""
        self.is_valid()
        return {name: self.cleaned_data.get(name, "") for name in self.fields}
