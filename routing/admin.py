"""Admin pages of the routing records. All of them read only: what is configured has pages of its own, which refuse what
cannot be."""

from django.contrib import admin

from reps.admin import ReadOnlyAdmin
from routing.models import (
    AutomationChange,
    Batch,
    BatchItem,
    BatchWait,
    CapacitySettings,
    Change,
    ChatChannel,
    ConfigurationVersion,
    Decision,
    Delivery,
    Departure,
    Digest,
    FirstTouchClock,
    HistoryCheck,
    ModelEvent,
    ModelSettings,
    ModelVersion,
    Notification,
    NotificationSettings,
    OutboxMessage,
    Override,
    OverrideReason,
    Policy,
    QueueItem,
    Rule,
    TurnReturn,
    WebForm,
    Webhook,
    WebhookDelivery,
)


@admin.register(Rule)
class RuleAdmin(ReadOnlyAdmin):
    list_display = ("position", "name", "action", "rep", "team", "is_active")
    list_display_links = ("name",)
    list_select_related = ("rep", "team")
    list_filter = ("action", "is_active")
    search_fields = ("name",)


@admin.register(Policy)
class PolicyAdmin(ReadOnlyAdmin):
    list_display = ("position", "name", "mode", "application", "threshold", "is_active")
    list_display_links = ("name",)


@admin.register(Batch)
class BatchAdmin(ReadOnlyAdmin):
    list_display = ("id", "policy_name", "state", "requested_at", "published_at", "closed_at")


@admin.register(BatchItem)
class BatchItemAdmin(ReadOnlyAdmin):
    list_display = ("opportunity", "batch", "rep", "edit", "conflict")
    list_select_related = ("opportunity", "batch", "rep")


@admin.register(BatchWait)
class BatchWaitAdmin(ReadOnlyAdmin):
    list_display = ("opportunity", "policy_name", "due_at", "waiting_since")
    list_select_related = ("opportunity",)


@admin.register(FirstTouchClock)
class FirstTouchClockAdmin(ReadOnlyAdmin):
    list_display = ("opportunity", "policy_name", "state", "due_at", "ended_at")
    list_select_related = ("opportunity",)


@admin.register(CapacitySettings)
class CapacitySettingsAdmin(ReadOnlyAdmin):
    list_display = ("available_up_to_pct", "near_up_to_pct", "at_up_to_pct", "updated_at")


@admin.register(OverrideReason)
class OverrideReasonAdmin(ReadOnlyAdmin):
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


@admin.register(AutomationChange)
class AutomationChangeAdmin(ReadOnlyAdmin):
    list_display = ("state", "at", "by", "reason")
    list_select_related = ("by",)


@admin.register(TurnReturn)
class TurnReturnAdmin(ReadOnlyAdmin):
    list_display = ("decision", "why", "at")


@admin.register(Departure)
class DepartureAdmin(ReadOnlyAdmin):
    list_display = ("rep", "made_by", "made_at", "returned_at")
    list_select_related = ("rep", "made_by")


@admin.register(OutboxMessage)
class OutboxMessageAdmin(ReadOnlyAdmin):
    list_display = ("topic", "created_at", "attempts", "delivered_at", "last_error")
    list_filter = ("topic",)
    show_full_result_count = False


@admin.register(Notification)
class NotificationAdmin(ReadOnlyAdmin):
    list_display = ("user", "text", "created_at", "read_at")
    list_select_related = ("user",)


@admin.register(Delivery)
class DeliveryAdmin(ReadOnlyAdmin):
    list_display = ("created_at", "channel", "kind", "state", "attempts", "next_attempt_at", "last_error")
    list_filter = ("channel", "state")


@admin.register(Digest)
class DigestAdmin(ReadOnlyAdmin):
    list_display = ("day", "user", "created_at")
    list_select_related = ("user",)


@admin.register(ChatChannel)
class ChatChannelAdmin(ReadOnlyAdmin):
    list_display = ("name", "hint", "is_active")


@admin.register(NotificationSettings)
class NotificationSettingsAdmin(ReadOnlyAdmin):
    list_display = ("user", "chat_hint", "updated_at")
    list_select_related = ("user",)


@admin.register(Change)
class ChangeAdmin(ReadOnlyAdmin):
    list_display = ("number", "event", "opportunity", "from_rep", "to_rep", "at")
    list_select_related = ("opportunity", "from_rep", "to_rep")
    list_filter = ("event",)


@admin.register(Webhook)
class WebhookAdmin(ReadOnlyAdmin):
    list_display = ("name", "address", "is_active", "failures")
    exclude = ("sealed",)


@admin.register(WebhookDelivery)
class WebhookDeliveryAdmin(ReadOnlyAdmin):
    list_display = ("key", "webhook", "state", "attempts", "status", "planned_at")
    list_select_related = ("webhook",)
    list_filter = ("state",)


@admin.register(WebForm)
class WebFormAdmin(ReadOnlyAdmin):
    list_display = ("name", "is_active", "accepted", "trapped", "limited")
