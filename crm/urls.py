"""Addresses of records: accounts, contacts, products, opportunities, and the words they use."""

from django.urls import URLPattern

urlpatterns: list[URLPattern] = []
