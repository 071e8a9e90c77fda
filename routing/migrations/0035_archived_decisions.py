"""Of a decision in the archive a line stays: what it was made from may go, nothing else of it, and not within a year."""

from django.db import migrations

# Who sets `routing.archives_history` is operations.services.history.removing, in the transaction that holds the rows
# against the file; back from the archive they go the same way.
FORWARD = r"""
CREATE OR REPLACE FUNCTION refuse_change_of_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND TG_TABLE_NAME LIKE 'routing\_decision%'
            AND current_setting('routing.archives_history', true) = 'on' THEN
        IF to_jsonb(NEW) - '{state,columns,trace}'::text[] = to_jsonb(OLD) - '{state,columns,trace}'::text[]
                AND NEW.trace -> 'steps' = OLD.trace -> 'steps' AND OLD.made_at < now() - interval '365 days'
                AND (NEW.trace ? 'archive' AND NEW.state = '' AND NEW.columns = ''
                     OR OLD.trace ? 'archive' AND NOT NEW.trace ? 'archive') THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION '% is history: a row of it is never changed or deleted', TG_TABLE_NAME;
END $$;
"""
BACKWARD = """
CREATE OR REPLACE FUNCTION refuse_change_of_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is history: a row of it is never changed or deleted', TG_TABLE_NAME;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("routing", "0034_decisions_and_changes_by_month")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
