"""Admin pages of territories, until the settings page of their own."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError

from crm.engine.conditions import ConditionError, compile_condition
from territories.models import Coverage, Territory


class TerritoryForm(forms.ModelForm):
    def clean_condition(self) -> Any:
        condition = self.cleaned_data["condition"] or {}
        try:
            compile_condition(condition)
        except ConditionError as error:
            raise ValidationError(str(error)) from error
        return condition

    def clean_parent(self) -> Territory | None:
        """A territory cannot lie inside itself."""
        parent: Territory | None = self.cleaned_data["parent"]
        above, seen = parent, set()
        while above is not None and above.pk not in seen:
            if above.pk == self.instance.pk:
                raise ValidationError(f"{parent} lies inside this territory already.")
            seen.add(above.pk)
            above = above.parent
        return parent


class CoverageInline(admin.TabularInline):
    model = Coverage
    extra = 1


@admin.register(Territory)
class TerritoryAdmin(admin.ModelAdmin):
    form = TerritoryForm
    list_display = ("name", "parent", "is_active", "note")
    list_select_related = ("parent",)
    search_fields = ("name",)
    inlines = (CoverageInline,)
