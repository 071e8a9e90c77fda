"""The audit log writes itself, whatever way a row is changed, and is never rewritten.

`audit_table(table, given, operations)` sets a table's triggers; called again after a column was added it watches that
one too. `given` says:

    kind      what such a record is called in the log
    name      the column that names it (name)            id        the column that identifies it (id)
    of        [kind, column] of the record it belongs to  by        the column with the user, where no actor is told
    secret    columns of which only is told that they changed
    quiet     columns that are not watched; or `only`, those that are

Who changes arrives in a comment before the statement (`reps.attribution`), which holds for that statement alone:
nothing stays on the connection for the next one. `seal_audit` numbers what is committed and chains it by digests.
"""

from django.db import migrations

FORWARD = r"""
CREATE FUNCTION audit_actor() RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT convert_from(decode(substring(current_query() FROM '^\s*/\* actor:([A-Za-z0-9+/=]+) \*/'), 'base64'),
                        'UTF8')::jsonb
$$;

-- Nothing said: not there, empty text, an empty list. What differs in that only has not changed.
CREATE FUNCTION audit_said(value jsonb) RETURNS jsonb LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN value IN ('null', '""', '[]', '{}') THEN NULL
                WHEN length(value::text) > 10000 THEN to_jsonb(left(value::text, 10000) || '…')
                ELSE value END
$$;

-- A value that refers to a record, with the record's name now.
CREATE FUNCTION audit_named(field text, value jsonb) RETURNS jsonb LANGUAGE plpgsql STABLE AS $$
DECLARE
    source text := CASE
        WHEN field IN ('rep_id', 'owner_id', 'from_rep_id', 'to_rep_id', 'covering_id') THEN 'reps_rep'
        WHEN field IN ('user_id', 'by_id', 'acts_as_id') OR field LIKE '%\_by\_id' THEN 'reps_user'
        WHEN field = 'team_id' THEN 'reps_team'
        WHEN field = 'role_template_id' THEN 'reps_roletemplate'
        WHEN field = 'territory_id' THEN 'territories_territory'
        WHEN field = 'account_id' THEN 'crm_account'
        WHEN field = 'opportunity_id' THEN 'crm_opportunity'
        WHEN field = 'rule_id' THEN 'routing_rule'
        WHEN field = 'chatchannel_id' THEN 'routing_chatchannel'
        WHEN field = 'reason_id' THEN 'routing_overridereason'
    END;
    label text := CASE WHEN field = 'reason_id' THEN 'label' ELSE 'name' END;
    found text;
BEGIN
    IF source IS NULL OR jsonb_typeof(value) IS DISTINCT FROM 'number' THEN
        RETURN value;
    END IF;
    EXECUTE format('SELECT %I FROM %I WHERE id = $1', label, source) INTO found USING (value #>> '{}')::bigint;
    RETURN CASE WHEN found IS NULL THEN value ELSE jsonb_build_object('id', value, 'name', found) END;
END $$;

-- The name of the record that a column refers to; of a column that refers to none, what it says.
CREATE FUNCTION audit_name(field text, row_ jsonb) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT left(coalesce(found ->> 'name', found #>> '{}', ''), 300) FROM audit_named(field, row_ -> field) AS found
$$;

CREATE FUNCTION audit_differences(given jsonb, was jsonb, came jsonb) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_object_agg(field, CASE
        WHEN given -> 'secret' ? field THEN jsonb_build_array(
            CASE WHEN audit_said(was -> field) IS NOT NULL THEN 'secret' END,
            CASE WHEN audit_said(came -> field) IS NOT NULL THEN 'secret' END)
        ELSE jsonb_build_array(audit_named(field, audit_said(was -> field)), audit_named(field, audit_said(came -> field)))
        END)
    FROM jsonb_object_keys(coalesce(came, was)) AS field
    WHERE field NOT IN ('id', 'created_at', 'updated_at')
      AND CASE WHEN given ? 'only' THEN given -> 'only' ? field
               ELSE NOT coalesce(given -> 'quiet' ? field, false) END
      AND CASE WHEN given -> 'secret' ? field THEN nullif(was -> field, 'null') IS DISTINCT FROM nullif(came -> field, 'null')
               ELSE audit_said(was -> field) IS DISTINCT FROM audit_said(came -> field) END
$$;

CREATE FUNCTION note_audited() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    given jsonb := TG_ARGV[0]::jsonb;
    actor jsonb := audit_actor();
    was jsonb;
    came jsonb;
    row_ jsonb;
    differs jsonb;
    who bigint;
    who_name text := '';
    who_email text := '';
BEGIN
    IF TG_LEVEL = 'ROW' THEN
        IF TG_OP <> 'INSERT' THEN was := to_jsonb(OLD); END IF;
        IF TG_OP <> 'DELETE' THEN came := to_jsonb(NEW); END IF;
        row_ := coalesce(came, was);
        differs := audit_differences(given, was, came);
        IF TG_OP = 'UPDATE' AND differs IS NULL THEN
            RETURN NULL;
        END IF;
    END IF;
    who := coalesce((actor ->> 'user')::bigint, (row_ ->> (given ->> 'by'))::bigint);
    IF who IS NOT NULL THEN
        SELECT name, email INTO who_name, who_email FROM reps_user WHERE id = who;
    END IF;
    INSERT INTO reps_auditentry (at, way, user_id, user_name, user_email, through, address, agent, request_id, action,
                                 kind, record_id, record_name, of_kind, of_id, of_name, changes)
    VALUES (clock_timestamp(), coalesce(actor ->> 'way', 'database'), who, coalesce(who_name, ''),
            coalesce(who_email, ''), left(coalesce(actor ->> 'through', CASE WHEN actor IS NULL THEN session_user END, ''), 200),
            coalesce((actor ->> 'address')::inet, CASE WHEN actor IS NULL THEN inet_client_addr() END),
            coalesce(actor ->> 'agent', ''), coalesce(actor ->> 'request', ''),
            CASE TG_OP WHEN 'INSERT' THEN 'created' WHEN 'UPDATE' THEN 'changed' WHEN 'DELETE' THEN 'deleted'
                       ELSE 'emptied' END,
            given ->> 'kind', left(coalesce(row_ ->> coalesce(given ->> 'id', 'id'), ''), 40),
            audit_name(coalesce(given ->> 'name', 'name'), row_),
            coalesce(given -> 'of' ->> 0, ''), coalesce(row_ ->> (given -> 'of' ->> 1), ''),
            coalesce(audit_name(given -> 'of' ->> 1, row_), ''), coalesce(differs, '{}'));
    RETURN NULL;
END $$;

CREATE FUNCTION audit_table(audited text, given jsonb, operations text DEFAULT 'INSERT UPDATE DELETE') RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    columns text;
    differs text;
BEGIN
    SELECT string_agg(quote_ident(attname), ', '),
           string_agg(format('OLD.%1$I IS DISTINCT FROM NEW.%1$I', attname), ' OR ')
    INTO columns, differs
    FROM pg_attribute
    WHERE attrelid = audited::regclass AND attnum > 0 AND NOT attisdropped
      AND attname NOT IN ('id', 'created_at', 'updated_at')
      AND CASE WHEN given ? 'only' THEN given -> 'only' ? attname
               ELSE NOT coalesce(given -> 'quiet' ? attname, false) END;
    EXECUTE format('DROP TRIGGER IF EXISTS audit_created ON %1$I; DROP TRIGGER IF EXISTS audit_changed ON %1$I; '
                   'DROP TRIGGER IF EXISTS audit_deleted ON %1$I; DROP TRIGGER IF EXISTS audit_emptied ON %1$I', audited);
    IF operations ~ 'INSERT' THEN
        EXECUTE format('CREATE TRIGGER audit_created AFTER INSERT ON %I FOR EACH ROW EXECUTE FUNCTION note_audited(%L)',
                       audited, given);
    END IF;
    IF operations ~ 'UPDATE' THEN
        EXECUTE format('CREATE TRIGGER audit_changed AFTER UPDATE OF %s ON %I FOR EACH ROW WHEN (%s) '
                       'EXECUTE FUNCTION note_audited(%L)', columns, audited, differs, given);
    END IF;
    IF operations ~ 'DELETE' THEN
        EXECUTE format('CREATE TRIGGER audit_deleted AFTER DELETE ON %I FOR EACH ROW EXECUTE FUNCTION note_audited(%L)',
                       audited, given);
        EXECUTE format('CREATE TRIGGER audit_emptied AFTER TRUNCATE ON %I FOR EACH STATEMENT '
                       'EXECUTE FUNCTION note_audited(%L)', audited, given);
    END IF;
END $$;

-- Append-only. An entry goes only through `forget_audit`, and never before it is a year old, whoever sets what.
CREATE FUNCTION refuse_change_of_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'DELETE' AND TG_TABLE_NAME = 'reps_auditentry' AND current_setting('routing.forgets_audit', true) = 'on' THEN
        IF OLD.at < now() - interval '365 days' THEN
            RETURN OLD;
        END IF;
    END IF;
    RAISE EXCEPTION 'the audit log is only added to: % of % is refused', TG_OP, TG_TABLE_NAME;
END $$;

CREATE TRIGGER audit_entry_stays BEFORE UPDATE OR DELETE ON reps_auditentry
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_audit();
CREATE TRIGGER audit_entries_stay BEFORE TRUNCATE ON reps_auditentry
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_audit();
CREATE TRIGGER audit_seal_stays BEFORE UPDATE OR DELETE ON reps_auditseal
    FOR EACH ROW EXECUTE FUNCTION refuse_change_of_audit();
CREATE TRIGGER audit_seals_stay BEFORE TRUNCATE ON reps_auditseal
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change_of_audit();

CREATE FUNCTION audit_digest(before bytea, entry reps_auditentry) RETURNS bytea LANGUAGE sql STABLE
SET timezone TO 'UTC' AS $$
    SELECT sha256(before || convert_to(jsonb_build_array(
        entry.id, entry.at, entry.way, entry.user_id, entry.user_name, entry.user_email, entry.through, entry.address,
        entry.agent, entry.request_id, entry.action, entry.kind, entry.record_id, entry.record_name, entry.of_kind,
        entry.of_id, entry.of_name, entry.changes)::text, 'UTF8'))
$$;

-- Numbers what is committed and has no number yet; returns the last number. One at a time; nobody who writes waits.
CREATE FUNCTION seal_audit() RETURNS bigint LANGUAGE plpgsql AS $$
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

CREATE FUNCTION forget_audit(before timestamptz) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    gone bigint;
BEGIN
    IF before > now() - interval '365 days' THEN
        RAISE EXCEPTION 'the audit log is kept for a year at least';
    END IF;
    PERFORM set_config('routing.forgets_audit', 'on', true);
    DELETE FROM reps_auditentry WHERE at < before;
    GET DIAGNOSTICS gone = ROW_COUNT;
    PERFORM set_config('routing.forgets_audit', '', true);
    IF gone > 0 THEN
        INSERT INTO reps_auditentry (at, way, through, action, kind, changes)
        VALUES (clock_timestamp(), coalesce(audit_actor() ->> 'way', 'database'),
                coalesce(audit_actor() ->> 'through', session_user), 'forgotten', 'audit log',
                jsonb_build_object('entries', jsonb_build_array(gone, NULL), 'before', jsonb_build_array(NULL, before)));
    END IF;
    RETURN gone;
END $$;

SELECT audit_table('reps_user', '{"kind": "user", "secret": ["password"], "quiet": ["last_login", "date_joined"]}');
SELECT audit_table('reps_team', '{"kind": "team", "quiet": ["turn_clock"]}');
SELECT audit_table('reps_team_managers', '{"kind": "team manager", "name": "user_id", "of": ["team", "team_id"]}');
SELECT audit_table('reps_roletemplate', '{"kind": "role template"}');
SELECT audit_table('reps_rep', '{"kind": "rep", "quiet": ["load", "pending", "pipeline_value", "pending_value",
    "turn_finish", "turns_taken", "reviewed_at", "reviewed_by_id", "confirmed_at"]}');
SELECT audit_table('reps_skill', '{"kind": "skill", "of": ["rep", "rep_id"], "quiet": ["evidence_won", "evidence_closed"]}');
SELECT audit_table('reps_certificationdepth', '{"kind": "certification", "name": "certification"}');
SELECT audit_table('reps_absence', '{"kind": "absence", "name": "reason", "of": ["rep", "rep_id"], "by": "created_by_id",
    "quiet": ["planned_until", "event_key"]}');
SELECT audit_table('reps_closingday', '{"kind": "closing day"}');
SELECT audit_table('reps_calendarfeed', '{"kind": "calendar", "of": ["rep", "rep_id"], "secret": ["sealed"], "quiet": ["content",
    "etag", "last_modified", "events", "absences_ahead", "skipped", "last_tried_at", "last_worked_at", "failing_since",
    "failures", "last_error", "next_try_at", "claimed_until", "alarmed_at"]}');
SELECT audit_table('reps_calendarsettings', '{"kind": "calendar settings"}');
SELECT audit_table('reps_organisation', '{"kind": "organisation"}');
SELECT audit_table('reps_tagreviewsettings', '{"kind": "review settings"}');
SELECT audit_table('reps_invitation', '{"kind": "invitation", "name": "email", "secret": ["stamp"], "by": "invited_by_id"}');
SELECT audit_table('reps_invitation_teams', '{"kind": "invitation team", "name": "team_id", "of": ["invitation", "invitation_id"]}');
SELECT audit_table('reps_signinsettings', '{"kind": "sign-in settings", "secret": ["sealed"]}');
SELECT audit_table('reps_signinsettings_break_glass', '{"kind": "emergency sign-in", "name": "user_id"}');
SELECT audit_table('reps_grouprole', '{"kind": "group role", "name": "group"}');
SELECT audit_table('reps_apitoken', '{"kind": "token", "id": "name", "of": ["user", "user_id"],
    "quiet": ["digest", "token_key", "created", "last_used_at", "last_used_from"]}');
SELECT audit_table('mfa_authenticator', '{"kind": "second factor", "name": "type", "of": ["user", "user_id"], "secret": ["data"],
    "quiet": ["last_used_at"]}', 'INSERT DELETE');
SELECT audit_table('socialaccount_socialaccount', '{"kind": "account at the provider", "name": "provider", "of": ["user", "user_id"],
    "only": ["uid"]}');
"""

BACKWARD = """
DO $$
DECLARE one record;
BEGIN
    FOR one IN SELECT tgname, tgrelid::regclass AS audited FROM pg_trigger
               WHERE tgfoid = 'note_audited()'::regprocedure LOOP
        EXECUTE format('DROP TRIGGER %I ON %s', one.tgname, one.audited);
    END LOOP;
END $$;
DROP TRIGGER audit_entry_stays ON reps_auditentry;
DROP TRIGGER audit_entries_stay ON reps_auditentry;
DROP TRIGGER audit_seal_stays ON reps_auditseal;
DROP TRIGGER audit_seals_stay ON reps_auditseal;
DROP FUNCTION forget_audit(timestamptz);
DROP FUNCTION seal_audit();
DROP FUNCTION audit_digest(bytea, reps_auditentry);
DROP FUNCTION refuse_change_of_audit();
DROP FUNCTION audit_table(text, jsonb, text);
DROP FUNCTION note_audited();
DROP FUNCTION audit_differences(jsonb, jsonb, jsonb);
DROP FUNCTION audit_name(text, jsonb);
DROP FUNCTION audit_named(text, jsonb);
DROP FUNCTION audit_said(jsonb);
DROP FUNCTION audit_actor();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("reps", "0022_audit_log"),
        ("mfa", "0001_initial"),
        ("socialaccount", "0001_initial"),
    ]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
