"""Named accounts: what the list is narrowed by, which accounts are chosen, what is to happen to them."""

import datetime
from collections.abc import Mapping
from typing import Any

from django import forms
from django.http import QueryDict

from crm.models import AccountTransfer
from reps.models import Rep, Team, User
from reps.permissions import may
from routing.forms.queue import reps_to_give_to, with_load
from routing.queries.account_transfers import Kind, Selection, Terms
from territories.queries.named_accounts import NamedSearch, Offered

STATES = (
    ("", "Any state"),
    ("away", "Owner is away"),
    ("left", "Owner has left"),
    ("planned", "Transfer planned"),
    ("none", "Without an owner"),
)
FURTHEST = datetime.timedelta(days=3 * 366)
CARRIED = ("q", "owner", "team", "state", "industry", "country")


class RepChoice(forms.ModelChoiceField):
    def label_from_instance(self, rep: Any) -> str:
        return with_load(rep)


class RepChoices(forms.ModelMultipleChoiceField):
    def label_from_instance(self, rep: Any) -> str:
        return with_load(rep)


class NamedFilter(forms.Form):
    q = forms.CharField(required=False, max_length=200)
    owner = forms.ModelChoiceField(Rep.objects.none(), required=False, empty_label="Any owner")
    team = forms.ModelChoiceField(Team.objects.none(), required=False, empty_label="Any team")
    state = forms.ChoiceField(required=False, choices=STATES)
    industry = forms.CharField(required=False, max_length=120, label="Industry")
    country = forms.CharField(required=False, max_length=60, label="Country")

    def __init__(self, data: Any, *, teams: Any, offered: Offered | None = None) -> None:
        super().__init__(data)
        self.fields["team"].queryset = teams  # type: ignore[attr-defined]
        owner = self.fields["owner"]
        owner.queryset = Rep.objects.all()  # type: ignore[attr-defined]
        if offered is None:
            return
        owner.choices = [("", "Any owner"), *((rep.pk, rep_words(rep)) for rep in offered.owners)]  # type: ignore[attr-defined]
        for name, words in (("industry", offered.industries), ("country", offered.countries)):
            choices = [("", f"Any {name}"), *((word, word) for word in words)]
            self.fields[name].widget = forms.Select(choices=choices)

    def search(self) -> NamedSearch:
        """What is well formed of it; `is_valid` says whether that is all."""
        self.is_valid()
        chosen = self.cleaned_data
        owner, team = chosen.get("owner"), chosen.get("team")
        return NamedSearch(
            words=chosen.get("q", ""),
            owner_id=owner.pk if owner else None,
            team_id=team.pk if team else None,
            state=chosen.get("state", ""),
            industry=chosen.get("industry", ""),
            country=chosen.get("country", ""),
        )


def rep_words(rep: Rep) -> str:
    return f"{rep.name} (has left)" if rep.left_at else rep.name


class Chosen:
    """Which accounts the address or a form names: the ticked ones, or `all` that the filter of the list means."""

    def __init__(self, data: QueryDict, *, teams: Any, newest: int) -> None:
        self.data = data
        self.filters = NamedFilter(data, teams=teams)
        seen = data.get("seen", "")
        self.seen = int(seen) if is_id(seen) else newest
        self.ids = tuple(sorted({int(text) for text in data.getlist("account") if is_id(text)}))
        self.all = data.get("all") == "1"

    @property
    def selection(self) -> Selection | None:
        """None where nothing is selected, or a filter is not known: all that match would be more than was meant."""
        if self.all:
            search = self.filters.search()
            return Selection(search=search, seen=self.seen) if self.filters.is_valid() else None
        return Selection(ids=self.ids, seen=self.seen) if self.ids else None

    def carried(self) -> list[tuple[str, str]]:
        """The same selection as hidden inputs of the next form."""
        if self.all:
            chosen = [
                ("all", "1"),
                *((name, str(self.data[name])) for name in CARRIED if self.data.get(name)),
            ]
        else:
            chosen = [("account", str(pk)) for pk in self.ids]
        return [*chosen, ("seen", str(self.seen))]


def is_id(text: Any) -> bool:
    return isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 19


class TransferForm(forms.Form):
    """To whom, when, and whether open opportunities go along. A GET shows what would happen; the reason comes with
    the POST that does it."""

    kind = forms.ChoiceField(label="What", choices=AccountTransfer.Kind.choices, widget=forms.RadioSelect)
    rep = RepChoice(Rep.objects.none(), required=False, label="New owner", empty_label="Choose a rep")
    reps = RepChoices(Rep.objects.none(), required=False, label="Among", widget=forms.CheckboxSelectMultiple)
    balance = forms.ChoiceField(
        required=False, label="Everybody gets", choices=AccountTransfer.Balance.choices, initial="number"
    )
    effective_on = forms.DateField(
        required=False,
        label="From",
        widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d"),
    )
    moves_open = forms.BooleanField(
        required=False, label="The old owners’ open opportunities of these accounts go along"
    )

    def __init__(self, data: Any, *, user: User, today: datetime.date, zone: str, **kwargs: Any) -> None:
        super().__init__(data, **kwargs)
        self.today = today
        reps = reps_to_give_to(user)
        for name in ("rep", "reps"):
            self.fields[name].queryset = reps  # type: ignore[attr-defined]
        day = self.fields["effective_on"]
        day.help_text = (
            f"Empty: now. A later day: from its beginning in the organisation’s time zone ({zone})."
        )
        day.widget.attrs["min"] = (today + datetime.timedelta(days=1)).isoformat()
        self.fields[
            "moves_open"
        ].help_text = "They stay with the old owner otherwise. Locked ones stay in any case."
        if not may(user, "reassign"):
            del self.fields["moves_open"]

    def clean_effective_on(self) -> datetime.date | None:
        day: datetime.date | None = self.cleaned_data["effective_on"]
        check_day(day, self.today)
        return day

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        kind = values.get("kind")
        if kind == Kind.GIVE and not values.get("rep") and "rep" not in self.errors:
            self.add_error("rep", "Choose who gets them.")
        if kind == Kind.SHARE and "reps" not in self.errors and len(values.get("reps") or ()) < 2:
            self.add_error("reps", "Choose two reps or more.")
        return values

    def terms(self) -> Terms:
        values = self.cleaned_data
        kind = values["kind"]
        chosen = {Kind.GIVE: [values["rep"]], Kind.SHARE: values["reps"], Kind.RELEASE: []}[Kind(kind)]
        return Terms(
            kind=kind,
            rep_ids=tuple(sorted(rep.pk for rep in chosen)),
            balance=values["balance"] or AccountTransfer.Balance.NUMBER,
            effective_on=values["effective_on"],
            moves_open=values.get("moves_open", False) and kind != Kind.RELEASE,
        )

    def carried(self) -> list[tuple[str, str]]:
        """The same terms as hidden inputs of the form that confirms them."""
        terms = self.terms()
        rep_name = "rep" if terms.kind == Kind.GIVE else "reps"
        values = [("kind", terms.kind), *((rep_name, str(pk)) for pk in terms.rep_ids)]
        if terms.kind == Kind.SHARE:
            values.append(("balance", terms.balance))
        if terms.effective_on:
            values.append(("effective_on", terms.effective_on.isoformat()))
        return [*values, ("moves_open", "on")] if terms.moves_open else values


def check_day(day: datetime.date | None, today: datetime.date) -> None:
    if day is not None and day <= today:
        raise forms.ValidationError("Choose a day after today, or leave it empty for now.")
    if day is not None and day > today + FURTHEST:
        raise forms.ValidationError("Choose a day within three years.")


class ConfirmForm(forms.Form):
    """Why, and what was shown."""

    reason = forms.CharField(
        max_length=200, label="Reason", help_text="A few words, kept in the history of each account."
    )
    digest = forms.CharField(widget=forms.HiddenInput, required=False, max_length=64)


class PlannedForm(forms.Form):
    """What of a planned transfer can be changed."""

    rep = RepChoice(Rep.objects.none(), label="New owner", empty_label="Choose a rep")
    effective_on = forms.DateField(
        label="From", widget=forms.DateInput(attrs={"type": "date"}, format="%Y-%m-%d")
    )
    reason = forms.CharField(max_length=200, label="Reason")
    moves_open = forms.BooleanField(
        required=False, label="The old owners’ open opportunities of these accounts go along"
    )

    def __init__(self, data: Any, *, user: User, transfer: AccountTransfer, today: datetime.date) -> None:
        to = transfer.items.values_list("to_rep", flat=True).first() if transfer.kind == Kind.GIVE else None
        initial = {
            "rep": to,
            "effective_on": transfer.effective_on,
            "reason": transfer.reason,
            "moves_open": transfer.moves_open,
        }
        super().__init__(data, initial=initial)
        self.today = today
        self.fields["rep"].queryset = reps_to_give_to(user)  # type: ignore[attr-defined]
        self.fields["effective_on"].widget.attrs["min"] = (today + datetime.timedelta(days=1)).isoformat()
        if transfer.kind != Kind.GIVE:
            del self.fields["rep"]
        if transfer.kind == Kind.RELEASE:
            del self.fields["moves_open"]

    def clean_effective_on(self) -> datetime.date:
        day: datetime.date = self.cleaned_data["effective_on"]
        check_day(day, self.today)
        return day

    def changes(self) -> Mapping[str, Any]:
        values = self.cleaned_data
        return {
            "rep": values.get("rep"),
            "effective_on": values["effective_on"],
            "reason": values["reason"],
            "moves_open": values.get("moves_open", False),
        }
