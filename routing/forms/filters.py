"""What the list of opportunities of the API can be narrowed by."""

import django_filters

from crm.models import Opportunity


class OpportunityFilterSet(django_filters.FilterSet):
    """Query parameters; unknown values are refused by name."""

    external_id = django_filters.CharFilter()
    kind = django_filters.ChoiceFilter(choices=Opportunity.Kind.choices)
    stage = django_filters.ChoiceFilter(choices=Opportunity.Stage.choices)
    routing = django_filters.ChoiceFilter(choices=Opportunity.Routing.choices)
    owner = django_filters.NumberFilter(field_name="owner_id")
    updated_since = django_filters.IsoDateTimeFilter(field_name="updated_at", lookup_expr="gte")

    class Meta:
        model = Opportunity
        fields = ("external_id", "kind", "stage", "routing", "owner", "updated_since")
