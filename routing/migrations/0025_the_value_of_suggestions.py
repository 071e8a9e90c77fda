"""What a rep's pending suggestions are worth is kept on the rep, so that a decision reads a number instead of a sum.

`counted_value` is an item's part in it. It is what the item is worth while it is a pending suggestion, and nothing
otherwise; only what is written with many others at once (`crm.services.ownership.many_at_once`) is counted later, when
the sweep looks at the change under the locks of its opportunity and rep.
"""

from django.db import migrations

FORWARD = """
CREATE FUNCTION routing_count_value() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.state <> 'pending' OR NEW.kind <> 'suggestion' THEN
        NEW.counted_value := 0;
    ELSIF TG_OP = 'INSERT' OR OLD.state <> 'pending' OR NEW.facts_changed_at IS NULL
        OR (NEW.value <> OLD.value AND coalesce(current_setting('crm.many', true), '') <> 'on') THEN
        NEW.counted_value := NEW.value;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER queue_value_counted BEFORE INSERT OR UPDATE OF state, kind, rep_id, value, facts_changed_at
    ON routing_queueitem FOR EACH ROW EXECUTE FUNCTION routing_count_value();

CREATE FUNCTION routing_keep_pending_value() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.rep_id = NEW.rep_id THEN
        UPDATE reps_rep SET pending_value = pending_value + NEW.counted_value - OLD.counted_value WHERE id = NEW.rep_id;
        RETURN NULL;
    END IF;
    IF TG_OP <> 'INSERT' THEN
        UPDATE reps_rep SET pending_value = pending_value - OLD.counted_value WHERE id = OLD.rep_id;
    END IF;
    IF TG_OP <> 'DELETE' THEN
        UPDATE reps_rep SET pending_value = pending_value + NEW.counted_value WHERE id = NEW.rep_id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER queue_value_kept_of_new AFTER INSERT ON routing_queueitem
    FOR EACH ROW WHEN (NEW.counted_value <> 0) EXECUTE FUNCTION routing_keep_pending_value();
CREATE TRIGGER queue_value_kept AFTER UPDATE ON routing_queueitem
    FOR EACH ROW WHEN ((OLD.rep_id, OLD.counted_value) IS DISTINCT FROM (NEW.rep_id, NEW.counted_value))
    EXECUTE FUNCTION routing_keep_pending_value();
CREATE TRIGGER queue_value_kept_of_gone AFTER DELETE ON routing_queueitem
    FOR EACH ROW WHEN (OLD.counted_value <> 0) EXECUTE FUNCTION routing_keep_pending_value();

-- What waits already: the first trigger counts it, the second adds it up.
UPDATE routing_queueitem SET value = value WHERE state = 'pending' AND kind = 'suggestion';
"""

BACKWARD = """
DROP TRIGGER queue_value_kept_of_gone ON routing_queueitem;
DROP TRIGGER queue_value_kept ON routing_queueitem;
DROP TRIGGER queue_value_kept_of_new ON routing_queueitem;
DROP FUNCTION routing_keep_pending_value();
DROP TRIGGER queue_value_counted ON routing_queueitem;
DROP FUNCTION routing_count_value();
"""


class Migration(migrations.Migration):
    dependencies = [("routing", "0024_pending_value"), ("reps", "0017_pending_value")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
