"""What the list of opportunities of the API can be narrowed by."""

import datetime

import django_filters
from django import forms
from django.db.models import QuerySet
from rest_framework import serializers

from crm.engine.conditions import condition_fields
from crm.forms.where import read_where
from crm.models import Opportunity
from crm.queries.conditions import matching
from crm.queries.words import own_fields

# Nothing was updated before, nor will be after: moments beyond them mean the same, and the database can show these.
FIRST, LAST = (datetime.datetime(year, 1, 1, tzinfo=datetime.UTC) for year in (1900, 2200))


class OpportunityFilterSet(django_filters.FilterSet):
    """Query parameters; unknown values are refused by name."""

    external_id = django_filters.CharFilter()
    kind = django_filters.ChoiceFilter(choices=Opportunity.Kind.choices)
    stage = django_filters.ChoiceFilter(choices=Opportunity.Stage.choices)
    routing = django_filters.ChoiceFilter(choices=Opportunity.Routing.choices)
    owner = django_filters.NumberFilter(field_name="owner_id")
    where = django_filters.CharFilter(method="narrowed", help_text="A condition (JSON), as rules have them.")
    updated_since = django_filters.IsoDateTimeFilter(method="since")

    def narrowed(self, found: QuerySet[Opportunity], name: str, value: str) -> QuerySet[Opportunity]:
        try:
            condition = read_where(value)
        except forms.ValidationError as refusal:
            raise serializers.ValidationError({name: refusal.messages}) from refusal
        return matching(condition, condition_fields(own_fields()), found)

    def since(
        self, found: QuerySet[Opportunity], name: str, value: datetime.datetime
    ) -> QuerySet[Opportunity]:
        """In UTC: the database knows no time zone sixteen hours away, which a request may well name."""
        moment = min(max(value, FIRST), LAST).astimezone(datetime.UTC)
        return found.filter(updated_at__gte=moment)

    class Meta:
        model = Opportunity
        fields = ("external_id", "kind", "stage", "routing", "owner", "updated_since")
