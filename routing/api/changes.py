"""What became of opportunities, for those who ask: in order, without gaps, from any number that is still kept."""

from collections.abc import Mapping
from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, OpenApiResponse, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from reps.api.records import BIGGEST_ID, HasPermission
from routing.models import Change
from routing.queries.told_changes import changes_after, told
from routing.services.changes import KEPT, Numbers, number_changes

MOST = 500
LATEST = "latest"
SINCE = OpenApiParameter(
    "since",
    OpenApiTypes.STR,
    description="The last number that you have (`next` of the answer before). Left out: from the oldest that is kept. "
    "`latest`: nothing yet, only the number to go on from.",
)
LIMIT = OpenApiParameter("limit", OpenApiTypes.INT, description=f"At most so many, up to {MOST}.")
EVENT = OpenApiParameter(
    "event", OpenApiTypes.STR, description="Only these events, separated by commas.", enum=Change.Event.values
)


class ChangedRep(serializers.Serializer[Any]):
    id = serializers.IntegerField()
    external_id = serializers.CharField(allow_null=True)
    name = serializers.CharField()
    email = serializers.CharField()


class ChangedOpportunity(serializers.Serializer[Any]):
    """As it is now, not as it was then."""

    id = serializers.IntegerField(allow_null=True)
    external_id = serializers.CharField(allow_null=True)
    name = serializers.CharField()
    kind = serializers.CharField()
    stage = serializers.CharField(help_text="`deleted` where it is gone.")


class ChangedBy(serializers.Serializer[Any]):
    kind = serializers.ChoiceField(["automation", "person", "import", "other"])
    name = serializers.CharField(help_text="Of the person.")


class ChangeOutput(serializers.Serializer[Any]):
    """One change of where an opportunity stands."""

    number = serializers.IntegerField()
    event = serializers.ChoiceField(Change.Event.choices)
    at = serializers.DateTimeField()
    opportunity = ChangedOpportunity()
    to = ChangedRep(allow_null=True)
    by = ChangedBy()
    reason = serializers.CharField()
    policy = serializers.CharField()
    match_score = serializers.FloatField(allow_null=True)
    decision = serializers.IntegerField(allow_null=True)

    def get_fields(self) -> dict[str, Any]:
        """With `from`, which is no name in Python."""
        return super().get_fields() | {"from": ChangedRep(allow_null=True)}


class ChangesOutput(serializers.Serializer[Any]):
    """A page of changes. Ask again with `since=next`; at once while there is `more`."""

    next = serializers.IntegerField()
    more = serializers.BooleanField()
    changes = ChangeOutput(many=True)


class Forgotten(serializers.Serializer[Any]):
    """410: changes after your number are no longer kept."""

    error = serializers.CharField()
    fields = serializers.DictField()  # type: ignore[assignment]
    oldest = serializers.IntegerField(help_text="A `since` from which everything is still there.")


class ChangeViewSet(GenericViewSet[Change]):
    """Who got which opportunity, when and why."""

    serializer_class = ChangesOutput
    permission_classes = (HasPermission,)
    permission_by_method: ClassVar[Mapping[str, str]] = {"GET": "follow_changes"}
    pagination_class = None
    queryset = Change.objects.none()

    @extend_schema(
        parameters=[SINCE, LIMIT, EVENT],
        responses={200: ChangesOutput, 410: OpenApiResponse(Forgotten)},
        operation_id="changes_list",
    )
    def list(self, request: Request) -> Response:
        """In the order of their numbers. Nothing that is committed later gets a number below one that you have seen."""
        asked = request.query_params
        events, limit = _events(asked.get("event", "")), _limit(asked.get("limit", str(MOST)))
        numbers = number_changes()
        since = _since(asked.get("since"), numbers)
        if since < numbers.forgotten:
            return _forgotten(since, numbers)
        found = changes_after(since, last=numbers.last, events=events, most=limit + 1)
        page = found[:limit]
        more = len(found) > limit
        reached = page[-1].number if more else numbers.last
        return Response({"next": reached, "more": more, "changes": told(page)})


def _events(text: str) -> list[str]:
    events = [event.strip() for event in text.split(",") if event.strip()]
    if set(events) - set(Change.Event.values):
        raise serializers.ValidationError({"event": [f"Use {', '.join(Change.Event.values)}."]})
    return events


def _limit(text: str) -> int:
    if not (text.isascii() and text.isdigit() and 1 <= int(text[:9]) <= MOST):
        raise serializers.ValidationError({"limit": [f"A number from 1 to {MOST} is expected."]})
    return int(text[:9])


def _since(text: str | None, numbers: Numbers) -> int:
    if text is None:
        return numbers.forgotten
    if text == LATEST:
        return numbers.last
    if not (text.isascii() and text.isdigit() and len(text) < 19 and int(text) <= BIGGEST_ID):
        raise serializers.ValidationError(
            {"since": ["A number that an earlier answer gave as next, or latest."]}
        )
    if int(text) > numbers.last:
        text_ = (
            f"{text} has not been given yet; the last one is {numbers.last}. Where this installation was restored from "
            "a backup, go on from there and compare your records with ours."
        )
        raise serializers.ValidationError({"since": [text_]})
    return int(text)


def _forgotten(since: int, numbers: Numbers) -> Response:
    text = (
        f"Changes after {since} are no longer all kept ({KEPT.days} days). Read the opportunities themselves once, "
        f"then go on with since={numbers.forgotten}."
    )
    return Response({"error": text, "fields": {}, "oldest": numbers.forgotten}, status=410)
