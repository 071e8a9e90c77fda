"""Admin pages of the routing records. What is history is read only; what is edited takes effect when published."""

from typing import Any

from django import forms
from django.contrib import admin
from django.core.exceptions import ValidationError
from django.http import HttpRequest

from crm.engine.conditions import ConditionError, compile_condition
from crm.models import CustomField
from reps.admin import ReadOnlyAdmin
from routing.engine.configuration import ConfigurationError, check_requirement, condition_fields
from routing.models import (
    CapacitySettings,
    ConfigurationVersion,
    Decision,
    HistoryCheck,
    ModelEvent,
    ModelSettings,
    ModelVersion,
    Notification,
    OutboxMessage,
    Override,
    OverrideReason,
    Policy,
    QueueItem,
    Rule,
)


def check_condition(condition: Any) -> Any:
    """The condition if it can be evaluated; raises ValidationError saying where it cannot."""
    fields = condition_fields(list(CustomField.objects.values("key", "label", "type", "choices")))
    try:
        compile_condition(condition, fields)
    except ConditionError as error:
        raise ValidationError(str(error)) from error
    return condition


class ConditionForm(forms.ModelForm):
    """Refuses conditions that cannot be."""

    def clean_condition(self) -> Any:
        return check_condition(self.cleaned_data["condition"] or {})


class RuleForm(ConditionForm):
    def clean(self) -> dict[str, Any]:
        values = super().clean() or {}
        action = values.get("action")
        needs = {"route_to_rep": "rep", "route_to_team": "team", "exclude_reps": "excluded"}
        wanted = needs.get(str(action))
        if wanted and not values.get(wanted):
            self.add_error(wanted, "The action needs this.")
        for name in {"rep", "team"} - {wanted}:
            values[name] = None
        if action == "require":
            try:
                check_requirement(
                    "Requirement", values.get("required_field", ""), values.get("required_value", "")
                )
            except ConfigurationError as error:
                self.add_error("required_field", error.message)
        return values


@admin.register(Rule)
class RuleAdmin(admin.ModelAdmin):
    form = RuleForm
    list_display = ("position", "name", "action", "rep", "team", "is_active")
    list_display_links = ("name",)
    list_filter = ("action", "is_active")
    search_fields = ("name",)
    filter_horizontal = ("excluded",)


@admin.register(Policy)
class PolicyAdmin(admin.ModelAdmin):
    form = ConditionForm
    list_display = ("position", "name", "mode", "application", "threshold", "is_active")
    list_display_links = ("name",)


@admin.register(CapacitySettings)
class CapacitySettingsAdmin(admin.ModelAdmin):
    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any | None = None) -> bool:
        return False


@admin.register(OverrideReason)
class OverrideReasonAdmin(admin.ModelAdmin):
    list_display = ("label", "is_about_fit", "is_active", "position")


@admin.register(ConfigurationVersion)
class ConfigurationVersionAdmin(ReadOnlyAdmin):
    list_display = ("number", "published_at", "published_by", "note")


@admin.register(ModelVersion)
class ModelVersionAdmin(ReadOnlyAdmin):
    list_display = ("number", "kind", "state", "created_at")
    exclude = ("artifact", "report")  # megabytes; the model page shows what they say


@admin.register(ModelEvent)
class ModelEventAdmin(ReadOnlyAdmin):
    list_display = ("kind", "model", "champion_before", "by", "at", "note")
    list_select_related = ("model", "champion_before", "by")


@admin.register(ModelSettings)
class ModelSettingsAdmin(ReadOnlyAdmin):
    list_display = ("months", "override_weight", "tag_trust", "updated_at")


@admin.register(HistoryCheck)
class HistoryCheckAdmin(ReadOnlyAdmin):
    list_display = ("name", "as_of", "requested_by", "created_at")
    list_select_related = ("requested_by",)
    exclude = ("content",)


@admin.register(Decision)
class DecisionAdmin(ReadOnlyAdmin):
    list_display = ("id", "opportunity", "made_at", "outcome", "via", "rep", "score")
    list_select_related = ("opportunity", "rep")
    list_filter = ("outcome", "via")
    exclude = ("state", "columns")
    show_full_result_count = False


@admin.register(QueueItem)
class QueueItemAdmin(ReadOnlyAdmin):
    list_display = ("id", "opportunity", "kind", "rep", "state", "waiting_since")
    list_select_related = ("opportunity", "rep")
    list_filter = ("state", "kind")
    show_full_result_count = False


@admin.register(Override)
class OverrideAdmin(ReadOnlyAdmin):
    list_display = ("opportunity", "from_rep", "to_rep", "reason", "made_by", "made_at")
    list_select_related = ("opportunity", "from_rep", "to_rep", "reason", "made_by")


@admin.register(OutboxMessage)
class OutboxMessageAdmin(ReadOnlyAdmin):
    list_display = ("topic", "created_at", "attempts", "delivered_at", "last_error")
    list_filter = ("topic",)
    show_full_result_count = False


@admin.register(Notification)
class NotificationAdmin(ReadOnlyAdmin):
    list_display = ("user", "text", "created_at", "read_at")
    list_select_related = ("user",)
