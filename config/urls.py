"""The address of every page. Apps own their own `urls`; this file only mounts them."""

from django.contrib import admin
from django.urls import URLPattern, URLResolver, include, path

from config import views

urlpatterns: list[URLPattern | URLResolver] = [
    # First: of hundreds of addresses before it each would be tried for each lead.
    path("api/v1/", include("config.api")),
    path("", views.home, name="home"),
    path("", include("reps.urls")),
    path("", include("routing.urls")),
    path("", include("crm.urls")),
    path("analytics/", include("analytics.urls")),
    path("", include("privacy.urls")),
    path("", include("operations.urls")),
    path("styleguide/", views.styleguide, name="styleguide"),
    path("admin/", admin.site.urls),
]
