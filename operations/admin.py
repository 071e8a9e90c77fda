"""Heartbeats, runs of jobs, alarms, checks and what grows in the admin site, to look at."""

from django.contrib import admin

from operations.models import (
    ArchivedMonth,
    Backup,
    ErasedRow,
    GrowthSample,
    Incident,
    InvariantCheck,
    JobRun,
    ProcessBeat,
    Retention,
)
from reps.admin import ReadOnlyAdmin


@admin.register(ProcessBeat)
class ProcessBeatAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "version", "started_at", "last_seen_at")


@admin.register(JobRun)
class JobRunAdmin(ReadOnlyAdmin):
    list_display = ("func", "last_ended_at", "last_worked_at", "last_failed_at", "failures", "last_error")


@admin.register(Incident)
class IncidentAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "said", "began_at", "last_seen_at", "ended_at")


@admin.register(Backup)
class BackupAdmin(ReadOnlyAdmin):
    list_display = ("began_at", "ended_at", "place", "size_bytes", "error")


@admin.register(InvariantCheck)
class InvariantCheckAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "rows", "violations", "ended_at")


@admin.register(Retention)
class RetentionAdmin(ReadOnlyAdmin):
    list_display = ("kind", "months", "changed_at", "changed_by")
    list_select_related = ("changed_by",)


@admin.register(ArchivedMonth)
class ArchivedMonthAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "rows", "removed_rows", "kept_rows", "file", "checked_at", "error")


@admin.register(ErasedRow)
class ErasedRowAdmin(ReadOnlyAdmin):
    list_display = ("archived", "row")


@admin.register(GrowthSample)
class GrowthSampleAdmin(ReadOnlyAdmin):
    list_display = ("day", "table", "rows", "size_bytes")
