"""The main navigation: which pages a role sees, under the specification's own names.

A page is linked once its URL name resolves, so a page that is not built yet is not offered. The item whose address
is the longest prefix of the page's own is the current one, so a record's page marks its list.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import NoReverseMatch, reverse

from reps.models import User
from reps.permissions import may
from reps.queries.pages import Counted
from reps.queries.tags import suggestions_waiting_for
from routing.queries.messages import dead_for
from routing.queries.queue import queue_visible_to
from routing.queries.webhooks import dead_webhook_deliveries


@dataclass(frozen=True)
class Item:
    label: str
    url_name: str
    permission: str
    url: str = ""
    is_current: bool = False
    count: int | None = None


@dataclass(frozen=True)
class Section:
    label: str
    items: tuple[Item, ...]


SECTIONS = (
    Section(
        "",
        (
            Item("Routing Queue", "queue", "see_queue"),
            Item("Batches", "batches", "see_queue"),
            Item("My Work", "my_work", "see_records"),
            Item("Workload", "board", "see_queue"),
            Item("Opportunities", "opportunities", "see_records"),
            Item("Accounts", "accounts", "see_records"),
            Item("Contacts", "contacts", "see_records"),
            Item("How routing works", "how_it_works", "see_records"),
        ),
    ),
    Section(
        "Analytics",
        (
            Item("Routing", "analytics_routing", "see_analytics"),
            Item("Model", "analytics_model", "see_analytics"),
            Item("Coverage", "analytics_coverage", "see_analytics"),
            Item("Gaps", "analytics_gaps", "see_analytics"),
            Item("Load", "analytics_load", "see_analytics"),
            Item("Coaching", "analytics_coaching", "see_analytics"),
            Item("Overrides", "analytics_overrides", "see_analytics"),
            Item("Backtests", "analytics_backtests", "see_analytics"),
            Item("Quota Credit", "analytics_credit", "see_analytics"),
            Item("Reports", "analytics_reports", "see_analytics"),
        ),
    ),
    Section(
        "Settings",
        (
            Item("Routing Rules", "rules", "see_configuration"),
            Item("Territories", "territories", "see_configuration"),
            Item("Named Accounts", "named_accounts", "see_configuration"),
            Item("Rep Profiles", "reps", "see_people"),
            Item("Teams", "teams", "see_people"),
            Item("Policies", "policies", "see_configuration"),
            Item("Override Reasons", "override_reasons", "edit_organisation"),
            Item("Experiments", "experiments", "see_configuration"),
            Item("Products", "products", "see_records"),
            Item("Vocabulary", "vocabulary", "edit_organisation"),
            Item("Imports", "imports", "import_records"),
            Item("Custom Fields", "custom_fields", "edit_organisation"),
            Item("Messages", "messages", "edit_organisation"),
            Item("Organisation", "organisation", "edit_organisation"),
            Item("API Tokens", "tokens", "make_tokens"),
            Item("Webhooks", "webhooks", "edit_integrations"),
            Item("Web Forms", "web_forms", "edit_integrations"),
            Item("Users", "users", "edit_users"),
            Item("Sign-in", "sign_in_settings", "edit_users"),
            Item("Status", "status", "see_status"),
            Item("Growth", "growth", "see_status"),
            Item("Audit Log", "audit", "see_audit"),
        ),
    ),
)

REP_TABS = (
    Item("My Work", "my_work", "see_records"),
    Item("Pipeline", "opportunities", "see_records"),
    Item("Profile", "my_profile", "edit_own_profile"),
    Item("Fairness", "fairness", "see_records"),
)
TABS = (
    Item("Queue", "queue", "see_queue"),
    Item("Pipeline", "opportunities", "see_records"),
    Item("Reps", "reps", "see_people"),
    Item("Rules", "rules", "see_configuration"),
    Item("Analytics", "analytics_routing", "see_analytics"),
)

MOST = 1000  # counted no further
# What is counted beside an item, by URL name; None where this user has nothing to do with it.
COUNTED: dict[str, Callable[[User], QuerySet[Any] | None]] = {
    "queue": queue_visible_to,
    "reps": suggestions_waiting_for,
    "messages": dead_for,
    "webhooks": dead_webhook_deliveries,
}
ONLY_IF_ANY = {"reps", "messages", "webhooks"}  # no number rather than a nought


def waiting_counts(user: User, url_names: Iterable[str]) -> dict[str, int | None]:
    """The numbers beside these items, in one query."""
    found = {name: COUNTED[name](user) for name in url_names}
    counts = {
        f"count_{name}": Counted(rows.order_by().values("pk")[:MOST])
        for name, rows in found.items()
        if rows is not None
    }
    if not counts:
        return {}
    row: dict[str, Any] = dict(User.objects.filter(pk=user.pk).values(**counts).get())
    numbers = {name: row.get(f"count_{name}") for name in found}
    return {name: (number or None) if name in ONLY_IF_ANY else number for name, number in numbers.items()}


@cache
def address(url_name: str) -> str:
    try:
        return reverse(url_name)
    except NoReverseMatch:
        return ""


def offered(items: Iterable[Item], user: User, path: str, counts: dict[str, int | None]) -> tuple[Item, ...]:
    """The items that exist and that the user may see, the current one marked."""
    found = [
        replace(item, url=address(item.url_name), count=counts.get(item.url_name))
        for item in items
        if address(item.url_name) and may(user, item.permission)
    ]
    here = max((item.url for item in found if path.startswith(item.url)), key=len, default=None)
    return tuple(replace(item, is_current=item.url == here) for item in found)


def navigation(request: HttpRequest) -> dict[str, Any]:
    user = getattr(request, "user", None)
    if not isinstance(user, User) or getattr(request, "htmx", False):
        return {}  # nobody to navigate, or a region of a page: the frame is there already
    items = [item for section in SECTIONS for item in section.items]
    counted = [item.url_name for item in items if item.url_name in COUNTED and may(user, item.permission)]
    counts = waiting_counts(user, counted)
    everything = offered(items, user, request.path, counts)
    by_name = {item.url_name: item for item in everything}
    sections = [
        Section(
            section.label, tuple(by_name[item.url_name] for item in section.items if item.url_name in by_name)
        )
        for section in SECTIONS
    ]
    tabs = offered(REP_TABS if user.role == User.Role.REP else TABS, user, request.path, counts)
    return {"navigation": [section for section in sections if section.items], "tabs": tabs[:4]}
