"""Exchange rates, and values in the base currency that follow them."""

from datetime import datetime

from django.db import connection, transaction

from crm.models import CustomField, ExchangeRate, RegionLanguage
from crm.services.ownership import many_at_once, recount_loads
from reps.models import Organisation, User
from reps.queries import organisation
from reps.services.edits import lock_unchanged
from reps.services.people import save_organisation

# The rate of the day on which the opportunity was opened, the oldest one for days before it; a value whose currency
# has no rate is flagged. The same as crm.queries.vocabulary.in_base_currency, for many rows in one statement.
REPRICE = """
WITH priced AS (
    SELECT o.id, CASE WHEN o.currency = %(base)s THEN o.value ELSE round(o.value * coalesce(
        (SELECT e.rate FROM crm_exchangerate e WHERE e.currency = o.currency
            AND e.valid_from <= (o.opened_at AT TIME ZONE 'UTC')::date ORDER BY e.valid_from DESC LIMIT 1),
        (SELECT e.rate FROM crm_exchangerate e WHERE e.currency = o.currency ORDER BY e.valid_from LIMIT 1)
    ), 2) END AS in_base
    FROM crm_opportunity o WHERE o.value IS NOT NULL AND (%(currency)s = '' OR o.currency = %(currency)s)
)
UPDATE crm_opportunity o SET value_base = p.in_base,
    flags = (o.flags - 'rate'::text) || CASE WHEN p.in_base IS NULL THEN '["rate"]'::jsonb ELSE '[]'::jsonb END
FROM priced p WHERE p.id = o.id AND o.value_base IS DISTINCT FROM p.in_base
"""


@transaction.atomic
def reprice(*, currency: str = "") -> int:
    """Set values in the base currency anew, of one currency or of all; pipelines follow. Returns how many changed."""
    with many_at_once(), connection.cursor() as cursor:
        cursor.execute(REPRICE, {"base": organisation().base_currency, "currency": currency})
        changed = cursor.rowcount
    if changed:
        recount_loads()
    return changed


@transaction.atomic
def save_rate(*, rate: ExchangeRate, seen: datetime | None = None, by: User) -> int:
    """Create or change a rate. Returns how many opportunities are worth something else now."""
    before = lock_unchanged(rate, seen=seen).currency if rate.pk else ""
    rate.save()
    changed = reprice(currency=rate.currency)
    return changed + (reprice(currency=before) if before and before != rate.currency else 0)


@transaction.atomic
def delete_rate(*, rate: ExchangeRate, by: User) -> int:
    rate.delete()
    return reprice(currency=rate.currency)


@transaction.atomic
def change_organisation(*, facts: Organisation, seen: datetime | None = None, by: User) -> Organisation:
    """Save the organisation's settings; another base currency sets all values anew."""
    before = organisation().base_currency
    save_organisation(organisation=facts, seen=seen, by=by)
    if facts.base_currency != before:
        reprice()
    return facts


# --- small settings --------------------------------------------------------------------------------------------------


@transaction.atomic
def save_custom_field(*, field: CustomField, seen: datetime | None = None, by: User) -> CustomField:
    """Create or change a field. Its key stays, because imports, the API and stored values use it."""
    if field.pk:
        field.key = lock_unchanged(field, seen=seen).key
    field.save()
    return field


@transaction.atomic
def delete_custom_field(*, field: CustomField, by: User) -> None:
    """Take a field from the forms. Values that records hold stay with them, and come back with the same key."""
    field.delete()


@transaction.atomic
def save_region_language(
    *, mapping: RegionLanguage, seen: datetime | None = None, by: User
) -> RegionLanguage:
    """Say what a place speaks. It holds for opportunities that come in from now on."""
    if mapping.pk:
        lock_unchanged(mapping, seen=seen)
    mapping.save()
    return mapping


@transaction.atomic
def delete_region_language(*, mapping: RegionLanguage, by: User) -> None:
    mapping.delete()
