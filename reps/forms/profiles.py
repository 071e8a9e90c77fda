"""Forms of rep profiles: standing and limits, expertise, role templates, certifications."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any

from django import forms
from django.core.validators import MinValueValidator
from django.forms import BaseFormSet, formset_factory

from reps.engine.completeness import FIELDS, SELLING_STYLE
from reps.engine.holidays import countries, subdivisions
from reps.forms.people import TimeZoneField
from reps.forms.records import RecordForm
from reps.models import CertificationDepth, Rep, RoleTemplate, Skill, Team, User
from reps.models.profile import WEEKDAYS, is_clock
from reps.services.profiles import Tag

SPAN = re.compile(r"^\s*(\d{1,2}):?(\d{2})?\s*[-–]\s*(\d{1,2}):?(\d{2})?\s*$")
LONGEST_NIGHT_HOURS = 12  # “17-9” is rather a slip than a night shift
DAY_NAMES = dict(
    zip(WEEKDAYS, ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"), strict=True)
)


def spans_from(text: str, day: str) -> list[list[str]]:
    """“9-12, 13:00-17:30” as [["09:00", "12:00"], ["13:00", "17:30"]]. Raises ValidationError."""
    spans = []
    for part in filter(str.strip, text.split(",")):
        found = SPAN.match(part)
        if not found:
            raise forms.ValidationError(f"{day}: write hours as 9:00-17:00, several with a comma between.")
        hour, minute, to_hour, to_minute = (int(number or 0) for number in found.groups())
        span = [f"{hour:02}:{minute:02}", f"{to_hour:02}:{to_minute:02}"]
        if not all(map(is_clock, span)) or span[0] == span[1] or span[0] == "24:00":
            raise forms.ValidationError(
                f"{day}: hours go from 0:00 to 24:00; 22:00-6:00 ends the next morning."
            )
        if (to_hour - hour) % 24 > LONGEST_NIGHT_HOURS and span[1] < span[0]:
            raise forms.ValidationError(
                f"{day}: the hours must run from earlier to later; over midnight, {LONGEST_NIGHT_HOURS} hours at most."
            )
        spans.append(span)
    return spans


class RepForm(RecordForm):
    """Who the rep is, team, limits, standing. A manager offers only the own teams."""

    time_zone = TimeZoneField()
    country = forms.ChoiceField(required=False, label="Public holidays of")
    subdivision = forms.CharField(required=False, label="State or region", widget=forms.Select)
    groups = (
        ("Person", ("name", "email", "user", "external_id")),
        ("Place in the organisation", ("team", "role_template", "seniority", "tier", "tier_source")),
        (
            "Limits",
            (
                "own_max_open",
                "own_max_new_per_week",
                "own_max_new_per_day",
                "own_max_pipeline_value",
                "turn_weight",
            ),
        ),
        ("Working time", ("time_zone", "country", "subdivision", *(f"hours_{day}" for day in WEEKDAYS))),
    )

    marks_optional = False
    paired = frozenset({"Person", "Place in the organisation", "Limits", "Working time"})

    class Meta:
        model = Rep
        fields = (
            "name", "email", "user", "external_id", "team", "role_template", "seniority", "tier", "tier_source",
            "own_max_open", "own_max_new_per_week", "own_max_new_per_day", "own_max_pipeline_value", "turn_weight",
            "time_zone", "country", "subdivision",
        )  # fmt: skip
        labels = {
            "user": "Signs in as",
            "external_id": "ID in your other systems",
            "own_max_open": "Maximum concurrent deals",
            "own_max_new_per_week": "Maximum new per week",
            "own_max_new_per_day": "Comfortable new per day",
            "own_max_pipeline_value": "Maximum pipeline value",
            "turn_weight": "Share of turns",
            "tier_source": "Tier is",
        }
        help_texts = {
            "turn_weight": "Weight in the round-robin: 100 is one turn, 50 every other one.",
            "tier_source": "Set by hand it stays; by win rate it is looked at every night, with its evidence.",
        }

    def __init__(self, *args: Any, teams: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["team"].queryset = teams  # type: ignore[attr-defined]
        free = User.objects.filter(is_active=True, rep__isnull=True)
        mine = User.objects.filter(rep=self.instance) if self.instance.pk else User.objects.none()
        self.fields["user"].queryset = (free | mine).order_by("name")  # type: ignore[attr-defined]
        self.offer_countries()
        for day, spans in ((day, self.instance.working_hours.get(day, [])) for day in WEEKDAYS):
            self.fields[f"hours_{day}"] = forms.CharField(
                required=False, label=DAY_NAMES[day], initial=", ".join("-".join(span) for span in spans)
            )
        self.fields[
            "hours_mon"
        ].help_text = (
            "9:00-17:00, or 9:00-12:00, 13:00-17:00; 22:00-6:00 ends the next morning. Empty: a day off."
        )
        if self.instance.pk and self.instance.role_template_id:
            self.say_template_limits(self.instance.role_template)

    def offer_countries(self) -> None:
        """Countries by name; what was stored before and is none stays to be chosen, and says so."""
        stored = self.instance.country
        unknown = (
            [(stored, f"{stored} (not a country that we know)")] if stored not in ("", *countries()) else []
        )
        choices = [("", "None"), *unknown, *countries().items()]
        self.fields["country"].choices = choices  # type: ignore[attr-defined]
        parts = subdivisions((self.data.get("country") if self.is_bound else stored) or "")
        self.fields["subdivision"].widget.choices = [("", "All of it"), *parts.items()]
        self.fields[
            "subdivision"
        ].help_text = "Of the country above; save after changing it, then choose here."

    def clean_subdivision(self) -> str:
        """One of another country, left over from before, is none."""
        chosen = str(self.cleaned_data["subdivision"])
        return chosen if chosen in subdivisions(str(self.cleaned_data.get("country", ""))) else ""

    def say_template_limits(self, template: RoleTemplate) -> None:
        for name in ("max_open", "max_new_per_week", "max_new_per_day", "max_pipeline_value"):
            value = getattr(template, name)
            shown = "no limit" if value is None else f"{value:,}"
            self.fields[f"own_{name}"].help_text = f"Empty: {shown}, from {template.name}."

    def clean_external_id(self) -> str | None:
        return self.cleaned_data["external_id"] or None

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        hours = {}
        for day in WEEKDAYS:
            try:
                hours[day] = spans_from(cleaned.get(f"hours_{day}", ""), DAY_NAMES[day])
            except forms.ValidationError as error:
                self.add_error(f"hours_{day}", error)
        self.instance.working_hours = hours
        if "tier" in self.changed_data and "tier_source" not in self.changed_data:
            self.instance.tier_source = Rep.TierSource.HAND
        return cleaned


class ExpertiseForm(RecordForm):
    """The profile fields that are not lists of tags."""

    class Meta:
        model = Rep
        fields = ("deal_size_min", "deal_size_max", "selling_style")
        labels = {"deal_size_min": "Best deals from", "deal_size_max": "up to"}
        help_texts = {
            "deal_size_min": "Empty: there is no lower end.",
            "deal_size_max": "Empty: there is no upper end. 50,000 to 250,000 holds both of its ends.",
            "selling_style": FIELDS[SELLING_STYLE].does,
        }

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        for name in ("deal_size_min", "deal_size_max"):
            field = self.fields[name]
            field.min_value = 0  # type: ignore[attr-defined]
            field.widget.attrs.update({"min": 0, "step": "any"})
            field.validators.append(MinValueValidator(0, "A deal size is not negative."))

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        least, most = cleaned.get("deal_size_min"), cleaned.get("deal_size_max")
        if least is not None and most is not None and least > most:
            self.add_error("deal_size_max", f"The range begins at {least:,.0f}: this must not be less.")
        return cleaned


class TagForm(forms.Form):
    name = forms.CharField(
        required=False,
        max_length=120,
        label="Name",
        error_messages={"max_length": "A name has at most 120 characters; this one has %(show_value)s."},
    )
    proficiency = forms.TypedChoiceField(
        choices=Skill.Proficiency.choices, coerce=int, initial=Skill.Proficiency.SOLID, label="Proficiency"
    )
    valid_until = forms.DateField(
        required=False,
        widget=forms.DateInput(attrs={"type": "date"}),
        label="Valid until",
        error_messages={"invalid": "Write the last day as 2027-06-30."},
    )
    remove = forms.BooleanField(required=False, label="Remove")

    def __init__(
        self, *args: Any, kind: str, today: date, evidence: dict[str, str] | None = None, **kwargs: Any
    ) -> None:
        super().__init__(*args, **kwargs)
        self.today = today
        self.fields["name"].widget.attrs.update({"list": f"names-{kind}", "autocomplete": "off"})
        if kind != Skill.Kind.CERTIFICATION:
            del self.fields["valid_until"]
        name = str(self.initial.get("name", ""))
        self.evidence = (evidence or {}).get(name, "stated" if name else "")

    def clean_valid_until(self) -> date | None:
        """One that has expired meanwhile stays as it is; a day that is typed now must not be over."""
        day: date | None = self.cleaned_data["valid_until"]
        if day is not None and day < self.today and "valid_until" in self.changed_data:
            raise forms.ValidationError(
                f"{day:%-d %B %Y} is over: an expired certification does not count. Correct the day, or leave it out."
            )
        return day

    def clean(self) -> dict[str, Any]:
        cleaned = super().clean() or {}
        if cleaned.get("valid_until") and not cleaned.get("name", "").strip() and not cleaned.get("remove"):
            self.add_error("name", "Which certification is valid until then?")
        return cleaned


MOST_TAGS = 200
TagFormSet = formset_factory(TagForm, extra=1, max_num=MOST_TAGS, validate_max=True)


class TagForms:
    """The tags of one rep: a formset for each kind, in the order of the profile. `skills` are those to begin with."""

    def __init__(self, skills: Iterable[Skill], *, today: date, data: Any = None) -> None:
        self.sets: dict[str, BaseFormSet[TagForm]] = {}
        skills = sorted(skills, key=lambda skill: skill.name.casefold())
        for kind in Skill.Kind:
            held = [skill for skill in skills if skill.kind == kind]
            evidence = {
                s.name: f"won {s.evidence_won} of {s.evidence_closed}" for s in held if s.evidence_closed
            }
            self.sets[kind] = TagFormSet(
                data,
                prefix=kind,
                initial=[
                    {"name": s.name, "proficiency": s.proficiency, "valid_until": s.valid_until} for s in held
                ],
                form_kwargs={"kind": kind, "evidence": evidence, "today": today},
                error_messages={
                    "too_many_forms": f"At most {MOST_TAGS} names of one kind: that is a list, no profile."
                },
            )

    def __iter__(self) -> Any:
        """(kind, its formset, what the field does, what is wrong with the set as a whole)."""
        return iter(
            [
                (Skill.Kind(kind), formset, FIELDS[kind], self._wrong_as_a_whole(formset))
                for kind, formset in self.sets.items()
            ]
        )

    @staticmethod
    def _wrong_as_a_whole(formset: "BaseFormSet[TagForm]") -> list[str]:
        return [str(error) for error in formset.non_form_errors()] if formset.is_bound else []

    def is_valid(self) -> bool:
        answers = [
            formset.is_valid() for formset in self.sets.values()
        ]  # each one, so that each shows its errors
        return all(answers)

    def wrong(self) -> list[tuple[str, str]]:
        """(id of the field, sentence) of every error, for the summary."""
        found = []
        for kind, formset in self.sets.items():
            label = Skill.Kind(kind).label
            found += [(f"kind-{kind}", f"{label}: {text}") for text in self._wrong_as_a_whole(formset)]
            for form in formset:
                for bound in form:
                    found += [
                        (bound.id_for_label, f"{label}, {bound.value() or bound.label}: {text}")
                        for text in bound.errors
                    ]
        return found

    def _stated(self) -> Iterator[Tag]:
        for kind, formset in self.sets.items():
            for form in formset:
                cleaned = form.cleaned_data
                name = " ".join(cleaned.get("name", "").split())
                if name and not cleaned.get("remove"):
                    yield Tag(kind, name, cleaned["proficiency"], cleaned.get("valid_until"))

    def tags(self) -> list[Tag]:
        """What is left after removals and blanks; a name stated twice counts once, as first stated."""
        found: dict[tuple[str, str], Tag] = {}
        for tag in self._stated():
            found.setdefault((tag.kind, tag.name.lower()), tag)
        return list(found.values())

    def repeated(self) -> list[str]:
        """Names that were stated more than once, in whatever case."""
        counted = Counter((tag.kind, tag.name.lower()) for tag in self._stated())
        return [tag.name for tag in self.tags() if counted[tag.kind, tag.name.lower()] > 1]


class RepFilter(forms.Form):
    q = forms.CharField(required=False, label="Search")
    team = forms.ModelChoiceField(Team.objects.none(), required=False, empty_label="Any team")
    tier = forms.ChoiceField(required=False, choices=[("", "Any tier"), *Rep.Tier.choices])
    state = forms.ChoiceField(
        required=False, choices=[("", "Here"), ("away", "Away now"), ("left", "Left")], label="State"
    )
    profile = forms.ChoiceField(
        required=False,
        label="Profile",
        choices=[
            ("", "Any profile"),
            ("incomplete", "Something important missing"),
            ("due", "Review due"),
            ("proposed", "Changes proposed"),
        ],
    )
    order = forms.ChoiceField(
        required=False, label="Order", choices=[("", "By name"), ("complete", "Least complete first")]
    )

    def __init__(self, data: Any, *, teams: Any) -> None:
        super().__init__(data)
        self.fields["team"].queryset = teams  # type: ignore[attr-defined]


class RoleTemplateForm(RecordForm):
    settled_by_service = frozenset({"is_default"})

    class Meta:
        model = RoleTemplate
        fields = (
            "name",
            "max_open",
            "max_new_per_week",
            "max_new_per_day",
            "max_pipeline_value",
            "is_default",
        )
        labels = {
            "max_pipeline_value": "Maximum pipeline value",
            "is_default": "Used for new reps",
        }


class CertificationDepthForm(RecordForm):
    class Meta:
        model = CertificationDepth
        fields = ("certification", "depth")
        labels = {"depth": "Technical depth"}
        help_texts = {"depth": "1 knows the basics, 5 leads complex technical sales."}
