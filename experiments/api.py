"""Satisfaction scores from another system: one or many, all kept or none."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django.utils import timezone
from drf_spectacular.utils import OpenApiResponse, extend_schema
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from crm.engine.imports.reading import Problem
from crm.queries.opportunities import opportunities_visible_to
from experiments.models import SatisfactionScore
from experiments.services.satisfaction import check_scores, keep_scores
from reps.api.records import HasPermission
from reps.models import User

MOST = 5000
SOURCE = "api"


class ScoreInput(serializers.Serializer[Any]):
    """How satisfied a customer was."""

    opportunity = serializers.CharField(max_length=130, help_text="Our id, or ext: and yours.")
    score = serializers.FloatField(min_value=0, max_value=10)
    given_at = serializers.DateTimeField()
    external_id = serializers.CharField(
        max_length=120, required=False, help_text="Sent again with it, the score replaces the one before."
    )


class ScoresKept(serializers.Serializer[Any]):
    added = serializers.IntegerField()
    changed = serializers.IntegerField()
    unchanged = serializers.IntegerField()


class ScoreProblem(serializers.Serializer[Any]):
    row = serializers.IntegerField(help_text="From 0.")
    field = serializers.CharField()
    reason = serializers.CharField()


class ScoresRefused(serializers.Serializer[Any]):
    """400: nothing was kept."""

    error = serializers.CharField()
    fields = serializers.DictField()  # type: ignore[assignment]
    rows = ScoreProblem(many=True)


class SatisfactionScoreViewSet(GenericViewSet[SatisfactionScore]):
    """What customers said, as a secondary metric of experiments."""

    serializer_class = ScoreInput
    permission_classes = (HasPermission,)
    permission_by_method: ClassVar[Mapping[str, str]] = {"POST": "import_records"}
    queryset = SatisfactionScore.objects.none()

    @extend_schema(
        request=ScoreInput(many=True), responses={200: ScoresKept, 400: OpenApiResponse(ScoresRefused)}
    )
    def create(self, request: Request) -> Response:
        """One score or a list of up to 5,000. All of them are kept, or none; a repeat changes nothing."""
        assert isinstance(request.user, User)
        rows = request.data if isinstance(request.data, list) else [request.data]
        if len(rows) > MOST:
            raise serializers.ValidationError({"rows": [f"At most {MOST:,} at once."]})
        if not all(isinstance(row, Mapping) for row in rows):
            raise serializers.ValidationError({"rows": ["Each score is an object with its fields."]})
        scores, problems = check_scores(
            rows, opportunities_visible_to(request.user), at=timezone.now(), numbers=range(len(rows))
        )
        if problems:
            return Response(_refused(problems), status=status.HTTP_400_BAD_REQUEST)
        kept = keep_scores(scores=scores, source=SOURCE)
        return Response({"added": kept.added, "changed": kept.changed, "unchanged": kept.unchanged})


def _refused(problems: list[Problem]) -> dict[str, Any]:
    fields: dict[str, list[str]] = {}
    for one in problems:
        if one.reason not in fields.setdefault(one.field, []):
            fields[one.field].append(one.reason)
    rows = [{"row": one.row, "field": one.field, "reason": one.reason} for one in problems]
    return {"error": f"Nothing was kept. Check: {', '.join(fields)}.", "fields": fields, "rows": rows}
