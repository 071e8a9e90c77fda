"""What every decision writes: no index that nobody asks, and compressed bytes are not compressed again."""

import django.db.models.deletion
from django.db import migrations, models

FORWARD = """
ALTER TABLE routing_decision ALTER COLUMN state SET STORAGE EXTERNAL, ALTER COLUMN columns SET STORAGE EXTERNAL;
"""
BACKWARD = """
ALTER TABLE routing_decision ALTER COLUMN state SET STORAGE EXTENDED, ALTER COLUMN columns SET STORAGE EXTENDED;
"""


def unindexed(name: str, to: str) -> migrations.AlterField:
    return migrations.AlterField(
        model_name="decision",
        name=name,
        field=models.ForeignKey(
            db_index=False, on_delete=django.db.models.deletion.PROTECT, related_name="+", to=to
        ),
    )


class Migration(migrations.Migration):
    dependencies = [("routing", "0017_what_waits_is_told_at_once")]
    operations = [
        unindexed("configuration", "routing.configurationversion"),
        unindexed("model", "routing.modelversion"),
        unindexed("roster", "routing.rostersnapshot"),
        migrations.RunSQL(FORWARD, BACKWARD),
    ]
