"""Batches for programs: run one, read what it proposes and what it is worth, change it, confirm it."""

import contextlib
from collections.abc import Collection, Iterator, Mapping
from typing import Any, ClassVar

from django.db.models import QuerySet
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from crm.services.ownership import OwnershipError
from reps.api.records import ByNewest, HasPermission, find_by_key
from reps.models import Job, User
from reps.pages import is_id
from routing.api.batch_records import (
    BatchDetail,
    BatchInput,
    BatchItemOutput,
    BatchOutput,
    Decided,
    DecisionInput,
    HoldInput,
    MoveInput,
)
from routing.api.opportunities import IDEMPOTENCY_KEY, Conflict, checked_key
from routing.models import Batch, BatchItem
from routing.queries import batches as shown
from routing.queries.batch_answers import (
    batch_answers,
    batch_detail,
    item_answer,
    job_answer,
    with_answered_records,
    with_batch_records,
)
from routing.services.batch_runs import asking, once, review
from routing.services.queue import AlreadyDecided

RUNNING = {"POST": "run_batches"}
DECIDING = {"POST": "decide_queue"}
KEY = OpenApiParameter("key", OpenApiTypes.INT, OpenApiParameter.PATH, description="The batch.")
ITEM = OpenApiParameter("item", OpenApiTypes.INT, OpenApiParameter.PATH, description="One of its items.")
STATE = OpenApiParameter("state", OpenApiTypes.STR, enum=Batch.State.values)
POLICY = OpenApiParameter("policy", OpenApiTypes.STR, description="The policy's name.")
SHOW = OpenApiParameter("show", OpenApiTypes.STR, enum=[key for key in shown.SHOWN if key])
REP = OpenApiParameter("rep", OpenApiTypes.INT, description="What goes to this rep.")


class ByPosition(ByNewest):
    """In the batch's own order."""

    ordering = "position"


class BatchViewSet(GenericViewSet[Batch]):
    """Many leads decided together. What other teams' reps get is neither listed nor counted for a manager."""

    serializer_class = BatchOutput
    pagination_class = ByNewest
    permission_classes = (HasPermission,)
    permission_by_method: ClassVar[Mapping[str, str]] = {"GET": "see_queue", **RUNNING}
    lookup_field = "key"

    @property
    def user(self) -> User:
        assert isinstance(self.request.user, User)
        return self.request.user

    def get_queryset(self) -> QuerySet[Batch]:
        return with_batch_records(Batch.objects.all())

    @extend_schema(parameters=[POLICY, STATE])
    def list(self, request: Request) -> Response:
        """The newest first; `policy` and `state` narrow."""
        found, state = self.get_queryset(), request.query_params.get("state", "")
        _one_of("state", state, Batch.State.values)
        if state:
            found = found.filter(state=state)
        if policy := request.query_params.get("policy", ""):
            found = found.filter(policy_name=policy.replace("\0", ""))
        page = self.paginate_queryset(found)
        return self.get_paginated_response(batch_answers(page or [], self.user))

    @extend_schema(parameters=[KEY], responses={200: BatchDetail})
    def retrieve(self, request: Request, key: str) -> Response:
        """With totals, loads, prices and the proof."""
        return Response(batch_detail(self._batch(key), self.user))

    @extend_schema(request=BatchInput, responses={202: BatchOutput}, parameters=[IDEMPOTENCY_KEY])
    def create(self, request: Request) -> Response:
        """Runs the policy's batch now: a worker plans it. A repeat (Idempotency-Key) gets the same batch."""
        policy = _valid(BatchInput, request)["policy"]
        key = checked_key(request.headers.get("Idempotency-Key", ""))
        with refused_as_conflict("policy"):
            batch, _ = once.request_once(
                policy_name=policy, by=self.user, at=timezone.now(), idempotency_key=key
            )
        return self._answer(batch.pk, status.HTTP_202_ACCEPTED)

    @extend_schema(parameters=[KEY], request=DecisionInput, responses={200: Decided, 202: Decided})
    @action(detail=True, methods=["post"], permission_by_method=DECIDING)
    def confirm(self, request: Request, key: str) -> Response:
        """Assigns `items`, or all that wait and that you may see. Many are left to a worker: 202."""
        return self._decide(request, key, review.Action.APPROVE)

    @extend_schema(parameters=[KEY], request=DecisionInput, responses={200: Decided, 202: Decided})
    @action(detail=True, methods=["post"], permission_by_method=DECIDING)
    def discard(self, request: Request, key: str) -> Response:
        """Withdraws `items`, or all that wait and that you may see; they wait for the next run."""
        return self._decide(request, key, review.Action.DISCARD)

    @extend_schema(parameters=[KEY], request=None, responses={202: BatchOutput})
    @action(detail=True, methods=["post"], permission_by_method=DECIDING)
    def reoptimise(self, request: Request, key: str) -> Response:
        """Plans it anew around what people changed; for who sees all of it."""
        batch = self._batch(key)
        if not shown.may_plan_anew(self.user, batch):
            self.permission_denied(request, "This batch is not only your teams’: ask operations to do it.")
        with refused_as_conflict("batch"):
            review.reoptimise(batch_id=batch.pk, by=self.user, at=timezone.now())
        return self._answer(batch.pk, status.HTTP_202_ACCEPTED)

    @extend_schema(parameters=[KEY], request=None, responses={200: BatchOutput})
    @action(detail=True, methods=["post"], permission_by_method=RUNNING)
    def cancel(self, request: Request, key: str) -> Response:
        """Stops what is planned or done by a worker now. What is published or assigned already stays."""
        batch = self._batch(key)
        if not asking.cancel_batch(batch_id=batch.pk, at=timezone.now()):
            raise Conflict({"batch": ["No worker is at it any more."]})
        return self._answer(batch.pk)

    @extend_schema(parameters=[KEY, SHOW, REP], responses={200: BatchItemOutput(many=True)})
    @action(detail=True, methods=["get"], pagination_class=ByPosition)
    def items(self, request: Request, key: str) -> Response:
        """What it has for whom, in order; `show` and `rep` narrow."""
        show, rep = request.query_params.get("show", ""), request.query_params.get("rep", "")
        _one_of("show", show, shown.SHOWN)
        if rep and not is_id(rep):
            raise serializers.ValidationError({"rep": ["The id of a rep is expected."]})
        found = shown.items_visible_to(self.user, self._batch(key))
        found = with_answered_records(shown.items_shown(found, show, int(rep) if rep else None))
        page: Any = self.paginate_queryset(found)  # type: ignore[arg-type]
        return self.get_paginated_response([item_answer(item) for item in page])

    @extend_schema(parameters=[KEY, ITEM], request=MoveInput, responses={200: BatchItemOutput})
    @action(
        detail=True, methods=["post"], permission_by_method=DECIDING, url_path=r"items/(?P<item>[^/.]+)/move"
    )
    def move(self, request: Request, key: str, item: str) -> Response:
        """Proposes another rep, whose slot it takes from now on; it stays so when the batch is planned anew."""
        found, values = self._item(key, item), _valid(MoveInput, request)
        rep = values.pop("rep")
        return self._changed(found, review.move, rep_id=rep.pk, **values)

    @extend_schema(parameters=[KEY, ITEM], request=None, responses={200: BatchItemOutput})
    @action(
        detail=True, methods=["post"], permission_by_method=DECIDING, url_path=r"items/(?P<item>[^/.]+)/keep"
    )
    def keep(self, request: Request, key: str, item: str) -> Response:
        """It stays as it is when the batch is planned anew."""
        return self._changed(self._item(key, item), review.keep)

    @extend_schema(parameters=[KEY, ITEM], request=None, responses={200: BatchItemOutput})
    @action(
        detail=True,
        methods=["post"],
        permission_by_method=DECIDING,
        url_path=r"items/(?P<item>[^/.]+)/let-go",
    )
    def let_go(self, request: Request, key: str, item: str) -> Response:
        """It may change again."""
        return self._changed(self._item(key, item), review.let_go)

    @extend_schema(parameters=[KEY, ITEM], request=HoldInput, responses={200: BatchItemOutput})
    @action(
        detail=True,
        methods=["post"],
        permission_by_method=DECIDING,
        url_path=r"items/(?P<item>[^/.]+)/hold-back",
    )
    def hold_back(self, request: Request, key: str, item: str) -> Response:
        """Takes it out of the batch: it waits for a person."""
        found, values = self._item(key, item), _valid(HoldInput, request)
        return self._changed(found, review.hold_back, **values)

    # --- what these share

    def _batch(self, key: str) -> Batch:
        return find_by_key(self.get_queryset(), key if is_id(key) else "")

    def _item(self, key: str, item: str) -> BatchItem:
        found = shown.items_visible_to(self.user, self._batch(key))
        return find_by_key(found, item if is_id(item) else "")

    def _answer(self, batch_id: int, code: int = status.HTTP_200_OK) -> Response:
        return Response(batch_answers([self.get_queryset().get(pk=batch_id)], self.user)[0], status=code)

    def _decide(self, request: Request, key: str, verb: review.Action) -> Response:
        batch, named = self._batch(key), _valid(DecisionInput, request).get("items")
        chosen = self._chosen(batch, named)
        with refused_as_conflict("batch"):
            done = review.decide(
                batch_id=batch.pk, action=verb, item_ids=chosen, by=self.user, at=timezone.now()
            )
        if isinstance(done, Job):
            answer = {"done": 0, "conflicts": 0, "decided_before": 0, "job": job_answer(done)}
            return Response(answer, status=status.HTTP_202_ACCEPTED)
        before = len(chosen) - done.count - done.conflicts
        answer = {"done": done.count, "conflicts": done.conflicts, "decided_before": before, "job": None}
        return Response(answer)

    def _chosen(self, batch: Batch, named: Collection[int] | None) -> Collection[int]:
        """Those that were named, or all that wait. Raises ValidationError for one that the user may not see."""
        found = shown.items_visible_to(self.user, batch)
        if named is None:
            return list(found.filter(shown.PROPOSED).values_list("pk", flat=True))
        seen = set(found.filter(pk__in=named).values_list("pk", flat=True))
        if missing := sorted(set(named) - seen):
            said = f"This batch has no item {missing[0]} that you may see."
            raise serializers.ValidationError({"items": [said]})
        return seen

    def _changed(self, item: BatchItem, service: Any, **values: Any) -> Response:
        with refused_as_conflict("item"):
            service(item_id=item.pk, by=self.user, at=timezone.now(), **values)
        fresh = with_answered_records(BatchItem.objects.filter(pk=item.pk))
        return Response(item_answer(fresh.get()))


@contextlib.contextmanager
def refused_as_conflict(field: str) -> Iterator[None]:
    """What cannot be (any more) is told with 409."""
    try:
        yield
    except (asking.BatchRefused, once.KeyReused, AlreadyDecided, OwnershipError) as error:
        raise Conflict({field: [str(error)]}) from error


def _one_of(field: str, text: str, known: Collection[str]) -> None:
    if text and text not in known:
        names = ", ".join(name for name in known if name)
        raise serializers.ValidationError({field: [f"One of {names} is expected."]})


def _valid(serializer: type[serializers.Serializer[Any]], request: Request) -> dict[str, Any]:
    incoming = serializer(data=request.data, context={"request": request})
    incoming.is_valid(raise_exception=True)
    return dict(incoming.validated_data)
