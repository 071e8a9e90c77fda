"""Who is looked for, an erasure with its confirmation, and how long what is kept."""

from typing import Any

from django import forms

from crm.models import Account
from privacy.models import RetentionSettings
from privacy.queries.people import Subject
from reps.forms.records import RecordForm


class FindForm(forms.Form):
    q = forms.CharField(required=False, max_length=200, label="Name, email or phone")


class EraseForm(forms.Form):
    reason = forms.CharField(
        max_length=200,
        label="Why",
        help_text="Kept with the erasure, such as “letter of 3 March”. It must not say who it was.",
    )
    with_account = forms.BooleanField(required=False)
    confirmation = forms.CharField(
        max_length=60, label="Confirm", widget=forms.TextInput(attrs={"autocomplete": "off"})
    )

    def __init__(self, *args: Any, subject: Subject, account: Account | None, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.subject = subject
        self.wanted = f"{subject.kind.value} {subject.pk}"
        self.fields["confirmation"].help_text = f"Type “{self.wanted}”."
        if account is None:
            del self.fields["with_account"]
        else:
            self.fields["with_account"].label = f"The account “{account}” too: it is only this person"

    def clean_confirmation(self) -> str:
        typed = " ".join(str(self.cleaned_data["confirmation"]).split())
        if typed.casefold() != self.wanted:
            raise forms.ValidationError(f"This is not “{self.wanted}”.")
        return typed

    def clean_reason(self) -> str:
        """It stays; whoever is erased must not stay with it."""
        reason = str(self.cleaned_data["reason"])
        pattern = self.subject.identity.pattern_beside
        if pattern is not None and pattern.search(reason):
            raise forms.ValidationError("It says who it was. Say it without the name.")
        return reason


class RetentionForm(RecordForm):
    marks_optional = False
    groups = (
        ("People", ("contacts_months",)),
        ("What comes in and goes out", ("import_files_days", "messages_days", "receipts_days")),
        ("Sign-in and audit log", ("refusals_days", "addresses_months")),
    )

    class Meta:
        model = RetentionSettings
        fields = (
            "contacts_months", "import_files_days", "messages_days", "receipts_days", "refusals_days",
            "addresses_months",
        )  # fmt: skip
