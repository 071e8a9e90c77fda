"""Forms of the suggested tags: what narrows the list, what was ticked, the settings."""

from collections.abc import Collection
from typing import Any

from django import forms
from django.db.models import QuerySet
from django.http import QueryDict

from reps.forms.records import RecordForm
from reps.models import Rep, Skill, TagReviewSettings, TagSuggestion, Team
from reps.queries.tags import SuggestionSearch

MOST_AT_ONCE = 200
State = TagSuggestion.State
KINDS = [(kind, label) for kind, label in TagSuggestion.KINDS if kind != Skill.Kind.CERTIFICATION]


class SuggestionFilter(forms.Form):
    """What the address may say of the list. What is malformed is ignored."""

    state = forms.ChoiceField(
        required=False,
        label="State",
        choices=[("", "To decide"), (State.APPROVED, "Approved"), (State.DISMISSED, "Dismissed")],
    )
    team = forms.ModelChoiceField(Team.objects.none(), required=False, empty_label="Any team")
    rep = forms.ModelChoiceField(Rep.objects.none(), required=False, empty_label="Any rep")
    kind = forms.ChoiceField(
        required=False, label="Kind of tag", choices=[("", "Any kind"), *KINDS]
    )  # fmt: skip
    action = forms.ChoiceField(
        required=False,
        label="Add or remove",
        choices=[("", "Add and remove"), ("add", "Tags to add"), ("remove", "Tags to remove")],
    )

    def __init__(self, data: Any, *, teams: QuerySet[Team], reps: QuerySet[Rep]) -> None:
        super().__init__(data)
        self.fields["team"].queryset = teams  # type: ignore[attr-defined]
        self.fields["rep"].queryset = reps  # type: ignore[attr-defined]

    def search(self) -> SuggestionSearch:
        self.is_valid()
        chosen = self.cleaned_data
        return SuggestionSearch(
            state=chosen.get("state") or State.OPEN,
            team=chosen.get("team"),
            rep=chosen.get("rep"),
            kind=chosen.get("kind", ""),
            action=chosen.get("action", ""),
        )


def ticked(values: Collection[str]) -> list[int]:
    """Ids among what was sent; anything else is no suggestion."""
    found = {int(text) for text in values if text.isascii() and text.isdigit() and len(text) <= 18}
    return sorted(found)[:MOST_AT_ONCE]


class DecisionForm(forms.Form):
    """Approve or dismiss: the one of the row whose button was pressed, or all that are ticked."""

    approve = forms.CharField(required=False)
    dismiss = forms.CharField(required=False)
    reason = forms.CharField(required=False, max_length=300)

    ALL = "ticked"

    def __init__(self, data: QueryDict) -> None:
        super().__init__(data)
        self.ticked = ticked(data.getlist("suggestion"))

    def answer(self) -> tuple[str, list[int]]:
        """("approve" or "dismiss" or "", the ids)."""
        self.is_valid()
        for answer in ("approve", "dismiss"):
            value = self.data.get(answer, "")
            if value == self.ALL:
                return answer, self.ticked
            if value:
                return answer, ticked([value])
        return "", []


class TagReviewSettingsForm(RecordForm):
    """When expertise is reviewed, and what counts as evidence."""

    groups = (
        ("When", ("months_between", "window_months")),
        (
            "What is enough to suggest a tag",
            ("least_wins", "least_language_wins", "least_lift", "plenty_wins", "false_share_pct"),
        ),
        (
            "What is enough to suggest removing one",
            (
                "stale_after_months",
                "least_deals_to_remove",
                "silent_after_months",
                "least_deals_while_silent",
            ),
        ),
        ("What was dismissed", ("dismissed_growth_pct", "dismissed_months")),
    )
    paired = frozenset(title for title, _ in groups)
    marks_optional = False

    class Meta:
        model = TagReviewSettings
        fields = (
            "months_between", "window_months", "least_wins", "least_language_wins", "least_lift", "plenty_wins",
            "false_share_pct", "stale_after_months", "least_deals_to_remove", "silent_after_months",
            "least_deals_while_silent", "dismissed_growth_pct", "dismissed_months",
        )  # fmt: skip
        labels = {
            "months_between": "Reviewed by the calendar",
            "window_months": "Months of deals",
            "least_wins": "Fewest wins",
            "least_language_wins": "Fewest wins in a language",
            "least_lift": "Times as many wins as by chance",
            "plenty_wins": "Plenty of wins",
            "false_share_pct": "Suggestions that may be chance, in per cent",
            "stale_after_months": "Months a tag is left alone",
            "least_deals_to_remove": "Fewest deals that speak against a tag",
            "silent_after_months": "Months without a win",
            "least_deals_while_silent": "Fewest other deals meanwhile",
            "dismissed_growth_pct": "More evidence needed, in per cent",
            "dismissed_months": "Months a dismissal holds",
        }
        help_texts = {
            "months_between": "In the first night of the period, or the next with a worker. Managers may ask too.",
            "window_months": "How far back deals count as evidence, here and beside each tag of a profile.",
            "least_wins": "With fewer wins a tag is never suggested, however good they look.",
            "least_language_wins": "The same for languages, of which there are fewer deals.",
            "least_lift": "A tag is suggested from so many times the wins that chance would give: 1.2 is a fifth more.",
            "plenty_wins": "From so many wins a pair is also judged by itself, whatever else was looked at.",
            "false_share_pct": "The share of all suggestions that may be luck. Lower means fewer and surer ones.",
            "stale_after_months": "A tag that somebody gave is not questioned before it has had so long.",
            "least_deals_to_remove": "So many deals must be closed before winning too few counts against a tag.",
            "silent_after_months": "A tag without a win for so long is suggested for removal.",
            "least_deals_while_silent": "But only if the rep closed so many other deals in that time.",
            "dismissed_growth_pct": "Dismissed ones come back with so much more evidence: 50 is half as much again.",
            "dismissed_months": "Or after so many months, if the deals still speak for it.",
        }
