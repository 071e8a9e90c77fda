"""The vocabulary page: words that nobody has confirmed yet, known words, and spellings that mean them."""

from collections.abc import Sequence
from typing import Any

from django.db.models import Count, Model, Q, QuerySet

from crm.models import (
    Account,
    Alias,
    Contact,
    CustomField,
    ExchangeRate,
    Opportunity,
    Product,
    RegionLanguage,
    Term,
)
from crm.models.words import WordKind


def unknown_terms() -> list[Term]:
    """Words seen in records that nobody has confirmed, by kind."""
    return list(Term.objects.filter(is_known=False).order_by("kind", "name")[:500])


def unknown_count() -> int:
    return Term.objects.filter(is_known=False).count()


def known_names(kinds: list[str]) -> dict[str, list[str]]:
    """The known words of these kinds, offered while somebody says what an unknown one means."""
    found: dict[str, list[str]] = {kind: [] for kind in kinds}
    for kind, name in (
        Term.objects.filter(kind__in=kinds, is_known=True).order_by("name").values_list("kind", "name")
    ):
        found[kind].append(name)
    return found


def words_offered(
    kinds: Sequence[str] = (WordKind.SOURCE, WordKind.INDUSTRY, WordKind.LANGUAGE),
) -> dict[str, list[str]]:
    """Words of these kinds and products, offered while somebody describes an opportunity or states expertise."""
    products = Product.objects.filter(is_active=True).order_by("name").values_list("name", flat=True)
    return known_names(list(kinds)) | {WordKind.PRODUCT: list(products)}


def terms_matching(*, kind: str, words: str) -> QuerySet[Term]:
    found = Term.objects.filter(is_known=True)
    if kind:
        found = found.filter(kind=kind)
    return found.filter(name__icontains=words) if words else found


def aliases_matching(*, kind: str, words: str) -> QuerySet[Alias]:
    found = Alias.objects.filter(kind=kind) if kind else Alias.objects.all()
    return found.filter(Q(spelling__icontains=words) | Q(term__icontains=words)) if words else found


def records_with(terms: list[Term]) -> dict[int, int]:
    """How many records use each of these words; one query for each kind and kind of record that occurs."""
    found: dict[int, int] = {term.pk: 0 for term in terms}
    for kind in sorted({term.kind for term in terms}):
        names = {term.name: term.pk for term in terms if term.kind == kind}
        for model, field in WHERE_WORDS_ARE.get(kind, ()):
            counted = (
                model._default_manager.filter(**{f"{field}__in": list(names)})
                .values(field)
                .annotate(count=Count("pk"))
            )
            for row in counted.order_by():
                found[names[row[field]]] += row["count"]
        if kind == WordKind.COMPETITOR:
            for name, pk in names.items():
                found[pk] = Opportunity.objects.filter(competitors__contains=[name]).count()
    return found


# Where a kind's words stand in records. Competitors stand in a list and products are records of their own.
WHERE_WORDS_ARE: dict[str, tuple[tuple[type[Model], str], ...]] = {
    WordKind.INDUSTRY: ((Opportunity, "industry"), (Account, "industry")),
    WordKind.SOURCE: ((Opportunity, "source"),),
    WordKind.LANGUAGE: ((Opportunity, "language"), (Contact, "preferred_language")),
    WordKind.COUNTRY: ((Opportunity, "country"), (Account, "country")),
    WordKind.REGION: ((Opportunity, "region"), (Account, "region")),
    WordKind.CURRENCY: ((Opportunity, "currency"),),
    WordKind.PRODUCT: ((Opportunity, "product__name"),),
}


def custom_fields() -> QuerySet[CustomField]:
    return CustomField.objects.order_by("label")


def own_fields() -> list[dict[str, Any]]:
    """The organisation’s own fields, as conditions and configuration versions keep them."""
    return [dict(row) for row in CustomField.objects.values("key", "label", "type", "choices")]


def exchange_rates() -> QuerySet[ExchangeRate]:
    return ExchangeRate.objects.order_by("currency", "-valid_from")


def currencies_without_rate(base_currency: str) -> list[str]:
    """Currencies of records that cannot be compared with anything yet."""
    rated = ExchangeRate.objects.values("currency")
    used = Opportunity.objects.filter(value__isnull=False).exclude(currency__in=["", base_currency])
    return list(
        used.exclude(currency__in=rated).order_by("currency").values_list("currency", flat=True).distinct()
    )


def region_languages() -> QuerySet[RegionLanguage]:
    return RegionLanguage.objects.order_by("country", "region")
