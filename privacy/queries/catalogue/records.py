"""Accounts, contacts, opportunities, imports; territories; experiments."""

from privacy.queries.catalogue.tables import on, table

OF_CONTACT = "opportunity__contact"

RECORDS = (
    table(
        "crm.Contact",
        none="preferred_language",
        contact=[on("pk", blank="email phone title external_id", label="name")],
    ),
    table(
        "crm.Account",
        none="industry country",
        special=dict.fromkeys(
            ("name", "domain", "external_id", "region", "city", "postal_code"),
            "where an account is only this person and that is asked for: renamed and emptied",
        ),
    ),
    table(
        "crm.AccountMatch",
        none="filled",
        named="why candidates company company_key before",
        contact=[on(OF_CONTACT, blank="why")],
    ),
    table("crm.AccountOwnerChange", named="reason"),
    table("crm.AccountTransfer", named="reason failure"),
    table("crm.ActivityKey", special={"external_id": "follows the activity’s, by a trigger"}),
    table("crm.Activity", named="note external_id", contact=[on(OF_CONTACT, blank="note external_id")]),
    table("crm.Alias", named="spelling term"),
    table("crm.Assignment", named="reason", contact=[on(OF_CONTACT, blank="reason")]),
    table("crm.CustomField", none="key label choices"),
    table(
        "crm.DuplicateLink",
        named="why",
        contact=[on(OF_CONTACT, blank="why"), on("original__contact", blank="why")],
    ),
    table("crm.ExchangeRate", none="currency"),
    table(
        "crm.ImportFile",
        none="columns options",
        named="name",
        special={
            "content": "a file that names the person is emptied, once its import is over",
            "errors": "the bad values of such a file are emptied",
        },
    ),
    table("crm.ImportMapping", none="header columns options", named="name"),
    table("crm.ImportRun", named="options report"),
    table(
        "crm.Opportunity",
        none="country region city postal_code language currency flags not_again",
        named="source industry competitors external_id lock_reason",
        special={
            "name": "becomes its account’s name, else “Opportunity 12”; elsewhere a mention is replaced",
            "custom": "texts go that are no category (five opportunities of others say the same)",
        },
        contact=[on("contact", blank="lock_reason")],
    ),
    table("crm.Product", none="name family external_id"),
    table("crm.RegionLanguage", none="country region language"),
    table("crm.StageChange", named="reason", contact=[on(OF_CONTACT, blank="reason")]),
    table("crm.Term", named="name"),
    table("territories.Territory", named="name condition note"),
    table("experiments.Enrolment", none="unit"),
    table(
        "experiments.Experiment",
        none="salt control treatment secondaries guardrails",
        named="name hypothesis condition",
    ),
    table("experiments.ExperimentChange", named="what reason"),
    table("experiments.Exposure", none="unit apart fallback"),
    table("experiments.Look", none="unavailable found"),
    table(
        "experiments.SatisfactionScore",
        named="external_id source",
        contact=[on(OF_CONTACT, blank="external_id")],
    ),
)
