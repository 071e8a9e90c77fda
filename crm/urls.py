"""Addresses of records: accounts, contacts, products, opportunities, and the organisation's settings of them."""

from django.urls import URLPattern, path

from crm.views import records, settings

urlpatterns: list[URLPattern] = [
    path("opportunities/", records.opportunity_list, name="opportunities"),
    path("accounts/", records.account_list, name="accounts"),
    path("accounts/new/", records.account_form, name="account_new"),
    path("accounts/suggestions/", records.account_suggestions, name="account_suggestions"),
    path("accounts/<int:pk>/", records.account_page, name="account"),
    path("accounts/<int:pk>/edit/", records.account_form, name="account_edit"),
    path("accounts/<int:pk>/delete/", records.account_delete, name="account_delete"),
    path("contacts/", records.contact_list, name="contacts"),
    path("contacts/new/", records.contact_form, name="contact_new"),
    path("contacts/<int:pk>/", records.contact_page, name="contact"),
    path("contacts/<int:pk>/edit/", records.contact_form, name="contact_edit"),
    path("contacts/<int:pk>/delete/", records.contact_delete, name="contact_delete"),
    path("products/", records.product_list, name="products"),
    path("products/new/", records.product_form, name="product_new"),
    path("products/<int:pk>/", records.product_form, name="product"),
    path("organisation/", settings.organisation_page, name="organisation"),
    path("organisation/rates/", settings.rate_list, name="rates"),
    path("organisation/rates/new/", settings.rate_form, name="rate_new"),
    path("organisation/rates/<int:pk>/", settings.rate_form, name="rate"),
    path("organisation/rates/<int:pk>/delete/", settings.rate_delete, name="rate_delete"),
    path("organisation/languages/", settings.region_language_list, name="region_languages"),
    path("organisation/languages/new/", settings.region_language_form, name="region_language_new"),
    path("organisation/languages/<int:pk>/", settings.region_language_form, name="region_language"),
    path(
        "organisation/languages/<int:pk>/delete/",
        settings.region_language_delete,
        name="region_language_delete",
    ),
    path("custom-fields/", settings.custom_field_list, name="custom_fields"),
    path("custom-fields/new/", settings.custom_field_form, name="custom_field_new"),
    path("custom-fields/<int:pk>/", settings.custom_field_form, name="custom_field"),
    path("custom-fields/<int:pk>/delete/", settings.custom_field_delete, name="custom_field_delete"),
    path("vocabulary/", settings.vocabulary, name="vocabulary"),
    path("vocabulary/words/new/", settings.term_new, name="term_new"),
    path("vocabulary/words/<int:pk>/confirm/", settings.term_confirm, name="term_confirm"),
    path("vocabulary/words/<int:pk>/map/", settings.term_map, name="term_map"),
    path("vocabulary/spellings/new/", settings.alias_new, name="alias_new"),
    path("vocabulary/spellings/<int:pk>/delete/", settings.alias_delete, name="alias_delete"),
]
