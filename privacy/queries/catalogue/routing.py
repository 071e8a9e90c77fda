"""Decisions, the queue, messages out, webhooks; what analytics makes of them."""

from privacy.queries.catalogue.tables import gone, on, table

OF_CONTACT = "opportunity__contact"

ROUTING = (
    table("routing.AutomationChange", named="reason"),
    table("routing.Batch", none="objective found", named="policy_name error"),
    table("routing.BatchItem", named="conflict"),
    table("routing.BatchPart", none="positions found walls"),
    table("routing.BatchPiece", none="content"),
    table("routing.BatchRequest", named="idempotency_key"),
    table("routing.BatchWait", named="policy_name"),
    table("routing.ChatChannel", none="sealed service", named="name hint"),
    table(
        "routing.ConfigurationVersion",
        named="note",
        special={
            "content": "names in rules, policies and conditions are replaced, with new digest",
            "content_hash": "follows the content",
        },
    ),
    table(
        "routing.Decision",
        none="state columns",
        special=dict.fromkeys(
            ("facts", "trace", "policy_name", "result_digest"),
            "scrubbed as the opportunity is, and proved: the replay gives the same numbers",
        ),
    ),
    table("routing.Delivery", none="kind", named="last_error", user=[gone("user")]),
    table("routing.Departure", named="reason lines", rep=[on("rep", blank="reason")]),
    table(
        "routing.FirstTouchClock",
        none="terms",
        named="policy_name note",
        contact=[on(OF_CONTACT, blank="note")],
    ),
    table(
        "routing.HistoryCheck",
        named="name",
        special={"content": "a file that names the person is emptied, once its evaluation is over"},
    ),
    table(
        "routing.IntakeReceipt",
        named="answer",
        contact=[on(OF_CONTACT, blank="idempotency_key fingerprint", answer={})],
    ),
    table("routing.LoadSample", none="content"),
    table("routing.ModelEvent", named="note"),
    table("routing.ModelSettings", none="left_out"),
    table("routing.ModelVersion", none="artifact report"),
    table(
        "routing.Notification",
        named="path text body",
        contact=[on(OF_CONTACT, blank="body", text="About an erased contact.")],
        rep=[on("about_rep")],
        user=[gone("user")],
    ),
    table(
        "routing.NotificationSettings",
        none="choices chat_sealed chat_service chat_hint",
        user=[gone("user")],
    ),
    table(
        "routing.OutboxMessage",
        none="topic",
        named="payload last_error",  # and all its words where it is of an opportunity of the contact
    ),
    table("routing.Override", named="note", contact=[on(OF_CONTACT, blank="note")]),
    table("routing.OverrideReason", named="label"),
    table("routing.Policy", none="batch_times batch_time_zone", named="name condition"),
    table(
        "routing.QueueItem",
        named="note taken_back_because renewed_because",
        contact=[on(OF_CONTACT, blank="note")],
    ),
    table("routing.RosterSnapshot", none="digest content"),
    table("routing.Rule", none="required_field", named="name condition required_value"),
    table("routing.TurnReturn", none="why"),
    table("routing.WebForm", none="key origins mapping trap", named="name fixed thanks"),
    table("routing.WebFormHour", none="address"),
    table("routing.Webhook", none="sealed", named="name address switched_off"),
    table(
        "routing.WebhookDelivery",
        named="sent answer last_error",
        contact=[on("change__opportunity__contact", blank="sent answer last_error")],
        rep=[on("change__to_rep", blank="sent answer"), on("change__from_rep", blank="sent answer")],
    ),
    table("analytics.Alarm", named="evidence"),
    table("analytics.CoachingFinding", none="dimension level", named="note", rep=[gone("rep")]),
    table("analytics.CreditCheck", none="why kind", named="rule policy territory source"),
    table("analytics.CreditTable", named="file_name"),
    table("analytics.DaySum", none="kind", named="key"),
    table("analytics.Fact", named="source policy"),
    table(
        "analytics.FallThrough",
        none="cause missing lacking kind size_band country language product",
        named="policy territory source industry",
    ),
    table("analytics.QuotaCredit", none="product", named="industry source"),
    table("analytics.ReadUpTo", none="name"),
    table("analytics.Refreshed", none="time_zone"),
    table("analytics.Report", named="said content", user=[gone("user")]),
    table("analytics.MonthSum", none="kind", named="key"),
    table("analytics.TouchMonthSum", none="kind", named="key"),
    table("analytics.TouchSum", none="kind"),
)
