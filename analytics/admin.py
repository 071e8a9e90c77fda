"""Crediting tables, coaching findings, reports and alarms in the admin site, to look at; not what is counted."""

from django.contrib import admin

from analytics.models import Alarm, CoachingFinding, CreditTable, QuotaCredit, Report
from reps.admin import ReadOnlyAdmin


@admin.register(CreditTable)
class CreditTableAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "file_name", "imported_by", "imported_at", "used_at")
    list_select_related = ("imported_by",)


@admin.register(QuotaCredit)
class QuotaCreditAdmin(ReadOnlyAdmin):
    list_display = ("rep", "territory", "segment", "share", "valid_from", "valid_until")
    list_select_related = ("rep", "territory")


@admin.register(CoachingFinding)
class CoachingFindingAdmin(ReadOnlyAdmin):
    list_display = ("rep", "kind", "dimension", "level", "won", "closed", "expected", "state", "last_seen")
    list_select_related = ("rep",)


@admin.register(Report)
class ReportAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "user", "said", "is_told", "created_at")
    list_select_related = ("user",)


@admin.register(Alarm)
class AlarmAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "began_at", "ended_at", "acknowledged_by")
    list_select_related = ("acknowledged_by",)
