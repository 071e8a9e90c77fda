"""Durations in words."""

from django import template

from analytics.queries.words import duration

register = template.Library()

register.filter("lasting", duration)
