"""Whoever listens hears of every message that is to be delivered and of every change of the queue, with the commit that
makes it true, whoever wrote it."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION tell_channel() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify(TG_ARGV[0], '');
    RETURN NULL;
END $$;

CREATE TRIGGER message_to_deliver AFTER INSERT ON routing_outboxmessage
    FOR EACH STATEMENT EXECUTE FUNCTION tell_channel('outbox');
CREATE TRIGGER queue_grew AFTER INSERT OR DELETE ON routing_queueitem
    FOR EACH STATEMENT EXECUTE FUNCTION tell_channel('queue');
CREATE TRIGGER queue_decided AFTER UPDATE OF state ON routing_queueitem
    FOR EACH STATEMENT EXECUTE FUNCTION tell_channel('queue');
"""

BACKWARD = """
DROP TRIGGER message_to_deliver ON routing_outboxmessage;
DROP TRIGGER queue_grew ON routing_queueitem;
DROP TRIGGER queue_decided ON routing_queueitem;
DROP FUNCTION tell_channel();
"""


class Migration(migrations.Migration):
    dependencies = [("routing", "0016_deliveries")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
