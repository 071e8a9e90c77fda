"""What comes in decided is stored as it was decided, with its first change beside it: the courier is woken by changes."""

import django.db.models.deletion
from django.db import migrations, models

FORWARD = """
CREATE FUNCTION routing_wake_courier() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NOTIFY outbox;
    RETURN NULL;
END $$;
CREATE TRIGGER change_wakes_courier AFTER INSERT ON routing_change
    FOR EACH STATEMENT EXECUTE FUNCTION routing_wake_courier();
"""

BACKWARD = """
DROP TRIGGER change_wakes_courier ON routing_change;
DROP FUNCTION routing_wake_courier();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("crm", "0009_not_offered_again"),
        ("routing", "0031_notifications_of_reports"),
    ]
    operations = [
        migrations.SeparateDatabaseAndState(  # the same column: a number that is a reference now
            state_operations=[
                migrations.RemoveField("change", "assignment_id"),
                migrations.AddField(
                    "change",
                    "assignment",
                    models.ForeignKey(
                        "crm.assignment",
                        null=True,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        db_constraint=False,
                        db_index=False,
                        related_name="+",
                        help_text="With which it was written; none where neither service nor import did it.",
                    ),
                ),
            ]
        ),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
