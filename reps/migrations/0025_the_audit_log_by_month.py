"""The audit log in partitions by month. Killed anywhere in it, this migration is run again from its beginning."""

from django.db import migrations

SPLIT = r"""
-- Nobody waits long: what reads every row does so under a lock that lets others write; what wants the table for itself is
-- instantaneous, and asks for its lock again and again rather than have everybody queue behind it.
CREATE OR REPLACE PROCEDURE split_history(whole text) LANGUAGE plpgsql AS $$
DECLARE
    month date := date_trunc('month', clock_timestamp() AT TIME ZONE 'UTC');
    step text;
    is_done boolean;
    tries int := 0;
    one record;
BEGIN
    FOREACH step IN ARRAY ARRAY['bound', 'swap'] LOOP
        is_done := EXISTS (SELECT FROM pg_partitioned_table WHERE partrelid = to_regclass(whole));
        CONTINUE WHEN is_done;
        WHILE NOT is_done LOOP
            BEGIN
                PERFORM set_config('lock_timeout', '2s', true);
                IF step = 'bound' THEN
                    EXECUTE format('ALTER TABLE %I DROP CONSTRAINT IF EXISTS history_before', whole);
                    EXECUTE format('ALTER TABLE %I ADD CONSTRAINT history_before CHECK (id < %s) NOT VALID', whole,
                                   history_cut(month));
                ELSE
                    PERFORM swap_history(whole, month);
                END IF;
                is_done := true;
            EXCEPTION WHEN lock_not_available OR deadlock_detected THEN
                tries := tries + 1;
                IF tries >= 120 THEN
                    RAISE;
                END IF;
            END;
            COMMIT;
            IF NOT is_done THEN
                PERFORM pg_sleep(0.5);
            END IF;
        END LOOP;
        IF step = 'bound' THEN
            EXECUTE format('ALTER TABLE %I VALIDATE CONSTRAINT history_before', whole);
            COMMIT;
        END IF;
    END LOOP;
    FOR one IN SELECT conrelid::regclass AS referring, conname FROM pg_constraint
               WHERE confrelid = to_regclass(whole) AND contype = 'f' AND NOT convalidated AND conparentid = 0 LOOP
        EXECUTE format('ALTER TABLE %s VALIDATE CONSTRAINT %I', one.referring, one.conname);
        COMMIT;
    END LOOP;
END $$;
"""

# The trigger's word for its table is that of the partition by now.
REFUSE = r"""
CREATE OR REPLACE FUNCTION refuse_change_of_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND TG_TABLE_NAME LIKE 'reps\_auditentry%' AND current_setting('routing.forgets_audit', true) = 'on' THEN
        IF OLD.at < now() - interval '365 days' THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'the audit log is only added to: % of % is refused', TG_OP, TG_TABLE_NAME;
END $$;
"""

# The type of its rows was renamed with the table.
SEALING = """
DROP FUNCTION IF EXISTS audit_digest(bytea, reps_auditentry_before);
CREATE OR REPLACE FUNCTION audit_digest(before bytea, entry reps_auditentry) RETURNS bytea LANGUAGE sql STABLE
SET timezone TO 'UTC' AS $$
    SELECT sha256(before || convert_to(jsonb_build_array(
        entry.id, entry.at, entry.way, entry.user_id, entry.user_name, entry.user_email, entry.through, entry.address,
        entry.agent, entry.request_id, entry.action, entry.kind, entry.record_id, entry.record_name, entry.of_kind,
        entry.of_id, entry.of_name, entry.changes)::text, 'UTF8'))
$$;
CREATE OR REPLACE FUNCTION seal_audit() RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    reached bigint := 0;
    chained bytea := '';
    since timestamptz;
    entry reps_auditentry;
BEGIN
    PERFORM pg_advisory_xact_lock(7262022);
    SELECT number, digest, entry_at INTO reached, chained, since FROM reps_auditseal ORDER BY number DESC LIMIT 1;
    reached := coalesce(reached, 0);
    chained := coalesce(chained, '');
    -- A transaction may commit late what it wrote early, but none lasts a day.
    FOR entry IN
        SELECT e.* FROM reps_auditentry e
        WHERE (since IS NULL OR e.at > since - interval '1 day')
          AND NOT EXISTS (SELECT 1 FROM reps_auditseal s WHERE s.entry_id = e.id)
        ORDER BY e.id
    LOOP
        reached := reached + 1;
        chained := audit_digest(chained, entry);
        INSERT INTO reps_auditseal (number, entry_id, entry_at, digest) VALUES (reached, entry.id, entry.at, chained);
    END LOOP;
    RETURN reached;
END $$;
"""


class Migration(migrations.Migration):
    atomic = False  # it ends transactions in between, so that nobody waits

    dependencies = [("reps", "0024_history_by_month")]
    operations = [
        migrations.RunSQL(SPLIT),
        migrations.RunSQL("CALL split_history('reps_auditentry')"),
        migrations.RunSQL(REFUSE + SEALING),
    ]
