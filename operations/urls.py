from django.urls import path

from operations.views import status

urlpatterns = [
    path("status/", status.status_page, name="status"),
    path("status/jobs/<int:pk>/run/", status.job_run_now, name="job_run_now"),
    path("status/guarantees/check/", status.guarantees_check, name="guarantees_check"),
]
