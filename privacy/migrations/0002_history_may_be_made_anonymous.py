"""One narrow way to rewrite what is history, for erasing.

`erases()` is true only in a transaction that has added an erasure, which nobody takes away again, and that says its id
(`routing.erases`). Then, and of personal columns only, the triggers that refuse any change let one pass. An entry of the
audit log that was sealed needs a redaction beside it, and `check_invariants` holds the entry against that.
"""

from django.db import migrations

FORWARD = r"""
CREATE FUNCTION privacy_note_transaction() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'INSERT' THEN
        NEW.transaction := pg_current_xact_id()::text::bigint;
        NEW.made_at := clock_timestamp();
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE' AND OLD.transaction = pg_current_xact_id()::text::bigint
       AND to_jsonb(OLD) - 'counts' - 'reason' = to_jsonb(NEW) - 'counts' - 'reason' THEN
        RETURN NEW;
    END IF;
    IF TG_OP = 'UPDATE' AND erases() AND to_jsonb(OLD) - 'reason' = to_jsonb(NEW) - 'reason' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'erasures are only added to: % is refused', TG_OP;
END $$;

CREATE FUNCTION erases() RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (
        SELECT FROM privacy_erasure
        WHERE id = nullif(current_setting('routing.erases', true), '')::bigint
          AND transaction = pg_current_xact_id_if_assigned()::text::bigint
          AND made_at > now() - interval '1 day')
$$;

CREATE TRIGGER erasure_stays BEFORE INSERT OR UPDATE OR DELETE ON privacy_erasure
    FOR EACH ROW EXECUTE FUNCTION privacy_note_transaction();
CREATE FUNCTION privacy_keep_redaction() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' OR NOT erases() THEN
        RAISE EXCEPTION 'redactions of the audit log are only added by erasing: % is refused', TG_OP;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER audit_redaction_stays BEFORE INSERT OR UPDATE OR DELETE ON reps_auditredaction
    FOR EACH ROW EXECUTE FUNCTION privacy_keep_redaction();

-- Whether nothing but these columns differs.
CREATE FUNCTION only_differs(was jsonb, came jsonb, VARIADIC columns text[]) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT was - columns = came - columns
$$;

CREATE OR REPLACE FUNCTION refuse_change_of_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- what goes into the archive, as before (routing 0035)
    IF TG_OP = 'UPDATE' AND TG_TABLE_NAME LIKE 'routing\_decision%'
            AND current_setting('routing.archives_history', true) = 'on' THEN
        IF to_jsonb(NEW) - '{state,columns,trace}'::text[] = to_jsonb(OLD) - '{state,columns,trace}'::text[]
                AND NEW.trace -> 'steps' = OLD.trace -> 'steps' AND OLD.made_at < now() - interval '365 days'
                AND (NEW.trace ? 'archive' AND NEW.state = '' AND NEW.columns = ''
                     OR OLD.trace ? 'archive' AND NOT NEW.trace ? 'archive') THEN
            RETURN NEW;
        END IF;
    END IF;
    IF TG_OP = 'UPDATE' AND erases() THEN
        IF (CASE TG_TABLE_NAME
            WHEN 'routing_configurationversion' THEN
                only_differs(to_jsonb(OLD), to_jsonb(NEW), 'content', 'content_hash', 'note')
            WHEN 'routing_modelevent' THEN only_differs(to_jsonb(OLD), to_jsonb(NEW), 'note')
            WHEN 'routing_modelversion' THEN false
            WHEN 'routing_rostersnapshot' THEN false
            ELSE TG_TABLE_NAME LIKE 'routing\_decision%'
                AND only_differs(to_jsonb(OLD), to_jsonb(NEW), 'facts', 'trace', 'policy_name', 'result_digest') END)
        THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION '% is history: a row of it is never changed or deleted', TG_TABLE_NAME;
END $$;

CREATE OR REPLACE FUNCTION crm_refuse_change_of_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND erases() THEN
        IF only_differs(to_jsonb(OLD), to_jsonb(NEW), 'reason') THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION '% is history: a row of it is never changed or deleted', TG_TABLE_NAME;
END $$;

CREATE OR REPLACE FUNCTION refuse_change_of_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND TG_TABLE_NAME LIKE 'reps\_auditentry%' AND current_setting('routing.forgets_audit', true) = 'on' THEN
        IF OLD.at < now() - interval '365 days' THEN
            RETURN OLD;
        END IF;
    END IF;
    IF TG_OP = 'UPDATE' AND TG_TABLE_NAME LIKE 'reps\_auditentry%' AND erases() THEN
        IF only_differs(to_jsonb(OLD), to_jsonb(NEW), 'user_name', 'user_email', 'through', 'address', 'agent',
                        'record_id', 'record_name', 'of_name', 'changes') THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION 'the audit log is only added to: % of % is refused', TG_OP, TG_TABLE_NAME;
END $$;

-- Of an entry that was sealed: what it says now, under its seal. To be called once the entry says less.
CREATE FUNCTION redact_audit(entries bigint[]) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    redacted bigint;
BEGIN
    IF NOT erases() THEN
        RAISE EXCEPTION 'the audit log is redacted by an erasure only';
    END IF;
    INSERT INTO reps_auditredaction (entry_id, erasure_id, digest)
    SELECT e.id, current_setting('routing.erases')::bigint, audit_digest(s.digest, e)
    FROM reps_auditentry e JOIN reps_auditseal s ON s.entry_id = e.id WHERE e.id = ANY (entries)
    ON CONFLICT (entry_id) DO UPDATE SET digest = EXCLUDED.digest, erasure_id = EXCLUDED.erasure_id;
    GET DIAGNOSTICS redacted = ROW_COUNT;
    RETURN redacted;
END $$;

SELECT audit_table('privacy_erasure', '{"kind": "erasure", "name": "kind", "by": "made_by_id",
    "quiet": ["transaction", "made_at", "counts"]}');
SELECT audit_table('privacy_retentionsettings', '{"kind": "retention settings"}');
"""

BACKWARD = r"""
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
CREATE OR REPLACE FUNCTION crm_refuse_change_of_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is history: a row of it is never changed or deleted', TG_TABLE_NAME;
END $$;
CREATE OR REPLACE FUNCTION refuse_change_of_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND TG_TABLE_NAME LIKE 'reps\_auditentry%' AND current_setting('routing.forgets_audit', true) = 'on' THEN
        IF OLD.at < now() - interval '365 days' THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'the audit log is only added to: % of % is refused', TG_OP, TG_TABLE_NAME;
END $$;
DROP FUNCTION redact_audit(bigint[]);
DROP TRIGGER erasure_stays ON privacy_erasure;
DROP TRIGGER audit_redaction_stays ON reps_auditredaction;
DROP FUNCTION privacy_note_transaction();
DROP FUNCTION privacy_keep_redaction();
DROP FUNCTION erases();
DROP FUNCTION only_differs(jsonb, jsonb, text[]);
"""


class Migration(migrations.Migration):
    dependencies = [
        ("privacy", "0001_initial"),
        ("reps", "0026_audit_redactions"),
        ("routing", "0035_archived_decisions"),
        ("crm", "0011_activities_by_month"),
    ]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
