"""What an import can fill: the fields of each kind of record, and which column of an export probably means which.

A column is proposed by its name (the field's own name always means itself, then the synonyms of common CRMs); what it
contains has the last word where a name misleads, such as a column `Competitors` that holds Yes and No.
"""

import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

OPPORTUNITIES, ACCOUNTS, CONTACTS = "opportunities", "accounts", "contacts"
PRODUCTS, REPS, ACTIVITIES, IGNORED = "products", "reps", "activities", "ignored"
ORDER = (ACCOUNTS, PRODUCTS, REPS, CONTACTS, OPPORTUNITIES, ACTIVITIES)  # in which files are written

CUSTOM = "custom:"  # a column that goes to the custom field of this key


@dataclass(frozen=True)
class Field:
    """`type` says how a cell is read (crm.engine.imports.values); `kind` which words it holds, "" for free text."""

    name: str
    label: str
    type: str = "text"
    max_length: int = 200
    kind: str = ""
    synonyms: str = ""
    required: bool = False


def _fields(*fields: Field) -> dict[str, Field]:
    return {field.name: field for field in fields}


PLACE = (
    Field(
        "country", "Country", "word", 60, "country", "country_code nation office_location billing_country hq"
    ),
    Field(
        "region", "State or region", "word", 80, "region", "state province billing_state state_region county"
    ),
    Field("city", "City", "text", 120, "", "town billing_city"),
    Field("postal_code", "Postal code", "text", 20, "", "zip zip_code postcode plz billing_postal_code"),
)
REP_NAMES = (
    "sales_agent seller sales_rep rep salesperson sales_person account_executive opportunity_owner deal_owner "
    "lead_owner owner_name owner_email owner_id assigned_to agent closer rep_name rep_email responsible "
    "hubspot_owner_id"
)
FIELDS: dict[str, dict[str, Field]] = {
    OPPORTUNITIES: _fields(
        Field("external_id", "ID in the other system", "text", 120, "",
              "id opportunity_id deal_id lead_id record_id opp_id crm_id uuid prospect_id"),
        Field("name", "Name", "text", 200, "", "opportunity_name deal_name lead_name title deal subject"),
        Field("kind", "Lead or deal", "kind", 0, "", "record_type object_type"),
        Field("stage", "Stage", "stage", 0, "stage", "deal_stage status stage_name outcome lead_status"),
        Field("account", "Account (name or ID)", "text", 200, "",
              "account_name account_id company company_name organization organisation customer client_name employer"),
        Field("contact_name", "Contact’s name", "text", 120, "", "contact contact_person full_name primary_contact"),
        Field("contact_email", "Contact’s email", "email", 254, "", "email email_address contact_e_mail e_mail mail"),
        Field("owner", "Owner (name, email or ID)", "text", 254, "", REP_NAMES),
        Field("product", "Product", "word", 120, "product", "product_name product_interest sku solution"),
        Field("source", "Source", "word", 80, "source", "lead_source original_source channel origin source_name"),
        Field("industry", "Industry", "word", 120, "industry", "sector vertical branch"),
        Field("employees", "Number of employees", "count", 0, "",
              "number_of_employees employee_count headcount numberofemployees company_size_number"),
        Field("size_band", "Company size", "size", 0, "size_band", "company_size size segment_size"),
        *PLACE,
        Field("language", "Language", "word", 60, "language", "preferred_language lang locale"),
        Field("urgency", "Urgency", "urgency", 0, "urgency", "timeline timeframe purchase_timeframe buying_timeline"),
        Field("competitors", "Competitors", "list", 120, "competitor", "competitor main_competitor primary_competitor"),
        Field("complexity", "Complexity (1 to 5)", "complexity", 0, "", "technical_complexity"),
        Field("lead_score", "Lead score (0 to 100)", "score", 0, "", "score hubspot_score rating_score"),
        Field("value", "Estimated value", "money", 0, "",
              "amount deal_value close_value deal_amount estimated_value opportunity_amount revenue_expected "
              "expected_revenue contract_value deal_size"),
        Field("currency", "Currency", "word", 60, "currency", "currency_code currency_iso_code deal_currency"),
        Field("opened_at", "Opened", "moment", 0, "",
              "created created_at created_date create_date open_date date_opened engage_date start_date opened "
              "creation_date date_created createdate"),
        Field("closed_at", "Closed", "moment", 0, "",
              "close_date closed closed_date date_closed won_date lost_date closedate end_date"),
        Field("assigned_at", "Assigned", "moment", 0, "", "assigned_date assignment_date date_assigned assigned_on"),
        Field("first_touch_at", "First touch", "moment", 0, "",
              "first_touch first_response first_contact first_contacted first_contact_date first_activity_date"),
        Field("satisfaction", "Satisfaction", "number", 0, "", "csat nps customer_satisfaction satisfaction_score"),
    ),
    ACCOUNTS: _fields(
        Field("name", "Name", "text", 200, "", "account account_name company company_name organisation organization "
              "customer", required=True),
        Field("external_id", "ID in the other system", "text", 120, "", "id account_id company_id record_id crm_id"),
        Field("domain", "Domain", "domain", 200, "", "website web url company_domain company_domain_name homepage"),
        Field("industry", "Industry", "word", 120, "industry", "sector vertical branch"),
        Field("employees", "Number of employees", "count", 0, "",
              "number_of_employees employee_count headcount numberofemployees"),
        Field("annual_revenue", "Annual revenue", "money", 0, "", "revenue turnover yearly_revenue annualrevenue"),
        Field("founded_year", "Founded (year)", "year", 0, "", "year_established founded year_founded established"),
        *PLACE,
        Field("parent", "Belongs to (name)", "text", 200, "",
              "subsidiary_of parent_account parent_company parent_name parent_account_name"),
        Field("owner", "Owner (name, email or ID)", "text", 254, "", "account_owner " + REP_NAMES),
    ),
    REPS: _fields(
        Field("name", "Name", "text", 120, "", "full_name " + REP_NAMES, required=True),
        Field("email", "Email", "email", 254, "", "email_address rep_email mail e_mail"),
        Field("external_id", "ID in the other system", "text", 120, "", "id rep_id user_id agent_id employee_id"),
        Field("team", "Team", "text", 80, "", "team_name sales_team regional_office office department group"),
        Field("manager", "Manager (kept in the report)", "text", 120, "", "team_manager manager_name reports_to"),
    ),
    PRODUCTS: _fields(
        Field("name", "Name", "text", 120, "", "product product_name title item", required=True),
        Field("family", "Family", "text", 120, "", "series product_family category product_line line"),
        Field("list_price", "List price", "money", 0, "", "price sales_price unit_price msrp retail_price"),
        Field("external_id", "ID in the other system", "text", 120, "", "id product_id sku product_code code"),
    ),
    CONTACTS: _fields(
        Field("name", "Name", "text", 120, "", "contact contact_name full_name", required=True),
        Field("email", "Email", "email", 254, "", "email_address mail e_mail contact_email"),
        Field("phone", "Phone", "text", 40, "", "telephone mobile phone_number"),
        Field("title", "Job title", "text", 120, "", "job_title position role"),
        Field("preferred_language", "Preferred language", "word", 60, "language", "language lang locale"),
        Field("account", "Account (name or ID)", "text", 200, "",
              "account_name account_id company company_name organization organisation"),
        Field("external_id", "ID in the other system", "text", 120, "", "id contact_id record_id"),
    ),
    ACTIVITIES: _fields(
        Field("opportunity", "Opportunity (its ID in the other system)", "text", 120, "",
              "opportunity_id opportunity_external_id deal_id lead_id related_to what_id", required=True),
        Field("kind", "Call, email or meeting", "activity", 0, "",
              "type activity_type activity task_type channel", required=True),
        Field("happened_at", "When", "moment", 0, "",
              "date activity_date timestamp when occurred_at completed_at due_date start", required=True),
        Field("rep", "Rep (name, email or ID)", "text", 254, "", "owner user logged_by " + REP_NAMES),
        Field("note", "Note", "note", 2000, "", "notes description comment body subject"),
        Field("external_id", "ID in the other system", "text", 120, "", "id activity_id task_id record_id event_id"),
    ),
}  # fmt: skip
LABELS = {
    OPPORTUNITIES: "Opportunities", ACCOUNTS: "Accounts", CONTACTS: "Contacts", PRODUCTS: "Products",
    REPS: "Reps and teams", ACTIVITIES: "Activities", IGNORED: "Leave this file out",
}  # fmt: skip
FILE_WORDS = {
    ACTIVITIES: ("activit", "task", "event", "call", "meeting"),
    OPPORTUNITIES: ("opportunit", "pipeline", "deal", "lead"),
    ACCOUNTS: ("account", "compan", "customer", "organi"),
    CONTACTS: ("contact", "people", "person"),
    PRODUCTS: ("product", "price", "item"),
    REPS: ("rep", "team", "agent", "seller", "user", "owner"),
}
# With none of these a table is not that kind of record, whatever else it has.
TELLING = {
    OPPORTUNITIES: {
        "external_id",
        "name",
        "stage",
        "owner",
        "account",
        "contact_name",
        "contact_email",
        "product",
    },
}
YES_NO = {"yes", "no", "y", "n", "true", "false", "unknown", "0", "1", "none", ""}


def plain(name: str) -> str:
    """A column's name for comparison: `Deal Stage`, `dealStage` and `deal_stage` are one."""
    name = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name.strip())
    name = "".join(
        letter for letter in unicodedata.normalize("NFKD", name) if not unicodedata.combining(letter)
    )
    return re.sub(r"[^a-z0-9]+", "_", name.casefold()).strip("_")


def synonyms_of(target: str) -> dict[str, str]:
    """Plain column name → field; a field's own name wins over another's synonym."""
    found = {
        synonym: field.name
        for field in FIELDS[target].values()
        for synonym in reversed(field.synonyms.split())
    }
    return (
        found
        | {plain(field.label): field.name for field in FIELDS[target].values()}
        | {name: name for name in FIELDS[target]}
    )


def propose_columns(
    header: Sequence[str],
    target: str,
    *,
    samples: Mapping[str, Sequence[str]],
    custom_keys: Sequence[str] = (),
) -> dict[str, str]:
    """Column → field of the target, each field once. Columns of opportunities that nothing knows become custom fields
    (`custom:key`); those of other records are left out."""
    if target == IGNORED:
        return {}
    synonyms = synonyms_of(target)
    proposed = {name: name for name in header if name in FIELDS[target]}
    for name in header:
        field = synonyms.get(plain(name), "")
        if (
            field
            and name not in proposed
            and field not in proposed.values()
            and not _misleads(field, samples.get(name, ()))
        ):
            proposed[name] = field
    if target == OPPORTUNITIES:
        for name in header:
            if name not in proposed and not plain(name).startswith("import_"):
                key = custom_key(name, taken={*proposed.values()})
                proposed[name] = CUSTOM + key
    return {name: proposed[name] for name in header if name in proposed}


def _misleads(field: str, sample: Sequence[str]) -> bool:
    """`Competitors: Yes` names no competitor."""
    words = {text.strip().casefold() for text in sample}
    return field == "competitors" and bool(words - {""}) and words <= YES_NO


def custom_key(name: str, *, taken: set[str]) -> str:
    """The key of a custom field for a column: lower-case letters, digits and underscores, beginning with a letter."""
    key = re.sub(r"[^a-z0-9_]+", "_", plain(name)).strip("_") or "field"
    key = (key if key[0].isalpha() else f"field_{key}")[:40].rstrip("_")
    number, unique = 2, key
    while CUSTOM + unique in taken:
        unique = f"{key[:36]}_{number}"
        number += 1
    return unique


def propose_target(file_name: str, header: Sequence[str]) -> str:
    """The kind of record that explains the most columns; the file's name decides between equals. A table whose columns
    name nothing that an import fills is what its name says, or left out (a data dictionary)."""
    if {"field", "description"} <= {plain(name) for name in header}:
        return IGNORED
    if any(_known(header, target) for target in FIELDS):
        return max(FIELDS, key=lambda target: _fit(file_name, header, target))
    return next((target for target in FILE_WORDS if _is_named(file_name, target)), IGNORED)


def _is_named(file_name: str, target: str) -> bool:
    return any(word in file_name.casefold() for word in FILE_WORDS[target])


def _known(header: Sequence[str], target: str) -> set[str]:
    """The fields that the columns name; empty where what makes such a record is missing."""
    synonyms = synonyms_of(target)
    found = {synonyms[plain(name)] for name in header if plain(name) in synonyms}
    required = {field.name for field in FIELDS[target].values() if field.required}
    telling = TELLING.get(target, set())
    return found if required <= found and (not telling or telling & found) else set()


def _fit(file_name: str, header: Sequence[str], target: str) -> tuple[float, int]:
    found = len(_known(header, target))
    return (found + 1.5 * _is_named(file_name, target) if found else 0, -list(FILE_WORDS).index(target))
