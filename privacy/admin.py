"""Erasures, and what the retention rules did, to look at."""

from django.contrib import admin

from privacy.models import Erasure, RetentionRun, RetentionSettings
from reps.admin import ReadOnlyAdmin


@admin.register(Erasure)
class ErasureAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "made_at", "made_by", "reason", "is_by_rule")


@admin.register(RetentionRun)
class RetentionRunAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "ended_at", "counts")


@admin.register(RetentionSettings)
class RetentionSettingsAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "contacts_months", "import_files_days", "messages_days", "updated_at")
