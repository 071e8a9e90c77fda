"""The database marks opportunities whose facts may have changed, in the transaction that changes them, whoever does.

A new owner needs no mark: `routing.Change` has it. Each trigger's condition is asked without calling anything, so that
what does not concern analytics (a lead that is routed) pays next to nothing.
"""

from django.db import migrations

FORWARD = """
CREATE FUNCTION analytics_mark_opportunity() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO analytics_mark (opportunity_id) VALUES (coalesce(NEW.id, OLD.id));
    RETURN NULL;
END $$;
CREATE FUNCTION analytics_mark_by_reference() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO analytics_mark (opportunity_id) VALUES (NEW.opportunity_id);
    RETURN NULL;
END $$;

CREATE TRIGGER analytics_opportunity_changed
    AFTER UPDATE OF stage, closed_at, first_touch_at, kind, source, value_base ON crm_opportunity
    FOR EACH ROW WHEN (
        OLD.stage IS DISTINCT FROM NEW.stage OR OLD.closed_at IS DISTINCT FROM NEW.closed_at
        OR OLD.first_touch_at IS DISTINCT FROM NEW.first_touch_at OR OLD.kind IS DISTINCT FROM NEW.kind
        OR OLD.source IS DISTINCT FROM NEW.source OR OLD.value_base IS DISTINCT FROM NEW.value_base
    ) EXECUTE FUNCTION analytics_mark_opportunity();
CREATE TRIGGER analytics_opportunity_deleted AFTER DELETE ON crm_opportunity
    FOR EACH ROW EXECUTE FUNCTION analytics_mark_opportunity();

-- What comes with its owner is an INSERT, of which routing notes no change.
CREATE TRIGGER analytics_assignment_imported AFTER INSERT ON crm_assignment
    FOR EACH ROW WHEN (NEW.source = 'import') EXECUTE FUNCTION analytics_mark_by_reference();

CREATE TRIGGER analytics_item_decided AFTER UPDATE OF state ON routing_queueitem
    FOR EACH ROW WHEN (OLD.state IS DISTINCT FROM NEW.state) EXECUTE FUNCTION analytics_mark_by_reference();

-- The first touch of an owner is a column of the opportunity. Of one who was the owner before it is looked up, so what is
-- logged late for somebody before is marked: by statement, since imports bring millions.
CREATE FUNCTION analytics_mark_late_activities() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO analytics_mark (opportunity_id)
    SELECT DISTINCT n.opportunity_id FROM new_activities n
    JOIN crm_assignment a ON a.opportunity_id = n.opportunity_id AND a.rep_id = n.rep_id
    WHERE a.ended_at >= n.happened_at AND a.assigned_at <= n.happened_at;
    RETURN NULL;
END $$;
CREATE TRIGGER analytics_late_activities AFTER INSERT ON crm_activity
    REFERENCING NEW TABLE AS new_activities FOR EACH STATEMENT EXECUTE FUNCTION analytics_mark_late_activities();
"""

BACKWARD = """
DROP TRIGGER analytics_late_activities ON crm_activity;
DROP TRIGGER analytics_item_decided ON routing_queueitem;
DROP TRIGGER analytics_assignment_imported ON crm_assignment;
DROP TRIGGER analytics_opportunity_deleted ON crm_opportunity;
DROP TRIGGER analytics_opportunity_changed ON crm_opportunity;
DROP FUNCTION analytics_mark_late_activities();
DROP FUNCTION analytics_mark_by_reference();
DROP FUNCTION analytics_mark_opportunity();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("analytics", "0001_facts_and_sums"),
        ("crm", "0009_not_offered_again"),
        ("routing", "0029_batch_requests"),
    ]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
