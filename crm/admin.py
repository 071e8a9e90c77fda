"""Admin pages of records: to look at. They are changed on their own pages and over the API, whose services keep what
follows from a change (loads, assignments, history, values in the base currency)."""

from django.contrib import admin

from crm.models import (
    Account,
    AccountMatch,
    AccountOwnerChange,
    AccountTransfer,
    Activity,
    Alias,
    Assignment,
    Contact,
    CustomField,
    DuplicateLink,
    ExchangeRate,
    ImportFile,
    ImportMapping,
    ImportRun,
    Opportunity,
    Product,
    RegionLanguage,
    StageChange,
    Term,
)
from reps.admin import ReadOnly, ReadOnlyAdmin


class ImportFileInline(ReadOnly, admin.TabularInline):
    model = ImportFile
    fields = ("name", "target", "columns", "options")
    readonly_fields = fields


@admin.register(ImportRun)
class ImportRunAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "state", "started_by", "created_at", "finished_at")
    list_filter = ("state",)
    inlines = (ImportFileInline,)


@admin.register(ImportMapping)
class ImportMappingAdmin(ReadOnlyAdmin):
    list_display = ("name", "target", "updated_at")
    list_filter = ("target",)


class AssignmentInline(ReadOnly, admin.TabularInline):
    model = Assignment
    fields = ("rep", "source", "assigned_by", "exempt", "reason", "assigned_at", "ended_at")


class StageChangeInline(ReadOnly, admin.TabularInline):
    model = StageChange
    fields = ("from_stage", "to_stage", "reason", "changed_by", "changed_at")


@admin.register(DuplicateLink)
class DuplicateLinkAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "state", "confidence", "found_at", "confirmed_by", "declined_by")
    list_filter = ("state",)
    list_select_related = ("opportunity", "original", "confirmed_by", "declined_by")


@admin.register(Opportunity)
class OpportunityAdmin(ReadOnlyAdmin):
    list_display = ("name", "kind", "stage", "routing", "owner", "opened_at")
    list_select_related = ("owner",)
    list_filter = ("kind", "stage", "routing")
    search_fields = ("name", "external_id")
    readonly_fields = (
        "owner",
        "value_base",
        "accepted_at",
        "assigned_at",
        "first_touch_at",
        "routing",
        "routing_since",
        "is_locked",
        "locked_by",
        "lock_reason",
    )
    inlines = (AssignmentInline, StageChangeInline)


@admin.register(Assignment)
class AssignmentAdmin(ReadOnlyAdmin):
    list_display = ("opportunity", "rep", "source", "exempt", "assigned_at", "ended_at")
    list_select_related = ("opportunity", "rep")
    list_filter = ("source", "exempt")


@admin.register(StageChange)
class StageChangeAdmin(ReadOnlyAdmin):
    list_display = ("opportunity", "from_stage", "to_stage", "changed_by", "changed_at")
    list_select_related = ("opportunity", "changed_by")


@admin.register(Activity)
class ActivityAdmin(ReadOnlyAdmin):
    list_display = ("opportunity", "kind", "rep", "happened_at")
    list_select_related = ("opportunity", "rep")
    list_filter = ("kind",)


@admin.register(Account)
class AccountAdmin(ReadOnlyAdmin):
    list_display = ("name", "industry", "country", "owner", "external_id")
    list_select_related = ("owner",)
    search_fields = ("name", "domain", "external_id")


@admin.register(AccountOwnerChange)
class AccountOwnerChangeAdmin(ReadOnlyAdmin):
    list_display = ("account", "from_rep", "to_rep", "source", "made_by", "made_at")
    list_select_related = ("account", "from_rep", "to_rep", "made_by")
    list_filter = ("source",)


@admin.register(AccountTransfer)
class AccountTransferAdmin(ReadOnlyAdmin):
    list_display = ("__str__", "kind", "state", "account_count", "effective_on", "made_by", "made_at")
    list_select_related = ("made_by",)
    list_filter = ("state",)


@admin.register(AccountMatch)
class AccountMatchAdmin(ReadOnlyAdmin):
    list_display = ("opportunity", "state", "account", "confidence", "created_at")
    list_select_related = ("opportunity", "account")
    list_filter = ("state",)


@admin.register(Contact)
class ContactAdmin(ReadOnlyAdmin):
    list_display = ("name", "account", "email", "preferred_language")
    list_select_related = ("account",)
    search_fields = ("name", "email", "external_id")


@admin.register(Product)
class ProductAdmin(ReadOnlyAdmin):
    list_display = ("name", "family", "list_price", "is_active")


@admin.register(CustomField)
class CustomFieldAdmin(ReadOnlyAdmin):
    list_display = ("label", "key", "type", "is_model_input")


@admin.register(ExchangeRate)
class ExchangeRateAdmin(ReadOnlyAdmin):
    list_display = ("currency", "rate", "valid_from")


@admin.register(RegionLanguage)
class RegionLanguageAdmin(ReadOnlyAdmin):
    list_display = ("country", "region", "language")


@admin.register(Term)
class TermAdmin(ReadOnlyAdmin):
    list_display = ("kind", "name", "is_known")
    list_filter = ("kind", "is_known")
    search_fields = ("name",)


@admin.register(Alias)
class AliasAdmin(ReadOnlyAdmin):
    list_display = ("kind", "spelling", "term")
    list_filter = ("kind",)
    search_fields = ("spelling", "term")
