"""Who may do what: the one matrix of roles. Every view and every API endpoint asks it; docs show it; tests walk it.

A permission says what a role may do at all. *Whose* records it may do it to is decided in the look-ups
(`reps.queries.reps_visible_to`, `crm.queries.opportunities_visible_to`, ...), so that a page of somebody else's
team answers 404 and not 403.
"""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase
from django_htmx.middleware import HtmxDetails

from reps.models import User

OPS, MANAGER, REP, ANALYST, ADMIN = (
    User.Role.OPS,
    User.Role.MANAGER,
    User.Role.REP,
    User.Role.ANALYST,
    User.Role.ADMIN,
)

MATRIX: dict[str, frozenset[str]] = {
    # reading
    "see_records": frozenset({OPS, MANAGER, REP, ANALYST, ADMIN}),  # a rep: the own ones
    "see_queue": frozenset({OPS, MANAGER, ANALYST, ADMIN}),  # a manager: the own teams'
    "see_configuration": frozenset({OPS, MANAGER, ANALYST, ADMIN}),
    "see_people": frozenset({OPS, MANAGER, REP, ANALYST, ADMIN}),
    "see_analytics": frozenset({OPS, MANAGER, ANALYST, ADMIN}),
    # records
    "edit_opportunities": frozenset({OPS, MANAGER, ADMIN}),
    "create_opportunities": frozenset({OPS, MANAGER, REP, ADMIN}),
    "edit_accounts": frozenset({OPS, MANAGER, ADMIN}),
    "log_activities": frozenset({OPS, MANAGER, REP, ADMIN}),
    "answer_assignments": frozenset({OPS, MANAGER, REP, ADMIN}),  # who owns it, as a rep: nobody else
    "link_duplicates": frozenset({OPS, MANAGER, REP, ADMIN}),  # a rep: of the own ones
    "import_records": frozenset({OPS, ADMIN}),
    # routing
    "decide_queue": frozenset({OPS, MANAGER, ADMIN}),
    "run_batches": frozenset({OPS, ADMIN}),
    "reassign": frozenset({OPS, MANAGER, ADMIN}),
    "lock": frozenset({OPS, MANAGER, ADMIN}),
    "edit_configuration": frozenset({OPS, ADMIN}),
    "run_experiments": frozenset({OPS, ADMIN}),
    "pause_automation": frozenset({OPS, ADMIN}),
    "train_models": frozenset({OPS, ADMIN}),
    "run_backtests": frozenset(
        {OPS, ANALYST, ADMIN}
    ),  # on the past of everybody; who sees analytics reads them
    "answer_alarms": frozenset(
        {OPS, ANALYST, ADMIN}
    ),  # of the whole organisation: they are told, and say “seen”
    # people
    "edit_profiles": frozenset({OPS, MANAGER, ADMIN}),
    "compare_profiles": frozenset({OPS, MANAGER, ANALYST, ADMIN}),  # a manager: of the own teams
    "see_tag_suggestions": frozenset({OPS, MANAGER, ANALYST, ADMIN}),  # a manager: of the own teams
    "edit_own_profile": frozenset({REP, OPS, MANAGER, ADMIN}),
    "mark_away": frozenset({REP, OPS, MANAGER, ADMIN}),  # a rep: himself; a manager: the own teams
    "edit_teams": frozenset({OPS, ADMIN}),
    "edit_limits": frozenset({OPS, MANAGER, ADMIN}),
    "let_reps_go": frozenset({OPS, ADMIN}),  # touches accounts, rules and territories of everybody
    "edit_users": frozenset({ADMIN}),
    "edit_organisation": frozenset({OPS, ADMIN}),
    "make_tokens": frozenset({OPS, ADMIN}),
    "follow_changes": frozenset({OPS, ADMIN}),  # of everybody's opportunities, over the API
    "edit_integrations": frozenset({OPS, ADMIN}),  # webhooks and web forms
    # operations
    "see_status": frozenset({OPS, ADMIN}),
    "run_jobs": frozenset({ADMIN}),
    "edit_retention": frozenset({ADMIN}),  # what goes into the archive goes for good
    "see_audit": frozenset({ADMIN}),  # of everybody, with what was there before
}

# What a token may be narrowed to, as permissions of the matrix: a scope never gives what the user's role has not. Every
# permission that an operation of the API asks for stands in one of them (tests/config/test_api_permissions.py).
SCOPES: dict[str, frozenset[str]] = {
    "leads:write": frozenset({"create_opportunities"}),
    "records:read": frozenset({"see_records"}),
    "records:write": frozenset({"edit_accounts", "log_activities", "import_records"}),
    "assignments:answer": frozenset({"answer_assignments"}),
    "people:read": frozenset({"see_people", "see_tag_suggestions"}),
    "people:write": frozenset({"edit_teams", "edit_profiles"}),
    "batches:read": frozenset({"see_queue"}),
    "batches:write": frozenset({"run_batches", "decide_queue"}),
    "changes:read": frozenset({"follow_changes"}),
    "audit:read": frozenset({"see_audit"}),
}
SCOPE_OF = {permission: scope for scope, permissions in SCOPES.items() for permission in permissions}


def may(user: object, permission: str) -> bool:
    """Whether the user's role has the permission. Unknown names raise KeyError: a typing error must not deny softly."""
    roles = MATRIX[permission]
    return isinstance(user, User) and user.is_active and user.role in roles


class SignedIn(HttpRequest):
    """A request that passed `requires` (and the middleware that asks for a sign-in): its user is one of ours."""

    user: User
    htmx: HtmxDetails


P = ParamSpec("P")
View = Callable[Concatenate[SignedIn, P], HttpResponseBase]


def requires(permission: str) -> Callable[[View[P]], View[P]]:
    """A view for those who have the permission; others get 403."""
    MATRIX[permission]

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def guarded(request: SignedIn, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not may(request.user, permission):
                raise PermissionDenied(
                    f"Your role does not include “{permission.replace('_', ' ')}”. An admin of your organisation can "
                    f"change roles."
                )
            return view(request, *args, **kwargs)

        guarded.permission = permission  # type: ignore[attr-defined]  # read by the test that walks every URL
        return guarded

    return decorate
