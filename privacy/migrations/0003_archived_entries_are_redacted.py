"""An entry of the audit log that is in the archive only says less in its file after an erasure: its redaction, over what
the file says then. Of an entry that the log still has, `redact_audit` makes it from the log."""

from django.db import migrations

FORWARD = r"""
CREATE FUNCTION redact_archived_audit(entries jsonb) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    redacted bigint;
BEGIN
    IF NOT erases() THEN
        RAISE EXCEPTION 'the audit log is redacted by an erasure only';
    END IF;
    INSERT INTO reps_auditredaction (entry_id, erasure_id, digest)
    SELECT e.id, current_setting('routing.erases')::bigint, audit_digest(s.digest, e)
    FROM jsonb_populate_recordset(NULL::reps_auditentry, entries) e JOIN reps_auditseal s ON s.entry_id = e.id
    WHERE NOT EXISTS (SELECT FROM reps_auditentry kept WHERE kept.id = e.id)
    ON CONFLICT (entry_id) DO UPDATE SET digest = EXCLUDED.digest, erasure_id = EXCLUDED.erasure_id;
    GET DIAGNOSTICS redacted = ROW_COUNT;
    RETURN redacted;
END $$;
"""
BACKWARD = "DROP FUNCTION redact_archived_audit(jsonb);"


class Migration(migrations.Migration):
    dependencies = [("privacy", "0002_history_may_be_made_anonymous")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
