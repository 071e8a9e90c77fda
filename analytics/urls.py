from django.urls import URLPattern, path

from analytics.views import routing

urlpatterns: list[URLPattern] = [
    path("routing/", routing.analytics_routing, name="analytics_routing"),
    path("routing/opportunities/", routing.analytics_opportunities, name="analytics_opportunities"),
    path("routing/<slug:key>.csv", routing.analytics_csv, name="analytics_csv"),
]
