"""The crediting tables in the admin site, to look at; what is made from other rows is not shown there."""

from django.contrib import admin

from analytics.models import CreditTable, QuotaCredit
from reps.admin import ReadOnlyAdmin


@admin.register(CreditTable)
class CreditTableAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "file_name", "imported_by", "imported_at", "used_at")
    list_select_related = ("imported_by",)


@admin.register(QuotaCredit)
class QuotaCreditAdmin(ReadOnlyAdmin):
    list_display = ("rep", "territory", "segment", "share", "valid_from", "valid_until")
    list_select_related = ("rep", "territory")
