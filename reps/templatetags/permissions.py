"""Asking the permission matrix in a template: `{% if request|may:"edit_accounts" %}`."""

from django import template
from django.http import HttpRequest

from reps import permissions

register = template.Library()


@register.filter
def may(request: HttpRequest, permission: str) -> bool:
    return permissions.may(request.user, permission)
