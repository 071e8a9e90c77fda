"""Activities in partitions by month. Killed anywhere in it, this migration is run again from its beginning."""

from django.db import migrations

# Of those that are there: after the triggers, which keep those that come meanwhile.
FILL = """
INSERT INTO crm_activitykey (external_id, activity_id)
SELECT external_id, id FROM crm_activity WHERE external_id IS NOT NULL
ON CONFLICT (external_id) DO NOTHING
"""


class Migration(migrations.Migration):
    atomic = False  # it ends transactions in between, so that nobody waits

    dependencies = [
        ("crm", "0010_activity_keys"),
        ("reps", "0025_the_audit_log_by_month"),
        ("analytics", "0002_what_changed_is_marked"),
    ]
    operations = [
        migrations.RunSQL(FILL),
        migrations.RunSQL("CALL split_history('crm_activity')"),
    ]
