"""Admin pages of territories, to look at: they are edited on the page of their own."""

from django.contrib import admin

from reps.admin import ReadOnlyAdmin
from territories.models import Coverage, Territory


class CoverageInline(admin.TabularInline):
    model = Coverage
    extra = 0
    can_delete = False

    def has_add_permission(self, *args: object) -> bool:
        return False

    def has_change_permission(self, *args: object) -> bool:
        return False


@admin.register(Territory)
class TerritoryAdmin(ReadOnlyAdmin):
    list_display = ("name", "parent", "is_active", "note")
    list_select_related = ("parent",)
    search_fields = ("name",)
    inlines = (CoverageInline,)
