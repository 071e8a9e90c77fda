"""The audit log for who collects logs: in order, without gaps, from any number on."""

from collections.abc import Mapping
from typing import Any, ClassVar

from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from reps.api.records import HasPermission
from reps.models import AuditEntry
from reps.queries.audit import numbered_after, row_of
from reps.services.audit import seal

MOST = 500
SINCE = OpenApiParameter(
    "since",
    OpenApiTypes.INT,
    description="The last number that you have (`next` of the answer before). Left out: from the oldest that is kept.",
)
LIMIT = OpenApiParameter("limit", OpenApiTypes.INT, description=f"At most so many, up to {MOST}.")


class AuditOutput(serializers.Serializer[Any]):
    """One entry. `changes`: field → [before, after]; secrets say only `secret`."""

    number = serializers.IntegerField()
    id = serializers.IntegerField()
    at = serializers.DateTimeField()
    who = serializers.CharField()
    user_id = serializers.IntegerField(allow_null=True)
    user_email = serializers.CharField()
    way = serializers.ChoiceField(AuditEntry.Way.choices)
    through = serializers.CharField(help_text="The token, command, job or account of the database.")
    address = serializers.IPAddressField(allow_null=True)
    browser = serializers.CharField()
    request = serializers.CharField(help_text="The request's id, as in the log.")
    action = serializers.ChoiceField(AuditEntry.Action.choices)
    kind = serializers.CharField()
    record = serializers.CharField()
    name = serializers.CharField()
    of_kind = serializers.CharField()
    of = serializers.CharField()
    of_name = serializers.CharField()
    sentence = serializers.CharField()
    changes = serializers.DictField()


class AuditPage(serializers.Serializer[Any]):
    """Ask again with `since=next`; at once while there is `more`."""

    next = serializers.IntegerField()
    more = serializers.BooleanField()
    entries = AuditOutput(many=True)


class AuditViewSet(GenericViewSet[AuditEntry]):
    """Who changed what, when and from where."""

    serializer_class = AuditPage
    permission_classes = (HasPermission,)
    permission_by_method: ClassVar[Mapping[str, str]] = {"GET": "see_audit"}
    pagination_class = None
    queryset = AuditEntry.objects.none()

    @extend_schema(parameters=[SINCE, LIMIT], responses={200: AuditPage}, operation_id="audit_list")
    def list(self, request: Request) -> Response:
        """In the order of their numbers. Nothing that is committed later gets a number below one that you have seen."""
        since = _number("since", request.query_params.get("since", "0"), least=0, most=2**63 - 1)
        limit = _number("limit", request.query_params.get("limit", str(MOST)), least=1, most=MOST)
        reached = seal()
        found = numbered_after(since, most=limit)
        last = found[-1][0] if found else max(since, reached)
        entries = [{"number": number, **row_of(entry)} for number, entry in found]
        return Response({"next": last, "more": last < reached, "entries": entries})


def _number(name: str, text: str, *, least: int, most: int) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 20 and least <= int(text) <= most):
        raise serializers.ValidationError({name: [f"A number from {least} to {most} is expected."]})
    return int(text)
