"""Forms of the model page."""

from django import forms

from routing.engine.levels import CATEGORIES
from routing.models import ModelSettings, ModelVersion
from routing.queries.model_segments import CATEGORIES as SEGMENTS
from routing.queries.model_segments import ORDERS, Search
from routing.queries.model_words import CATEGORY_WORDS


class ModelSettingsForm(forms.ModelForm):
    """How the next model is trained."""

    left_out = forms.MultipleChoiceField(
        label="Must not be inputs",
        required=False,
        choices=[(name, CATEGORY_WORDS[name]) for name in (*CATEGORIES, "value")],
        widget=forms.CheckboxSelectMultiple,
        help_text="Left out of the next model: what is known only after a deal closed, or must not count.",
    )
    marks_optional = False
    conflict = None

    class Meta:
        model = ModelSettings
        fields = ("months", "override_weight", "tag_trust", "left_out")
        labels = {
            "months": "Months of deals",
            "override_weight": "Weight of a rejected suggestion",
            "tag_trust": "Trust in declared tags",
        }
        help_texts = {
            "months": "How far back won and lost deals are learned from, 3 to 60. Newer ones count more in "
            "any case.",
            "override_weight": (
                "A suggestion that was rejected because it did not fit counts as so much of a lost deal "
                "until its "
                "outcome is known: 0 not at all, 1 in full."
            ),
            "tag_trust": (
                "How much declared skills are believed before any deal: 1 as shipped, 0 not at all, 3 "
                "three times as much."
            ),
        }

    @property
    def sections(self) -> list[tuple[str, list[forms.BoundField], bool]]:
        return [("", [self[name] for name in self.Meta.fields], False)]

    def clean_left_out(self) -> list[str]:
        """What is not offered here (own fields, set by a command) stays as it is."""
        offered = {name for name, _ in self.fields["left_out"].choices}  # type: ignore[attr-defined]
        kept = [name for name in self.initial.get("left_out", []) if name not in offered]
        return [*self.cleaned_data["left_out"], *kept]


class RollBackForm(forms.Form):
    note = forms.CharField(label="Why", max_length=300, required=False)


def model_label(version: ModelVersion) -> str:
    kind = "rules" if version.kind == ModelVersion.Kind.RULES else version.get_state_display().lower()
    return f"Model {version.number} ({kind})"


ORDER_CHOICES = [
    (sign + key, f"{name}, {ends[sign == '-']}")
    for key, name in ORDERS.items()
    for ends in [("from A", "from Z") if key in ("rep", "segment") else ("lowest first", "highest first")]
    for sign in ("", "-")
]


class SegmentFilter(forms.Form):
    """What the address may say of the table. What is malformed is ignored."""

    category = forms.ChoiceField(
        label="Kind of segment",
        required=False,
        choices=[(name if name != "rep" else "", CATEGORY_WORDS[name]) for name in SEGMENTS],
    )
    q = forms.CharField(label="Search", required=False, max_length=100)
    order = forms.ChoiceField(
        label="Order", required=False, choices=[("", "Most deals first"), *ORDER_CHOICES]
    )
    page = forms.IntegerField(required=False, min_value=1, max_value=100_000)

    def search(self) -> Search:
        self.is_valid()
        chosen = self.cleaned_data
        category = chosen.get("category") or "rep"
        order = chosen.get("order") or "-deals"
        if category == "rep" and order.removeprefix("-") == "segment":
            order = "-deals"
        return Search(category, chosen.get("q", ""), order, chosen.get("page") or 1)
