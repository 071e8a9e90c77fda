from django.urls import path

from operations.views import growth, status

urlpatterns = [
    path("status/", status.status_page, name="status"),
    path("status/growth/", growth.growth_page, name="growth"),
    path("status/growth/retention/", growth.retention_save, name="retention_save"),
    path("status/jobs/<int:pk>/run/", status.job_run_now, name="job_run_now"),
    path("status/guarantees/check/", status.guarantees_check, name="guarantees_check"),
]
