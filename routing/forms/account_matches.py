"""The choice of a lead's account: one of those offered, or another by its name."""

from typing import Any

from django import forms

from crm.forms.records import AccountNameField
from crm.models import Account, AccountMatch
from reps.models import User


class AnotherAccountForm(forms.Form):
    """`candidate` is the id of an account that was offered for the match; else `account` names one that the user may
    see. `account` of the clean values is the record."""

    candidate = forms.IntegerField(required=False, widget=forms.HiddenInput)
    account = AccountNameField(required=False, label="Another account")

    def __init__(self, data: Any = None, *, user: User, match: AccountMatch | None = None) -> None:
        super().__init__(data, auto_id=False)
        self.match = match
        self.fields["account"].user = user  # type: ignore[attr-defined]
        self.fields["account"].widget.attrs["hx-swap"] = "innerHTML"  # not the form's, which swaps nothing

    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        wanted = values.get("candidate")
        if wanted and self.match is not None:
            offered = {one["account_id"] for one in self.match.candidates}
            values["account"] = Account.objects.filter(pk=wanted).first() if wanted in offered else None
            if values["account"] is None:
                self.add_error("account", "That account is not here any more.")
        elif not values.get("account") and "account" not in self.errors:
            self.add_error("account", "Name the account.")
        return values
