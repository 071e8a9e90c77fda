"""Reps, as the CRM or the directory knows them."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.db import transaction
from django.db.models import QuerySet
from django.utils import timezone
from rest_framework import serializers

from reps.api.records import ExternalId, RecordViewSet, StrictSerializer, with_values
from reps.engine.holidays import country_code
from reps.models import Rep, RoleTemplate, Skill, Team, User
from reps.queries import reps_visible_to
from reps.queries.profiles import profile_pct
from reps.services.profiles import Tag, save_expertise, save_rep

WRITABLE = (
    "name",
    "external_id",
    "email",
    "team",
    "role_template",
    "seniority",
    "selling_style",
    "deal_size_min",
    "deal_size_max",
    "own_max_open",
    "own_max_new_per_week",
    "own_max_new_per_day",
    "own_max_pipeline_value",
    "time_zone",
    "country",
)


class ByName(serializers.SlugRelatedField[Any]):
    """A team or role template by its name."""

    def __init__(self, queryset: QuerySet[Any]) -> None:
        super().__init__(slug_field="name", queryset=queryset, required=False)


class SkillInput(StrictSerializer):
    kind = serializers.ChoiceField(Skill.Kind.choices)
    name = serializers.CharField(max_length=120)
    proficiency = serializers.ChoiceField(Skill.Proficiency.choices, required=False)
    valid_until = serializers.DateField(required=False, allow_null=True)


class RepInput(StrictSerializer, serializers.ModelSerializer[Rep]):
    """`skills`, where given, replaces all tags. A team or role template that is left out is the default one."""

    external_id = ExternalId()
    team: ByName = ByName(Team.objects.all())
    role_template: ByName = ByName(RoleTemplate.objects.all())
    skills = SkillInput(many=True, required=False)

    class Meta:
        model = Rep
        fields = (*WRITABLE, "skills")

    def validate_country(self, value: str) -> str:
        code = country_code(value)
        if value.strip() and not code:
            raise serializers.ValidationError(
                "This names no country whose holidays are known; use a code such as DE."
            )
        return code

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        low = attrs.get("deal_size_min", getattr(self.instance, "deal_size_min", None))
        high = attrs.get("deal_size_max", getattr(self.instance, "deal_size_max", None))
        if low is not None and high is not None and low > high:
            raise serializers.ValidationError({"deal_size_max": ["The upper bound is below the lower one."]})
        return attrs


class SkillOutput(serializers.ModelSerializer[Skill]):
    class Meta:
        model = Skill
        fields = ("kind", "name", "proficiency", "valid_until", "evidence_won", "evidence_closed")


class RepOutput(serializers.ModelSerializer[Rep]):
    team: Any = serializers.SlugRelatedField(slug_field="name", read_only=True)
    role_template: Any = serializers.SlugRelatedField(slug_field="name", read_only=True)
    skills = SkillOutput(many=True, read_only=True)
    load_pct = serializers.FloatField(read_only=True)
    completeness_pct = serializers.SerializerMethodField(
        help_text="0 to 100: how much of the profile is filled."
    )

    class Meta:
        model = Rep
        fields = (
            "id",
            *WRITABLE,
            "left_at",
            "tier",
            "technical_depth",
            "load",
            "pending",
            "load_pct",
            "completeness_pct",
            "reviewed_at",
            "skills",
        )

    def get_completeness_pct(self, rep: Rep) -> int:
        return profile_pct(rep, today=timezone.localdate())


class RepViewSet(RecordViewSet):
    """The people whom opportunities are assigned to."""

    serializer_class = RepOutput
    input_class = RepInput
    permission_by_method: ClassVar[Mapping[str, str]] = {
        "GET": "see_people",
        "POST": "edit_teams",
        "PATCH": "edit_profiles",
        "PUT": "edit_teams",
    }

    def visible_to(self, user: User) -> QuerySet[Rep]:
        return reps_visible_to(user).prefetch_related("skills")

    @transaction.atomic
    def save(self, values: Mapping[str, Any], record: Rep | None) -> Rep:
        rep = record or Rep(
            team=Team.objects.order_by("-is_default", "pk").first(),
            role_template=RoleTemplate.objects.order_by("-is_default", "pk").first(),
        )
        own = {name: value for name, value in values.items() if name != "skills"}
        rep = save_rep(rep=with_values(rep, own), by=self.user)
        if "skills" in values:
            tags = [
                Tag(
                    item["kind"],
                    item["name"],
                    item.get("proficiency", Skill.Proficiency.SOLID),
                    item.get("valid_until"),
                )
                for item in values["skills"]
            ]
            save_expertise(rep=rep, tags=tags, by=self.user)
        return Rep.objects.get(pk=rep.pk)
