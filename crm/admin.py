"""Admin pages of imports: to look at, not to change."""

from django.contrib import admin
from django.db.models import Model
from django.http import HttpRequest

from crm.models import ImportFile, ImportMapping, ImportRun


class ReadOnly:
    """Nobody adds, changes or deletes here: imports are made and discarded on their own pages."""

    def has_add_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Model | None = None) -> bool:
        return False


class ImportFileInline(ReadOnly, admin.TabularInline):
    model = ImportFile
    fields = ("name", "target", "columns", "options")
    readonly_fields = fields


@admin.register(ImportRun)
class ImportRunAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ("__str__", "state", "started_by", "created_at", "finished_at")
    list_filter = ("state",)
    inlines = (ImportFileInline,)


@admin.register(ImportMapping)
class ImportMappingAdmin(ReadOnly, admin.ModelAdmin):
    list_display = ("name", "target", "updated_at")
    list_filter = ("target",)
