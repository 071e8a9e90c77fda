"""A decision is a record of what was decided: the database itself refuses to change or delete one."""

from django.db import migrations

FORWARD = """
CREATE FUNCTION refuse_change_of_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is history: a row of it is never changed or deleted', TG_TABLE_NAME;
END $$;

CREATE TRIGGER decision_immutable BEFORE UPDATE OR DELETE ON routing_decision
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_history();
CREATE TRIGGER configuration_version_immutable
    BEFORE UPDATE OF number, content, content_hash, published_at OR DELETE ON routing_configurationversion
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_history();
CREATE TRIGGER roster_snapshot_immutable BEFORE UPDATE OR DELETE ON routing_rostersnapshot
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_history();
CREATE TRIGGER model_version_immutable BEFORE UPDATE OF number, artifact OR DELETE ON routing_modelversion
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_history();
"""

BACKWARD = """
DROP TRIGGER decision_immutable ON routing_decision;
DROP TRIGGER configuration_version_immutable ON routing_configurationversion;
DROP TRIGGER roster_snapshot_immutable ON routing_rostersnapshot;
DROP TRIGGER model_version_immutable ON routing_modelversion;
DROP FUNCTION refuse_change_of_history();
"""


class Migration(migrations.Migration):
    dependencies = [("routing", "0001_initial")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
