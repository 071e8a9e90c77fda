"""How the organisation's words are named on a page."""

from django import template

from crm.models.words import WordKind

register = template.Library()


@register.filter
def word_kind(kind: str) -> str:
    """`size_band` is called “Company size”."""
    return str(WordKind(kind).label) if kind in WordKind.values else kind
