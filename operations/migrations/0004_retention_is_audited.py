"""Who changes how long history is kept is in the audit log (reps 0023)."""

from django.db import migrations

AUDITED = """
SELECT audit_table('operations_retention', '{"kind": "retention", "name": "kind", "by": "changed_by_id",
    "quiet": ["changed_at", "changed_by_id"]}');
"""


class Migration(migrations.Migration):
    dependencies = [("operations", "0003_what_grows"), ("reps", "0024_history_by_month")]
    operations = [migrations.RunSQL(AUDITED, migrations.RunSQL.noop)]
