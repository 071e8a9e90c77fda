"""Accounts, contacts and activities for dialers, mailboxes and the CRM; and the fields of an opportunity.

Opportunities themselves are taken in by routing.api, which decides them.
"""

import datetime
from collections.abc import Mapping
from typing import Any, ClassVar

from django.db import transaction
from django.db.models import QuerySet
from django.http import Http404
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers, status
from rest_framework.request import Request
from rest_framework.response import Response

from crm.models import Account, AccountOwnerChange, Activity, Contact, CustomField, Opportunity
from crm.models.accounts import SizeBand
from crm.queries.opportunities import opportunities_visible_to
from crm.services.activities import InTheArchive, log_activity
from crm.services.records import save_account, save_contact
from reps.api.records import ExternalId, Moment, RecordViewSet, StrictSerializer, find_by_key, with_values
from reps.models import Rep, User

WRITES: Mapping[str, str] = {
    "GET": "see_records",
    "POST": "edit_accounts",
    "PATCH": "edit_accounts",
    "PUT": "edit_accounts",
}


@extend_schema_field(OpenApiTypes.STR)
class RecordKey(serializers.Field):
    """A reference to another record: our id, or `ext:` and the other system's."""

    def __init__(self, records: QuerySet[Any], **kwargs: Any) -> None:
        self.records = records
        super().__init__(required=False, allow_null=True, **kwargs)

    def to_internal_value(self, data: Any) -> Any:
        if isinstance(data, bool) or not isinstance(data, str | int):
            raise serializers.ValidationError("An id, or ext: and your id, is expected.")
        key = str(data)
        if len(key) > 130 or "\x00" in key:
            raise serializers.ValidationError("This is no id.")
        try:
            return find_by_key(self.records.all(), key)
        except Http404 as error:
            raise serializers.ValidationError(str(error)) from error

    def to_representation(self, value: Any) -> str:
        return str(value.pk)


def text(length: int) -> serializers.CharField:
    return serializers.CharField(max_length=length, required=False, allow_blank=True)


class AccountInput(StrictSerializer):
    name = serializers.CharField(max_length=200)
    external_id = ExternalId()
    domain = text(200)
    industry = text(120)
    employees = serializers.IntegerField(min_value=0, max_value=10_000_000, required=False, allow_null=True)
    annual_revenue = serializers.DecimalField(18, 2, required=False, allow_null=True)
    country = text(60)
    region = text(80)
    city = text(120)
    postal_code = text(20)
    owner = RecordKey(
        Rep.objects.filter(left_at__isnull=True), help_text="A rep: the account becomes a named account."
    )


class AccountOutput(serializers.ModelSerializer[Account]):
    class Meta:
        model = Account
        fields = (
            "id",
            "external_id",
            "name",
            "domain",
            "industry",
            "employees",
            "size_band",
            "annual_revenue",
            "country",
            "region",
            "city",
            "postal_code",
            "owner",
            "created_at",
            "updated_at",
        )


class AccountViewSet(RecordViewSet):
    """Companies. An account with an owner is a named account: its opportunities go there."""

    serializer_class = AccountOutput
    input_class = AccountInput
    permission_by_method: ClassVar[Mapping[str, str]] = WRITES

    def visible_to(self, user: User) -> QuerySet[Account]:
        return Account.objects.all()

    def save(self, values: Mapping[str, Any], record: Account | None) -> Account:
        with transaction.atomic():
            # What was not sent stays as it is now: a transfer meanwhile must not be taken back.
            found = Account.objects.select_for_update(no_key=True).get(pk=record.pk) if record else Account()
            account = with_values(found, values)
            return save_account(account=account, by=self.user, source=AccountOwnerChange.Source.API)


class ContactInput(StrictSerializer):
    name = serializers.CharField(max_length=120)
    external_id = ExternalId()
    account = RecordKey(Account.objects.all())
    email = serializers.EmailField(required=False, allow_blank=True)
    phone = text(40)
    title = text(120)
    preferred_language = text(60)


class ContactOutput(serializers.ModelSerializer[Contact]):
    class Meta:
        model = Contact
        fields = (
            "id",
            "external_id",
            "account",
            "name",
            "email",
            "phone",
            "title",
            "preferred_language",
            "updated_at",
        )


class ContactViewSet(RecordViewSet):
    """People at companies."""

    serializer_class = ContactOutput
    input_class = ContactInput
    permission_by_method: ClassVar[Mapping[str, str]] = WRITES

    def visible_to(self, user: User) -> QuerySet[Contact]:
        return Contact.objects.all()

    def save(self, values: Mapping[str, Any], record: Contact | None) -> Contact:
        return save_contact(contact=with_values(record or Contact(), values), by=self.user)


class ActivityInput(StrictSerializer):
    opportunity = RecordKey(Opportunity.objects.all(), help_text="Our id, or ext: and yours.")
    kind = serializers.ChoiceField(Activity.Kind.choices)
    rep = RecordKey(Rep.objects.all(), help_text="Who did it; the owner where it is left out.")
    happened_at = Moment(required=False)
    note = serializers.CharField(max_length=2000, required=False, allow_blank=True)
    external_id = ExternalId()

    def validate_opportunity(self, value: Opportunity | None) -> Opportunity:
        user = self.context["request"].user
        if value is None or not opportunities_visible_to(user).filter(pk=value.pk).exists():
            raise serializers.ValidationError("There is no such opportunity that you may see.")
        return value

    def validate(self, attrs: dict[str, Any]) -> dict[str, Any]:
        if attrs.get("opportunity") is None:
            raise serializers.ValidationError({"opportunity": ["This field is required."]})
        return attrs


class ActivityOutput(serializers.ModelSerializer[Activity]):
    class Meta:
        model = Activity
        fields = ("id", "external_id", "opportunity", "rep", "kind", "happened_at", "note", "created_at")


class ActivityViewSet(RecordViewSet):
    """Calls, emails and meetings. The owner's first one after assignment is the first touch."""

    serializer_class = ActivityOutput
    input_class = ActivityInput
    http_method_names = ("get", "post", "head", "options")
    permission_by_method: ClassVar[Mapping[str, str]] = {"GET": "see_records", "POST": "log_activities"}

    def visible_to(self, user: User) -> QuerySet[Activity]:
        return Activity.objects.filter(opportunity__in=opportunities_visible_to(user))

    def create(self, request: Request) -> Response:
        """Logs one; a known `external_id` gives the one logged before."""
        values = self.validated(request.data)
        opportunity: Opportunity = values["opportunity"]
        try:
            activity, is_new = log_activity(
                opportunity_id=opportunity.pk,
                kind=values["kind"],
                rep=values.get("rep") or opportunity.owner,
                happened_at=values.get("happened_at") or timezone.now(),
                note=values.get("note", ""),
                external_id=values.get("external_id"),
                by=self.user,
            )
        except InTheArchive as error:
            raise serializers.ValidationError({"external_id": [str(error)]}) from error
        return self.shown(activity, status.HTTP_201_CREATED if is_new else status.HTTP_200_OK)


class CompanyInput(StrictSerializer):
    name = serializers.CharField(max_length=200)
    domain = text(200)
    industry = text(120)
    employees = serializers.IntegerField(min_value=0, max_value=10_000_000, required=False, allow_null=True)
    country = text(60)
    region = text(80)
    city = text(120)
    postal_code = text(20)


class PersonInput(StrictSerializer):
    name = serializers.CharField(max_length=120, required=False, allow_blank=True)
    email = serializers.EmailField(required=False, allow_blank=True)
    phone = text(40)
    title = text(120)
    preferred_language = text(60)


class CustomValues(serializers.DictField):
    """Values of the organisation's own fields, by key and by type."""

    def to_internal_value(self, data: Any) -> dict[str, Any]:
        values: dict[str, Any] = super().to_internal_value(data)
        if any("\x00" in str(key) for key in values):
            raise serializers.ValidationError("A key holds a character that cannot be stored.")
        fields = {field.key: field for field in CustomField.objects.filter(key__in=list(values))}
        errors: dict[str, list[str]] = {}
        clean: dict[str, Any] = {}
        for key, value in values.items():
            problem = (
                "There is no such custom field." if key not in fields else _custom_problem(fields[key], value)
            )
            if problem:
                errors[str(key)] = [problem]
            clean[str(key)] = value
        if errors:
            raise serializers.ValidationError(errors)
        return clean


def _custom_problem(field: CustomField, value: Any) -> str:
    """What is wrong with a custom value; empty where nothing is. None clears the field."""
    kind = field.type
    if value is None:
        return ""
    if kind == CustomField.Type.NUMBER:
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e15
        return "" if is_number else "A number is expected."
    if kind == CustomField.Type.BOOLEAN:
        return "" if isinstance(value, bool) else "true or false is expected."
    if not isinstance(value, str) or len(value) > 500 or "\x00" in value:
        return "Text of at most 500 characters is expected."
    if kind == CustomField.Type.CHOICE and value not in field.choices:
        return f"One of {', '.join(map(str, field.choices))} is expected."
    if kind == CustomField.Type.DATE and not _is_day(value):
        return "A date as YYYY-MM-DD is expected."
    return ""


def _is_day(text: str) -> bool:
    """Whether it is a day as YYYY-MM-DD; Python would take 20260228 and 2026-W09-6 as well."""
    try:
        return datetime.date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False


class OpportunityFields(StrictSerializer):
    """What an opportunity may say of itself."""

    kind = serializers.ChoiceField(Opportunity.Kind.choices, required=False)
    name = text(200)
    external_id = ExternalId()
    account = RecordKey(Account.objects.all(), help_text="Our id, or ext: and yours.")
    company = CompanyInput(
        required=False,
        help_text="Instead of an account: matched by email, phone, domain, name and country; else created.",
    )
    person = PersonInput(required=False, help_text="The contact: found by email address, else created.")
    source = text(80)  # type: ignore[assignment]
    product = text(120)
    industry = text(120)
    employees = serializers.IntegerField(min_value=0, max_value=10_000_000, required=False, allow_null=True)
    size_band = serializers.ChoiceField(SizeBand.choices, required=False, allow_blank=True)
    country = text(60)
    region = text(80)
    city = text(120)
    postal_code = text(20)
    language = text(60)
    urgency = serializers.ChoiceField(Opportunity.Urgency.choices, required=False, allow_blank=True)
    competitors = serializers.ListField(
        child=serializers.CharField(max_length=120), required=False, max_length=20
    )
    complexity = serializers.IntegerField(min_value=1, max_value=5, required=False, allow_null=True)
    lead_score = serializers.IntegerField(min_value=0, max_value=100, required=False, allow_null=True)
    value = serializers.DecimalField(16, 2, min_value=0, required=False, allow_null=True)
    currency = serializers.RegexField(r"^[A-Za-z]{3}$", required=False, allow_blank=True)
    satisfaction = serializers.DecimalField(5, 2, required=False, allow_null=True)
    opened_at = Moment(required=False)
    custom = CustomValues(required=False)
