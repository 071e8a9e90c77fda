from django.urls import path

from privacy import views

urlpatterns = [
    path("privacy/", views.people, name="privacy"),
    path("privacy/retention/", views.retention, name="privacy_retention"),
    path("privacy/<str:kind>/<int:pk>/", views.person, name="privacy_person"),
    path("privacy/<str:kind>/<int:pk>/export/", views.person_export, name="privacy_export"),
    path("my/data/", views.my_data, name="my_data"),
    path("my/data/download/", views.my_data_export, name="my_data_export"),
]
