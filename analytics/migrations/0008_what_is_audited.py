"""Who imported a crediting table, and which one counts, is in the audit log (reps 0023)."""

from django.db import migrations

AUDITED = """
SELECT audit_table('analytics_credittable', '{"kind": "crediting table", "name": "file_name", "by": "imported_by_id",
    "quiet": ["checked_to"]}');
"""


class Migration(migrations.Migration):
    dependencies = [
        ("analytics", "0007_touches_by_month"),
        ("routing", "0033_what_is_audited"),
    ]
    operations = [migrations.RunSQL(AUDITED, migrations.RunSQL.noop)]
