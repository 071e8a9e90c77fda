"""What all endpoints of the API share.

A record is addressed by our id (`/accounts/17/`) or by the other system's (`/accounts/ext:00Q5/`). `PUT` on the
latter creates or updates. Unknown fields are refused by name, so that a typing error is not a silent loss.
"""

import datetime
import logging
from collections.abc import Mapping
from typing import Any, ClassVar, TypeVar

from django.core.exceptions import ValidationError
from django.db import IntegrityError, InterfaceError, OperationalError, models
from django.db.models import QuerySet
from django.http import Http404
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.exceptions import PermissionDenied
from rest_framework.fields import empty, get_error_detail
from rest_framework.pagination import CursorPagination
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView, exception_handler
from rest_framework.viewsets import GenericViewSet

from reps.models import User
from reps.permissions import SCOPE_OF, may

logger = logging.getLogger(__name__)
EXTERNAL = "ext:"
UNIQUE_VIOLATION = "23505"
BIGGEST_ID = 2**63 - 1
EARLIEST = datetime.datetime(1900, 1, 1, tzinfo=datetime.UTC)
LATEST = datetime.datetime(2200, 1, 1, tzinfo=datetime.UTC)
KEY_PARAMETER = OpenApiParameter(
    "key", OpenApiTypes.STR, OpenApiParameter.PATH, description="Our id, or ext: and your id."
)


def explain_error(error: Exception, context: Mapping[str, Any]) -> Response | None:
    """Every error as {"error": sentence, "fields": {field: [sentences]}}; an unhandled one stays a 500."""
    if isinstance(error, ValidationError):  # a service's
        error = serializers.ValidationError(get_error_detail(error))
    if isinstance(error, IntegrityError):
        return _taken(error)
    if isinstance(error, OperationalError | InterfaceError):  # the database is away for a moment
        logger.exception("the database did not answer")
        text = "The service is restarting. Send it again in a moment."
        return Response({"error": text, "fields": {}}, status=503, headers={"Retry-After": "5"})
    response = exception_handler(error, dict(context))
    if response is None:
        return None
    body = response.data
    if isinstance(body, dict) and set(body) == {"detail"}:
        response.data = {"error": str(body["detail"]), "fields": {}}
    elif isinstance(body, list):
        response.data = {"error": "; ".join(map(str, body)), "fields": {}}
    else:
        response.data = {"error": f"Check: {', '.join(map(str, body))}.", "fields": body}
    return response


def _taken(error: IntegrityError) -> Response | None:
    """409 where a unique value is another record's; None for any other broken constraint, a mistake of ours."""
    if getattr(error.__cause__, "sqlstate", "") != UNIQUE_VIOLATION:
        return None
    constraint = str(error.__cause__.diag.constraint_name)  # type: ignore[union-attr]
    field = next((name for name in ("external_id", "email", "name") if name in constraint), "record")
    text = f"Another record has this {field.replace('_', ' ')} already."
    return Response({"error": text, "fields": {field: [text]}}, status=status.HTTP_409_CONFLICT)


class HasPermission(BasePermission):
    """Asks the matrix of roles for what the view names (`permission_by_method`), and the token for its scopes."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        wanted: Mapping[str, str] = getattr(view, "permission_by_method", {})
        name = wanted.get(request.method or "", "")
        if request.method in ("OPTIONS", "HEAD"):
            name = wanted.get("GET", "see_records")
        if not name or not may(request.user, name):
            return False
        scopes = getattr(request.auth, "scopes", None)
        if scopes and SCOPE_OF.get(name) not in scopes:
            raise PermissionDenied(
                f"This token is not made for that: it lacks the scope “{SCOPE_OF.get(name)}”."
            )
        return True


class StrictSerializer(serializers.Serializer[Any]):
    """Refuses fields that it does not know."""

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, Mapping):
            unknown = sorted(str(name) for name in set(data) - set(self.fields))
            if unknown:
                raise serializers.ValidationError({name: ["There is no such field."] for name in unknown})
        return super().to_internal_value(data)


class ExternalId(serializers.CharField):
    """The other system's id. Empty means none."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(max_length=120, required=False, allow_null=True, allow_blank=True, **kwargs)

    def run_validation(self, data: Any = empty) -> str | None:
        return super().run_validation(data) or None


class Moment(serializers.DateTimeField):
    """A date and time that every time zone and the database can show."""

    def to_internal_value(self, data: Any) -> datetime.datetime:
        moment = super().to_internal_value(data)
        if not EARLIEST <= moment <= LATEST:
            raise serializers.ValidationError("A date between 1900 and 2200 is expected.")
        return moment


Record = TypeVar("Record", bound=models.Model)


def with_values(record: Record, values: Mapping[str, Any]) -> Record:
    """The (unsaved) record with these values on it."""
    for name, value in values.items():
        setattr(record, name, value)
    return record


def find_by_key(records: QuerySet[Record], key: str) -> Record:
    """The record of our id, or of `ext:` and the other system's id. Raises Http404."""
    if "\x00" in key:
        found = None
    elif key.startswith(EXTERNAL):
        found = records.filter(external_id=key.removeprefix(EXTERNAL)).first()
    elif key.isascii() and key.isdigit() and int(key) <= BIGGEST_ID:
        found = records.filter(pk=int(key)).first()
    else:
        found = None
    if found is None:
        raise Http404(f"There is no {records.model._meta.verbose_name} “{key}” that you may see.")
    return found


class ByNewest(CursorPagination):
    """Pages that neither skip nor repeat while records come in."""

    ordering = "-id"
    page_size = 100
    page_size_query_param = "page_size"
    max_page_size = 500

    def get_page_size(self, request: Request) -> int | None:
        asked = request.query_params.get("page_size")
        if asked is not None and not (asked.isascii() and asked.isdigit() and 1 <= int(asked[:9]) <= 500):
            raise serializers.ValidationError({"page_size": ["A number from 1 to 500 is expected."]})
        return super().get_page_size(request)


class RecordViewSet(GenericViewSet[Any]):
    """List, read, create, change and upsert of one kind of record.

    A subclass gives `input_class` (validates what comes in), `serializer_class` (what is shown), `visible_to` and
    `save`; the access check is inside the look-up, so what a user may not see does not exist.
    """

    lookup_value_regex = "(?:ext:.+|[^/]+)"  # the other system's id may hold slashes
    lookup_field = "key"
    pagination_class = ByNewest
    permission_classes = (HasPermission,)
    permission_by_method: ClassVar[Mapping[str, str]] = {}
    input_class: ClassVar[type[serializers.BaseSerializer[Any]]]

    def visible_to(self, user: User) -> QuerySet[Any]:
        raise NotImplementedError

    def save(self, values: Mapping[str, Any], record: Any | None) -> Any:
        """Creates (record None) or changes a record from validated values, through a service."""
        raise NotImplementedError

    @property
    def user(self) -> User:
        assert isinstance(self.request.user, User)
        return self.request.user

    def get_queryset(self) -> QuerySet[Any]:
        if getattr(self, "swagger_fake_view", False):
            return self.serializer_class.Meta.model.objects.none()  # type: ignore[union-attr]
        return self.visible_to(self.user)

    def get_object(self) -> Any:
        return find_by_key(self.get_queryset(), self.kwargs["key"])

    def validated(self, data: Any, *, partial: bool = False, record: Any | None = None) -> Mapping[str, Any]:
        incoming = self.input_class(record, data=data, partial=partial, context={"request": self.request})
        incoming.is_valid(raise_exception=True)
        values: Mapping[str, Any] = incoming.validated_data
        return values

    def shown(self, record: Any, code: int = status.HTTP_200_OK) -> Response:
        fresh = self.get_queryset().filter(pk=record.pk).first() or record
        return Response(self.get_serializer(fresh).data, status=code)

    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(parameters=[KEY_PARAMETER])
    def retrieve(self, request: Request, key: str) -> Response:
        return Response(self.get_serializer(find_by_key(self.get_queryset(), key)).data)

    def create(self, request: Request) -> Response:
        """Creates; a known `external_id` gives the record that has it, unchanged."""
        known = self._known(request.data)
        if known is not None:
            return self.shown(known)
        values = self.validated(request.data)
        try:
            return self.shown(self.save(values, None), status.HTTP_201_CREATED)
        except IntegrityError:
            known = self._known(request.data)  # the same request, side by side
            if known is None:
                raise
            return self.shown(known)

    @extend_schema(parameters=[KEY_PARAMETER])
    def partial_update(self, request: Request, key: str) -> Response:
        record = find_by_key(self.get_queryset(), key)
        return self.shown(self.save(self.validated(request.data, partial=True, record=record), record))

    @extend_schema(parameters=[KEY_PARAMETER])
    def update(self, request: Request, key: str) -> Response:
        """Creates or changes the record of this external id (`ext:` addresses only)."""
        if not key.startswith(EXTERNAL):
            raise serializers.ValidationError({"key": ["Use ext: and your id to create or update."]})
        external_id = key.removeprefix(EXTERNAL)
        if isinstance(request.data, Mapping):
            data: Any = {**request.data, "external_id": external_id}
        else:
            data = request.data
        try:
            return self._upsert(data)
        except IntegrityError:  # created side by side: now it is there to be changed
            return self._upsert(data)

    def _upsert(self, data: Any) -> Response:
        record = self._known(data)
        values = self.validated(data, partial=record is not None, record=record)
        code = status.HTTP_201_CREATED if record is None else status.HTTP_200_OK
        return self.shown(self.save(values, record), code)

    def _known(self, data: Any) -> Any | None:
        external_id = data.get("external_id") if isinstance(data, Mapping) else None
        if not isinstance(external_id, str) or not external_id.strip() or "\x00" in external_id:
            return None
        return self.get_queryset().filter(external_id=external_id.strip()).first()
