"""What waits follows the lead: its place in the queue's orders, and that its facts have changed since the decision.

Triggers and not code, so that no way of writing (forms, imports, new exchange rates, SQL) leaves a suggestion that nobody
looks at again. The points are those of routing.engine.order; a test holds both together.
"""

from django.db import migrations

# What a decision knows of an opportunity (routing.queries.inputs.opportunity_facts).
FACTS = (
    "kind account_id source industry product_id country region city postal_code language size_band employees urgency "
    "competitors complexity lead_score value_base currency custom"
).split()
OLD, NEW = (", ".join(f"{row}.{name}" for name in FACTS) for row in ("OLD", "NEW"))

FORWARD = f"""
CREATE FUNCTION routing_order_points(lead_score integer, urgency text, value numeric) RETURNS float8
LANGUAGE sql IMMUTABLE AS $$
    SELECT round((coalesce(lead_score, 50)
                  + CASE urgency WHEN 'now' THEN 30 WHEN 'quarter' THEN 15 ELSE 0 END
                  + CASE WHEN value > 1000 THEN least(10 * log(value / 1000), 40) ELSE 0 END)::numeric, 1)::float8
$$;

CREATE FUNCTION routing_queue_follows_opportunity() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE routing_queueitem SET
        value = coalesce(NEW.value_base, 0),
        lead_score = coalesce(NEW.lead_score, 0),
        order_points = routing_order_points(NEW.lead_score, NEW.urgency, NEW.value_base),
        facts_changed_at = CASE WHEN kind = 'suggestion' THEN clock_timestamp() END
    WHERE opportunity_id = NEW.id AND state = 'pending';
    RETURN NULL;
END $$;
CREATE TRIGGER queue_follows_opportunity AFTER UPDATE OF {", ".join(FACTS)} ON crm_opportunity
    FOR EACH ROW WHEN (NEW.stage = 'open' AND ({OLD}) IS DISTINCT FROM ({NEW}))
    EXECUTE FUNCTION routing_queue_follows_opportunity();

-- Whoever changes an account's owner holds locks on accounts and goes on to those on reps; a lock on what waits in
-- between would close a circle with a person who decides it. So these only note what has changed.
CREATE FUNCTION routing_note_account() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO routing_factschange (account_id) VALUES (NEW.id);
    RETURN NULL;
END $$;
CREATE TRIGGER queue_follows_account AFTER UPDATE OF owner_id ON crm_account
    FOR EACH ROW WHEN (OLD.owner_id IS DISTINCT FROM NEW.owner_id) EXECUTE FUNCTION routing_note_account();

CREATE FUNCTION routing_note_product() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO routing_factschange (product_id) VALUES (NEW.id);
    RETURN NULL;
END $$;
CREATE TRIGGER queue_follows_product AFTER UPDATE OF name ON crm_product
    FOR EACH ROW WHEN (OLD.name IS DISTINCT FROM NEW.name) EXECUTE FUNCTION routing_note_product();

UPDATE routing_queueitem q SET
    score = CASE WHEN q.kind = 'suggestion' THEN coalesce(d.score, 0) ELSE 0 END,
    value = coalesce(o.value_base, 0),
    lead_score = coalesce(o.lead_score, 0),
    order_points = routing_order_points(o.lead_score, o.urgency, o.value_base),
    checked_configuration_id = d.configuration_id,
    checked_model_id = d.model_id,
    is_exempt = d.via IN ('named_account', 'duplicate'),
    is_of_batch = q.expires_at IS NOT NULL
FROM routing_decision d, crm_opportunity o
WHERE q.state = 'pending' AND d.id = q.decision_id AND o.id = q.opportunity_id;
"""

BACKWARD = """
DROP TRIGGER queue_follows_product ON crm_product;
DROP FUNCTION routing_note_product();
DROP TRIGGER queue_follows_account ON crm_account;
DROP FUNCTION routing_note_account();
DROP TRIGGER queue_follows_opportunity ON crm_opportunity;
DROP FUNCTION routing_queue_follows_opportunity();
DROP FUNCTION routing_order_points(integer, text, numeric);
"""


class Migration(migrations.Migration):
    dependencies = [("routing", "0022_suggestions_are_kept_current"), ("crm", "0009_not_offered_again")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
