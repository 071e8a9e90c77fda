"""The crediting table that counts, and those before."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from django.db.models import Count, QuerySet

from analytics.engine.credit import CreditRow
from analytics.models import CreditTable, QuotaCredit

TEMPLATE = (
    "rep,territory,industry,size_band,product,kind,source,share,valid_from,valid_until\n"
    "ana@example.com,Overseas / Iberia,,,,,,100,,\n"
    "ben@example.com,,Healthcare,200-999,,,,50,2026-01-01,2026-12-31\n"
)
FIELDS = tuple(name for name in CreditRow.__dataclass_fields__)


def current_table() -> CreditTable | None:
    return CreditTable.objects.filter(used_at__isnull=False).order_by("-used_at", "-pk").first()


def tables() -> QuerySet[CreditTable]:
    return CreditTable.objects.select_related("imported_by").annotate(size=Count("rows"))


def rows_by_rep(table: CreditTable) -> Mapping[int, Sequence[CreditRow]]:
    found: dict[int, list[CreditRow]] = defaultdict(list)
    for values in QuotaCredit.objects.filter(table=table).order_by("pk").values_list(*FIELDS):
        row = CreditRow(**dict(zip(FIELDS, values, strict=True)))
        found[row.rep_id].append(row)
    return found


def rows_of(table: CreditTable) -> QuerySet[QuotaCredit]:
    return QuotaCredit.objects.filter(table=table).select_related("rep", "territory").order_by("pk")
