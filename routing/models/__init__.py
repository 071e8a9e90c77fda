"""Routing: configuration and its versions, decisions, the queue, overrides, models, messages out."""

from routing.models.automation import AutomationChange
from routing.models.batch_requests import BatchRequest
from routing.models.batches import Batch, BatchItem, BatchPart, BatchPiece, BatchWait
from routing.models.changes import Change, ChangeCounter
from routing.models.clocks import FirstTouchClock
from routing.models.configuration import CapacitySettings, ConfigurationVersion, Policy, Rule
from routing.models.decisions import Decision, RosterSnapshot
from routing.models.deliveries import ByEmail, ChatChannel, Delivery, NotificationSettings, Weekday
from routing.models.departures import Departure
from routing.models.intake import IntakeReceipt
from routing.models.load_samples import LoadSample
from routing.models.messages import Digest, Notification, OutboxMessage
from routing.models.queue import FactsChange, Override, OverrideReason, QueueItem
from routing.models.registry import HistoryCheck, ModelEvent, ModelSettings, ModelVersion
from routing.models.turns import TurnReturn
from routing.models.web_forms import WebForm, WebFormHour
from routing.models.webhooks import Webhook, WebhookDelivery

__all__ = [
    "AutomationChange",
    "Batch",
    "BatchItem",
    "BatchPart",
    "BatchPiece",
    "BatchRequest",
    "BatchWait",
    "ByEmail",
    "CapacitySettings",
    "Change",
    "ChangeCounter",
    "ChatChannel",
    "ConfigurationVersion",
    "Decision",
    "Delivery",
    "Departure",
    "Digest",
    "FactsChange",
    "FirstTouchClock",
    "HistoryCheck",
    "IntakeReceipt",
    "LoadSample",
    "ModelEvent",
    "ModelSettings",
    "ModelVersion",
    "Notification",
    "NotificationSettings",
    "OutboxMessage",
    "Override",
    "OverrideReason",
    "Policy",
    "QueueItem",
    "RosterSnapshot",
    "Rule",
    "TurnReturn",
    "WebForm",
    "WebFormHour",
    "Webhook",
    "WebhookDelivery",
    "Weekday",
]
