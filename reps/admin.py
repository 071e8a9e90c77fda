"""Admin pages of people: to look at. Everything here is changed on its own page, whose service keeps what follows
from it (history, limits under a lock, the last admin); an edit past the service would break that."""

from typing import Any

import allauth.account.admin
import allauth.mfa.admin
import allauth.socialaccount.admin
import allauth.usersessions.admin  # noqa: F401  # registered by being read, so that they can be taken away below
from allauth.account.decorators import secure_admin_login
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount, SocialApp, SocialToken
from allauth.usersessions.models import UserSession
from django.contrib import admin
from django.http import HttpRequest

from reps.models import (
    Absence,
    ApiToken,
    AuditEntry,
    AuditSeal,
    CalendarFeed,
    CalendarSettings,
    CertificationDepth,
    ClosingDay,
    GroupRole,
    Invitation,
    Job,
    Organisation,
    ProfileChange,
    ProfileProposal,
    ProfileReminder,
    ProfileReview,
    Rep,
    RoleTemplate,
    SignInRefusal,
    SignInSettings,
    Skill,
    TagReview,
    TagReviewSettings,
    TagSuggestion,
    Team,
    User,
)


class ReadOnly:
    """Nobody adds, changes or deletes here."""

    def has_add_permission(self, request: HttpRequest, obj: Any | None = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any | None = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any | None = None) -> bool:
        return False


class ReadOnlyAdmin(ReadOnly, admin.ModelAdmin):
    show_full_result_count = False


class SkillInline(ReadOnly, admin.TabularInline):
    model = Skill
    fields = ("kind", "name", "proficiency", "evidence_won", "evidence_closed", "valid_until")


class AbsenceInline(ReadOnly, admin.TabularInline):
    model = Absence
    fk_name = "rep"
    fields = ("starts_at", "ends_at", "reason", "covering", "source", "created_by")


@admin.register(User)
class UserAdmin(ReadOnlyAdmin):
    list_display = ("name", "email", "role", "is_active", "last_login")
    list_filter = ("role", "is_active")
    search_fields = ("name", "email")
    exclude = ("password", "groups", "user_permissions")


@admin.register(Team)
class TeamAdmin(ReadOnlyAdmin):
    list_display = ("name", "is_default", "external_id")
    search_fields = ("name",)


@admin.register(Rep)
class RepAdmin(ReadOnlyAdmin):
    list_display = ("name", "team", "role_template", "tier", "load", "pending", "left_at")
    list_select_related = ("team", "role_template")
    list_filter = ("team", "tier")
    search_fields = ("name", "email", "external_id")
    readonly_fields = ("load", "pending", "pipeline_value", "pending_value", "turn_finish", "turns_taken")
    inlines = (SkillInline, AbsenceInline)


@admin.register(RoleTemplate)
class RoleTemplateAdmin(ReadOnlyAdmin):
    list_display = (
        "name",
        "max_open",
        "max_new_per_week",
        "max_new_per_day",
        "max_pipeline_value",
        "is_default",
    )


@admin.register(CertificationDepth)
class CertificationDepthAdmin(ReadOnlyAdmin):
    list_display = ("certification", "depth")


@admin.register(ProfileChange)
class ProfileChangeAdmin(ReadOnlyAdmin):
    list_display = ("rep", "changed_by", "changed_at")
    list_select_related = ("rep", "changed_by")


@admin.register(ProfileReview)
class ProfileReviewAdmin(ReadOnlyAdmin):
    list_display = ("rep", "by", "at", "is_own")
    list_select_related = ("rep", "by")


@admin.register(ProfileProposal)
class ProfileProposalAdmin(ReadOnlyAdmin):
    list_display = ("rep", "state", "proposed_by", "proposed_at", "decided_by", "decided_at")
    list_select_related = ("rep", "proposed_by", "decided_by")
    list_filter = ("state",)


@admin.register(ProfileReminder)
class ProfileReminderAdmin(ReadOnlyAdmin):
    list_display = ("user", "period", "is_own")
    list_select_related = ("user",)


@admin.register(Organisation)
class OrganisationAdmin(ReadOnlyAdmin):
    list_display = ("name", "base_currency", "default_language", "time_zone")


@admin.register(Job)
class JobAdmin(ReadOnlyAdmin):
    list_display = ("kind", "state", "stage", "done", "total", "requested_by", "created_at")
    list_select_related = ("requested_by",)
    list_filter = ("state", "kind")


@admin.register(TagReview)
class TagReviewAdmin(ReadOnlyAdmin):
    list_display = ("at", "trigger", "deals", "pairs", "found", "fresh", "superseded", "unavailable")


@admin.register(TagSuggestion)
class TagSuggestionAdmin(ReadOnlyAdmin):
    list_display = ("rep", "kind", "name", "action", "state", "wins", "deals", "found_at", "decided_by")
    list_select_related = ("rep", "decided_by")
    list_filter = ("state", "kind", "action", "source")
    search_fields = ("rep__name", "name")


@admin.register(TagReviewSettings)
class TagReviewSettingsAdmin(ReadOnlyAdmin):
    list_display = ("months_between", "window_months", "least_wins", "false_share_pct", "updated_at")


@admin.register(ApiToken)
class ApiTokenAdmin(ReadOnlyAdmin):
    list_display = ("name", "user", "created", "expiry")
    list_select_related = ("user",)
    exclude = ("digest",)


@admin.register(CalendarFeed)
class CalendarFeedAdmin(ReadOnlyAdmin):
    list_display = ("name", "rep", "kind", "host", "last_worked_at", "failures", "last_error")
    list_select_related = ("rep",)
    list_filter = ("kind",)
    exclude = ("sealed", "content")


@admin.register(CalendarSettings)
class CalendarSettingsAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "every_minutes", "horizon_days", "updated_at")


@admin.register(ClosingDay)
class ClosingDayAdmin(ReadOnlyAdmin):
    list_display = ("name", "first_day", "last_day", "country")


@admin.register(Invitation)
class InvitationAdmin(ReadOnlyAdmin):
    list_display = ("email", "role", "invited_by", "invited_at", "expires_at", "accepted_at", "revoked_at")
    list_select_related = ("invited_by",)


@admin.register(SignInSettings)
class SignInSettingsAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "uses_sso", "server_url", "only_sso", "updated_at")
    exclude = ("sealed",)


@admin.register(GroupRole)
class GroupRoleAdmin(ReadOnlyAdmin):
    list_display = ("position", "group", "role", "team")
    list_select_related = ("team",)


@admin.register(SignInRefusal)
class SignInRefusalAdmin(ReadOnlyAdmin):
    list_display = ("at", "email", "reason")


@admin.register(AuditEntry)
class AuditEntryAdmin(ReadOnlyAdmin):
    list_display = ("at", "user_name", "way", "through", "action", "kind", "record_name", "of_name")
    list_filter = ("action", "way")
    show_facets = admin.ShowFacets.NEVER


@admin.register(AuditSeal)
class AuditSealAdmin(ReadOnlyAdmin):
    list_display = ("number", "entry_id", "entry_at")


# The library's own pages would edit past our services; the admin site asks for the same sign-in as everything else.
for model in (EmailAddress, Authenticator, SocialAccount, SocialApp, SocialToken, UserSession):
    if admin.site.is_registered(model):
        admin.site.unregister(model)
admin.site.login = secure_admin_login(admin.site.login)  # type: ignore[method-assign]
