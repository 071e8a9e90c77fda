"""Opportunities in, decisions out: what a website form, a CRM or a list tool talks to."""

import contextlib
import datetime
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import Q, QuerySet
from django.http import Http404
from django.utils import timezone
from django_filters.rest_framework import DjangoFilterBackend
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import serializers, status
from rest_framework.decorators import action
from rest_framework.exceptions import APIException
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import GenericViewSet

from crm.api import OpportunityFields, RecordKey
from crm.models import AccountMatch, Opportunity
from crm.queries.duplicates import links_that_hold
from crm.queries.opportunities import opportunities_visible_to
from crm.services.opportunities import update_opportunity
from crm.services.ownership import OwnershipError
from crm.services.stages import convert_lead
from reps.api.records import (
    KEY_PARAMETER,
    ByNewest,
    HasPermission,
    Moment,
    RecordViewSet,
    StrictSerializer,
    find_by_key,
)
from reps.models import Rep, TagSuggestion, User
from reps.permissions import may
from reps.queries.people import SEES_EVERYBODY
from reps.queries.tags import suggestions_visible_to
from reps.services.tags import Decided, dismiss_suggestions
from routing.forms.filters import OpportunityFilterSet
from routing.models import Decision
from routing.queries.answers import decision_answer, opportunity_answer
from routing.queries.names import load_names
from routing.queries.reasons import offered_reasons
from routing.services import acceptance, overrides
from routing.services.intake import Accepted, KeyReused, take_in
from routing.services.intake_many import Row, take_in_many
from routing.services.outcomes import record_outcome
from routing.services.tag_reviews import approve_suggestions
from telemetry.metrics import INTAKE

MOST_IN_BULK = 1000
TAKEN = "Another record has this external id already."
ANSWERED = ("owner", "account", "account_match")
ANSWERING = {"POST": "answer_assignments"}
CLOCKS_DIFFER = datetime.timedelta(minutes=5)
IDEMPOTENCY_KEY = OpenApiParameter(
    "Idempotency-Key",
    OpenApiTypes.STR,
    OpenApiParameter.HEADER,
    description="A repeat gets the first answer again.",
)


class Conflict(APIException):
    status_code = status.HTTP_409_CONFLICT
    default_detail = "This conflicts with what is there."


class OpportunityInput(OpportunityFields):
    """A new lead or deal. Give at least a name or a company."""

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs.get("name"):
            company = (attrs.get("company") or {}).get("name") or getattr(attrs.get("account"), "name", "")
            if not company:
                raise serializers.ValidationError({"name": ["Give a name, a company or an account."]})
            attrs["name"] = company[:200]
        return attrs


class OpportunityChange(OpportunityFields):
    """What may change later: the fields, the outcome, and the owner."""

    name = serializers.CharField(max_length=200, required=False)
    stage = serializers.ChoiceField(Opportunity.Stage.choices, required=False)
    closed_at = Moment(required=False)
    owner = RecordKey(Rep.objects.filter(left_at__isnull=True), help_text="A rep: assigns by hand.")
    reason = serializers.CharField(max_length=200, required=False, allow_blank=True)

    def get_fields(self) -> dict[str, Any]:
        fields = super().get_fields()
        for name in ("external_id", "company", "person", "opened_at"):
            fields.pop(name)
        return fields

    def validate_closed_at(self, value: datetime.datetime) -> datetime.datetime:
        if value > timezone.now() + CLOCKS_DIFFER:
            raise serializers.ValidationError("This is in the future.")
        return value


class DecisionOutput(serializers.Serializer[Any]):
    """Why it went where it went."""

    id = serializers.IntegerField()
    made_at = serializers.DateTimeField()
    outcome = serializers.ChoiceField(Decision.Outcome.choices)
    via = serializers.ChoiceField(Decision.Via.choices)
    rep = serializers.DictField(allow_null=True)
    score = serializers.FloatField(allow_null=True)
    win_probability = serializers.FloatField(allow_null=True)
    win_probability_low = serializers.FloatField(
        allow_null=True, help_text="What to count on: the best of many estimates is flattered by chance."
    )
    reason = serializers.CharField()
    policy = serializers.CharField()
    configuration = serializers.IntegerField()
    model = serializers.IntegerField()
    steps = serializers.ListField(child=serializers.CharField())


class DuplicateOutput(serializers.Serializer[Any]):
    """The open opportunity that this one repeats. Nothing is merged; it goes to that one's owner."""

    id = serializers.IntegerField()
    name = serializers.CharField()
    confidence = serializers.FloatField(
        allow_null=True, help_text="0 to 1; null where a person said so without a finding."
    )
    why = serializers.CharField()


class AccountAnswer(serializers.Serializer[Any]):
    """The account and how it was found. `offered`: a person has to say; `confidence` and `why` are of the likeliest."""

    id = serializers.IntegerField(allow_null=True)
    name = serializers.CharField(allow_null=True)
    match = serializers.ChoiceField([("given", "Named by the request"), *AccountMatch.State.choices])
    confidence = serializers.FloatField(allow_null=True, help_text="0 to 1, where the account was matched.")
    why = serializers.CharField(allow_blank=True)


class OpportunityAnswer(serializers.Serializer[Any]):
    """Where an opportunity stands, with the newest decision."""

    id = serializers.IntegerField()
    external_id = serializers.CharField(allow_null=True)
    name = serializers.CharField()
    kind = serializers.ChoiceField(Opportunity.Kind.choices)
    stage = serializers.ChoiceField(Opportunity.Stage.choices)
    routing = serializers.ChoiceField(Opportunity.Routing.choices)
    is_locked = serializers.BooleanField()
    owner = serializers.DictField(allow_null=True)
    flags = serializers.ListField(child=serializers.CharField())
    duplicate_of = DuplicateOutput(allow_null=True)
    account = AccountAnswer(allow_null=True)
    decision = DecisionOutput(allow_null=True)


class DeclineInput(StrictSerializer):
    """Why: one of the organisation's reasons, by its words, or a note, or both."""

    reason = serializers.SlugRelatedField(
        slug_field="label", queryset=offered_reasons(), required=False, allow_null=True
    )
    note = serializers.CharField(max_length=300, required=False, allow_blank=True)

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if not attrs.get("reason") and not attrs.get("note"):
            raise serializers.ValidationError({"note": ["Give a reason or a note."]})
        return attrs


class BulkAnswer(serializers.Serializer[Any]):
    """One result for each row of the request, in its order."""

    accepted = serializers.IntegerField()
    refused = serializers.IntegerField()
    results = serializers.ListField(child=serializers.DictField())


class OpportunityViewSet(RecordViewSet):
    """Leads and deals: `POST` stores, decides, assigns or suggests, and answers with the decision."""

    lookup_value_regex = "(?:ext:(?:(?!/(?:decisions|accept|decline|pass)/$).)+|[^/]+)"
    serializer_class = OpportunityAnswer
    input_class = OpportunityChange
    filter_backends = (DjangoFilterBackend,)
    filterset_class = OpportunityFilterSet
    http_method_names = ("get", "post", "patch", "head", "options")
    permission_by_method: ClassVar[Mapping[str, str]] = {
        "GET": "see_records",
        "POST": "create_opportunities",
        "PATCH": "log_activities",
    }

    def get_queryset(self) -> QuerySet[Opportunity]:
        if getattr(self, "swagger_fake_view", False):
            return Opportunity.objects.none()
        return opportunities_visible_to(self.user).select_related(*ANSWERED)

    def _answers(self, opportunities: Sequence[Opportunity]) -> list[dict[str, Any]]:
        decisions = Decision.objects.filter(opportunity__in=opportunities)
        newest = {
            d.opportunity_id: d
            for d in decisions.order_by("opportunity_id", "-id").distinct("opportunity_id")
        }
        names, links = load_names(newest.values()), links_that_hold(opportunities)
        return [opportunity_answer(o, newest.get(o.pk), names, link=links.get(o.pk)) for o in opportunities]

    def list(self, request: Request) -> Response:
        page = self.paginate_queryset(self.filter_queryset(self.get_queryset()))
        return self.get_paginated_response(self._answers(page or []))

    @extend_schema(parameters=[KEY_PARAMETER])
    def retrieve(self, request: Request, key: str) -> Response:
        return Response(self._answers([find_by_key(self.get_queryset(), key)])[0])

    @extend_schema(
        request=OpportunityInput,
        responses={200: OpportunityAnswer, 201: OpportunityAnswer},
        parameters=[IDEMPOTENCY_KEY],
    )
    def create(self, request: Request) -> Response:
        """Accepts, decides, answers. A repeat (`external_id` or Idempotency-Key) gives the first answer, with 200."""
        values = self._incoming(request.data)
        key = request.headers.get("Idempotency-Key", "")
        try:
            accepted = take_in(
                values=values,
                body=request.data,
                by=self.user,
                at=timezone.now(),
                idempotency_key=checked_key(key),
            )
        except KeyReused as error:
            raise Conflict({"Idempotency-Key": [str(error)]}) from error
        if not self._may_be_told(accepted):
            raise Conflict({"external_id": [TAKEN]})
        code = status.HTTP_201_CREATED if accepted.is_new else status.HTTP_200_OK
        return Response(accepted.answer, status=code)

    def _may_be_told(self, accepted: Accepted) -> bool:
        """A repeat of an external id is answered to who may see what it names, or sent it before; to others it would
        tell another team's lead and owner."""
        if accepted.is_new or self.user.role in SEES_EVERYBODY:
            return True
        found = Opportunity.objects.filter(pk=accepted.opportunity.pk)
        mine = Q(receipt__user=self.user) | Q(pk__in=opportunities_visible_to(self.user).values("pk"))
        return found.filter(mine).exists()

    def _incoming(self, data: Any) -> Mapping[str, Any]:
        incoming = OpportunityInput(data=data, context={"request": self.request})
        incoming.is_valid(raise_exception=True)
        values: Mapping[str, Any] = incoming.validated_data
        return values

    @extend_schema(request=OpportunityInput(many=True), responses={200: BulkAnswer})
    @action(detail=False, methods=["post"])
    def bulk(self, request: Request) -> Response:
        """Up to 1,000 at once. Each row is accepted or refused by itself and says so at its place."""
        if not isinstance(request.data, list):
            raise serializers.ValidationError({"rows": ["Send a list of opportunities."]})
        if len(request.data) > MOST_IN_BULK:
            raise serializers.ValidationError({"rows": [f"At most {MOST_IN_BULK} at once."]})
        results = self._results(request.data)
        refused = sum("errors" in result for result in results)
        INTAKE.labels("bulk", "refused").inc(refused)
        answer = {"accepted": len(results) - refused, "refused": refused, "results": results}
        return Response(answer)

    def _results(self, bodies: Sequence[Any]) -> Sequence[dict[str, Any]]:
        """What became of each row, in their order."""
        incoming = OpportunityInput(context={"request": self.request})
        results: dict[int, dict[str, Any]] = {}
        rows: dict[int, Row] = {}
        for row, body in enumerate(bodies):
            try:
                rows[row] = Row(incoming.run_validation(body), body)
            except serializers.ValidationError as error:
                results[row] = _refused(row, error.detail)
        taken = take_in_many(rows=list(rows.values()), by=self.user)
        results |= {row: self._taken(row, outcome) for row, outcome in zip(rows, taken, strict=True)}
        return [results[row] for row in range(len(bodies))]

    def _taken(self, row: int, outcome: Accepted | ValidationError) -> dict[str, Any]:
        if isinstance(outcome, ValidationError):
            return _refused(row, outcome.message_dict)
        if not self._may_be_told(outcome):
            return {"row": row, "status": 409, "errors": {"external_id": [TAKEN]}}
        return {"row": row, "status": 201 if outcome.is_new else 200, "opportunity": outcome.answer}

    @extend_schema(request=OpportunityChange, responses={200: OpportunityAnswer}, parameters=[KEY_PARAMETER])
    def partial_update(self, request: Request, key: str) -> Response:
        """Changes fields, records the outcome (`stage`), assigns by hand (`owner`). All of it or nothing."""
        opportunity = find_by_key(self.get_queryset(), key)
        values = dict(self.validated(request.data, partial=True, record=opportunity))
        try:
            with transaction.atomic():
                self._change(opportunity, values, self.user)
        except OwnershipError as error:
            raise Conflict({"owner": [str(error)]}) from error
        fresh = Opportunity.objects.select_related(*ANSWERED).get(pk=opportunity.pk)
        return Response(self._answers([fresh])[0])

    def _change(self, opportunity: Opportunity, values: dict[str, Any], by: User) -> None:
        now = timezone.now()
        stage, owner = values.pop("stage", None), values.pop("owner", None)
        closed_at, reason = values.pop("closed_at", None), values.pop("reason", "")
        if (values or owner) and not may(by, "edit_opportunities"):
            self.permission_denied(
                self.request, "Your role may report the outcome of your opportunities, no more."
            )
        if values.get("kind") == Opportunity.Kind.DEAL and opportunity.kind == Opportunity.Kind.LEAD:
            convert_lead(opportunity_id=opportunity.pk, at=now)
        if values:
            update_opportunity(opportunity_id=opportunity.pk, values=values)
        if owner is not None:
            overrides.reassign(opportunity_ids=[opportunity.pk], rep_id=owner.pk, by=by, at=now, note=reason)
        if stage is not None:
            record_outcome(
                opportunity_id=opportunity.pk, stage=stage, at=closed_at or now, by=by, reason=reason
            )

    @extend_schema(responses={200: DecisionOutput(many=True)}, parameters=[KEY_PARAMETER])
    @action(detail=True, methods=["get"], pagination_class=None)
    def decisions(self, request: Request, key: str) -> Response:
        """Every decision on it, the newest first."""
        opportunity = find_by_key(self.get_queryset(), key)
        decisions = list(opportunity.decisions.all())
        names = load_names(decisions)
        return Response([decision_answer(decision, names) for decision in decisions])

    @extend_schema(request=None, responses={200: OpportunityAnswer}, parameters=[KEY_PARAMETER])
    @action(detail=True, methods=["post"], permission_by_method=ANSWERING)
    def accept(self, request: Request, key: str) -> Response:
        """The rep takes what was assigned, where the policy asks. Accepting again changes nothing."""
        opportunity = find_by_key(self.get_queryset(), key)
        with refused_as_conflict():
            acceptance.accept(opportunity_id=opportunity.pk, by=self.user, at=timezone.now())
        return Response(self._answers([opportunity])[0])

    @extend_schema(request=DeclineInput, responses={204: None}, parameters=[KEY_PARAMETER])
    @action(detail=True, methods=["post"], permission_by_method=ANSWERING)
    def decline(self, request: Request, key: str) -> Response:
        """The rep does not take it, and says why; it goes to somebody else and is not offered again."""
        opportunity = find_by_key(self.get_queryset(), key)
        incoming = DeclineInput(data=request.data)
        incoming.is_valid(raise_exception=True)
        with refused_as_conflict():
            acceptance.decline(
                opportunity_id=opportunity.pk, by=self.user, at=timezone.now(), **incoming.validated_data
            )
        return Response(status=status.HTTP_204_NO_CONTENT)

    @extend_schema(request=None, responses={204: None}, parameters=[KEY_PARAMETER])
    @action(detail=True, methods=["post"], permission_by_method=ANSWERING, url_path="pass")
    def pass_on(self, request: Request, key: str) -> Response:
        """The same without a reason."""
        opportunity = find_by_key(self.get_queryset(), key)
        with refused_as_conflict():
            acceptance.pass_on(opportunity_id=opportunity.pk, by=self.user, at=timezone.now())
        return Response(status=status.HTTP_204_NO_CONTENT)


def _refused(row: int, errors: Any) -> dict[str, Any]:
    """A row that is not taken, with what is wrong of which field."""
    named = errors if isinstance(errors, dict) else {"non_field_errors": errors}
    return {"row": row, "status": 400, "errors": named}


@contextlib.contextmanager
def refused_as_conflict() -> Iterator[None]:
    """What cannot be answered (any more) is told with 409."""
    try:
        yield
    except acceptance.CannotAnswer as error:
        raise Conflict({"assignment": [str(error)]}) from error


def checked_key(key: str) -> str:
    if len(key) > 200 or not key.isprintable():
        raise serializers.ValidationError({"Idempotency-Key": ["At most 200 printable characters."]})
    return key


# --- suggested tags ------------------------------------------------------------------------------------------------


class TagSuggestionOutput(serializers.ModelSerializer[TagSuggestion]):
    rep = serializers.SerializerMethodField()

    class Meta:
        model = TagSuggestion
        fields = ("id", "rep", "kind", "name", "low", "high", "proficiency", "action", "source", "sentence",
                  "wins", "deals", "expected", "p_value", "q_value", "state", "suggested_at", "decided_at",
                  "reason")  # fmt: skip

    def get_rep(self, suggestion: TagSuggestion) -> dict[str, Any]:
        return {"id": suggestion.rep_id, "name": suggestion.rep.name}


class DismissalInput(StrictSerializer):
    reason = serializers.CharField(max_length=300, required=False, allow_blank=True)


class TagSuggestionViewSet(GenericViewSet[TagSuggestion]):
    """Expertise tags that closed deals suggest to add or to remove. People decide: approve or dismiss."""

    serializer_class = TagSuggestionOutput
    pagination_class = ByNewest
    permission_classes = (HasPermission,)
    permission_by_method: ClassVar[Mapping[str, str]] = {
        "GET": "see_tag_suggestions",
        "POST": "edit_profiles",
    }
    lookup_field = "key"

    def get_queryset(self) -> QuerySet[TagSuggestion]:
        if getattr(self, "swagger_fake_view", False):
            return TagSuggestion.objects.none()
        assert isinstance(self.request.user, User)
        return suggestions_visible_to(self.request.user)

    @extend_schema(
        parameters=[OpenApiParameter("state", OpenApiTypes.STR, enum=TagSuggestion.State.values)],
    )
    def list(self, request: Request) -> Response:
        """The newest first; `state` narrows."""
        state = request.query_params.get("state", "")
        if state and state not in TagSuggestion.State.values:
            known = ", ".join(TagSuggestion.State.values)
            raise serializers.ValidationError({"state": [f"One of {known} is expected."]})
        found = self.get_queryset()
        page = self.paginate_queryset(found.filter(state=state) if state else found)
        return self.get_paginated_response(self.get_serializer(page, many=True).data)

    @extend_schema(parameters=[KEY_PARAMETER])
    def retrieve(self, request: Request, key: str) -> Response:
        return Response(self.get_serializer(self._found(key)).data)

    @extend_schema(parameters=[KEY_PARAMETER], request=None)
    @action(detail=True, methods=["post"])
    def approve(self, request: Request, key: str) -> Response:
        """Gives or takes away the tag. 409 with the reason where that is not possible any more."""
        suggestion = self._found(key)
        assert isinstance(request.user, User)
        return self._answer(
            suggestion, approve_suggestions(ids=[suggestion.pk], by=request.user, at=timezone.now())
        )

    @extend_schema(parameters=[KEY_PARAMETER], request=DismissalInput)
    @action(detail=True, methods=["post"])
    def dismiss(self, request: Request, key: str) -> Response:
        """Says no; the same is suggested again only with clearly more evidence."""
        suggestion = self._found(key)
        incoming = DismissalInput(data=request.data)
        incoming.is_valid(raise_exception=True)
        assert isinstance(request.user, User)
        reason = incoming.validated_data.get("reason", "")
        return self._answer(
            suggestion,
            dismiss_suggestions(ids=[suggestion.pk], by=request.user, at=timezone.now(), reason=reason),
        )

    def _found(self, key: str) -> TagSuggestion:
        if not (key.isascii() and key.isdigit()):
            raise Http404(f"There is no suggestion “{key}” that you may see.")
        return find_by_key(self.get_queryset(), key)

    def _answer(self, suggestion: TagSuggestion, decided: Decided) -> Response:
        if decided.problems:
            raise Conflict(decided.problems[0])
        return Response(self.get_serializer(self.get_queryset().get(pk=suggestion.pk)).data)
