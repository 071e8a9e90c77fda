"""What a routed request is measured against: the product's addresses, and beside them a POST that only stores.

Same process, authentication, permission, serializer, pool and commit; one INSERT instead of a decision.
"""

from django.urls import include, path
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.views import APIView

from crm.models import Opportunity
from reps.api.records import HasPermission
from routing.api.opportunities import OpportunityInput


class BareInsert(APIView):
    """Validates as the product does, and writes the opportunity's row."""

    permission_classes = (HasPermission,)
    permission_by_method = {"POST": "create_opportunities"}

    def post(self, request: Request) -> Response:
        incoming = OpportunityInput(data=request.data, context={"request": request})
        incoming.is_valid(raise_exception=True)
        values = dict(incoming.validated_data)
        for name in ("company", "person", "product"):
            values.pop(name, None)
        stored = Opportunity.objects.create(**values, routing=Opportunity.Routing.NONE)
        return Response({"id": stored.pk, "name": stored.name, "external_id": stored.external_id}, status=201)


urlpatterns = [path("bare/", BareInsert.as_view()), path("", include("config.urls"))]
