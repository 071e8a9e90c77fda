"""The stamp names the transaction that raised it, so that one which is rolled back can never be mistaken for another."""

from django.db import migrations

FORWARD = """
CREATE OR REPLACE FUNCTION raise_roster_stamp() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    this_one bigint := pg_current_xact_id()::text::bigint * 1000000;
BEGIN
    INSERT INTO reps_rosterstamp (id, version) VALUES (1, this_one)
        ON CONFLICT (id) DO UPDATE SET version = this_one + (reps_rosterstamp.version + 1) % 1000000;
    RETURN NULL;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("reps", "0002_roster_stamp_triggers")]
    operations = [migrations.RunSQL(FORWARD, migrations.RunSQL.noop)]
