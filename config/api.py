"""The addresses of the API, version 1, with its schema and documentation."""

from django.contrib.auth.decorators import login_not_required
from django.urls import URLPattern, URLResolver, include, path
from drf_spectacular.views import SpectacularAPIView, SpectacularSwaggerSplitView
from rest_framework.routers import SimpleRouter

from crm.api import AccountViewSet, ActivityViewSet, ContactViewSet
from experiments.api import SatisfactionScoreViewSet
from reps.api.audit import AuditViewSet
from reps.api.reps import RepViewSet
from routing.api.batches import BatchViewSet
from routing.api.changes import ChangeViewSet
from routing.api.opportunities import OpportunityViewSet, TagSuggestionViewSet

router = SimpleRouter()
router.register("opportunities", OpportunityViewSet, basename="api-opportunity")
router.register("accounts", AccountViewSet, basename="api-account")
router.register("contacts", ContactViewSet, basename="api-contact")
router.register("reps", RepViewSet, basename="api-rep")
router.register("tag-suggestions", TagSuggestionViewSet, basename="api-tag-suggestion")
router.register("batches", BatchViewSet, basename="api-batch")
router.register("changes", ChangeViewSet, basename="api-change")
router.register("audit", AuditViewSet, basename="api-audit")
router.register("activities", ActivityViewSet, basename="api-activity")
router.register("satisfaction-scores", SatisfactionScoreViewSet, basename="api-satisfaction-score")

urlpatterns: list[URLPattern | URLResolver] = [
    path("", include(router.urls)),
    path("schema/", login_not_required(SpectacularAPIView.as_view()), name="api-schema"),
    path(
        "docs/",
        login_not_required(SpectacularSwaggerSplitView.as_view(url_name="api-schema")),
        name="api-docs",
    ),
]
