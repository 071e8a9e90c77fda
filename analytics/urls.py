from django.urls import URLPattern, path

from analytics.views import gaps

urlpatterns: list[URLPattern] = [
    path("gaps/", gaps.gaps, name="analytics_gaps"),
    path("gaps.csv", gaps.gaps_file, name="analytics_gaps_csv"),
    path("gaps/weeks.csv", gaps.weeks_file, name="analytics_gaps_weeks_csv"),
    path("gaps/<slug:key>/", gaps.gap, name="analytics_gap"),
]
