"""A change of where an opportunity stands is noted by the database, in the transaction that makes it, whoever does."""

from django.db import migrations

# An opportunity that arrives with its owner (an import) tells nothing: it is an INSERT. The assignment is looked up here,
# by its unique index, since nobody could tell later which of several to the same rep it was. `NOTIFY outbox` wakes the
# courier; PostgreSQL sends it once for a transaction however often it is said.
FORWARD = """
CREATE FUNCTION routing_note_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO routing_change (event, opportunity_id, from_rep_id, to_rep_id, assignment_id, at)
    VALUES (
        CASE
            WHEN NEW.owner_id IS NOT DISTINCT FROM OLD.owner_id THEN 'opportunity.held'
            WHEN OLD.owner_id IS NULL THEN 'opportunity.assigned'
            WHEN NEW.owner_id IS NULL THEN 'opportunity.unassigned'
            ELSE 'opportunity.reassigned'
        END,
        NEW.id, OLD.owner_id, NEW.owner_id,
        (SELECT id FROM crm_assignment
         WHERE opportunity_id = NEW.id AND ended_at IS NULL AND rep_id = NEW.owner_id),
        clock_timestamp()
    );
    NOTIFY outbox;
    RETURN NULL;
END $$;

CREATE TRIGGER opportunity_change_noted AFTER UPDATE OF owner_id, routing ON crm_opportunity
    FOR EACH ROW WHEN (
        OLD.owner_id IS DISTINCT FROM NEW.owner_id
        OR (NEW.routing IN ('held', 'manager') AND OLD.routing IS DISTINCT FROM NEW.routing)
    ) EXECUTE FUNCTION routing_note_change();

"""

BACKWARD = """
DROP TRIGGER opportunity_change_noted ON crm_opportunity;
DROP FUNCTION routing_note_change();
"""


class Migration(migrations.Migration):
    dependencies = [("routing", "0019_changes_webhooks_web_forms"), ("crm", "0008_dictionary_stamp")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
