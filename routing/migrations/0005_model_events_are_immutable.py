"""What happened to the models is history, as decisions are."""

from django.db import migrations

FORWARD = """
CREATE TRIGGER model_event_immutable BEFORE UPDATE OR DELETE ON routing_modelevent
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_history();
"""
BACKWARD = "DROP TRIGGER model_event_immutable ON routing_modelevent;"


class Migration(migrations.Migration):
    dependencies = (("routing", "0004_learned_models"),)

    operations = (migrations.RunSQL(FORWARD, BACKWARD),)
