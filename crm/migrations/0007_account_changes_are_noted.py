"""Note in which transaction an account changed in what is matched, so that every process can read what it has missed.

Triggers and not code, so that no way of writing (import, SQL) leaves a matcher behind; and the transaction's number
and not a time, since transactions become visible in another order than they write. One row for each account: whoever
changes an account holds its row already, so noting it makes nobody wait. A spelling that a person confirmed counts as a
name of the account.
"""

from django.db import migrations

FORWARD = """
CREATE FUNCTION crm_note_account(ids bigint[]) RETURNS void LANGUAGE sql AS $$
    INSERT INTO crm_accountchange (account_id, changed_in)
        SELECT DISTINCT id, pg_current_xact_id()::text::bigint FROM unnest(ids) AS id WHERE id IS NOT NULL ORDER BY id
        ON CONFLICT (account_id) DO UPDATE SET changed_in = excluded.changed_in
$$;

CREATE FUNCTION crm_note_added_accounts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM crm_note_account(array_agg(id)) FROM added;
    RETURN NULL;
END $$;

CREATE FUNCTION crm_note_deleted_accounts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM crm_note_account(array_agg(id)) FROM deleted;
    RETURN NULL;
END $$;

CREATE FUNCTION crm_note_changed_accounts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM crm_note_account(array_agg(after.id)) FROM after JOIN before USING (id)
        WHERE (after.name, after.domain, after.country, after.parent_id)
            IS DISTINCT FROM (before.name, before.domain, before.country, before.parent_id);
    RETURN NULL;
END $$;

CREATE FUNCTION crm_note_confirmed_match() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP <> 'INSERT' THEN
        PERFORM crm_note_account(ARRAY[OLD.account_id]) WHERE OLD.state = 'confirmed';
    END IF;
    IF TG_OP <> 'DELETE' THEN
        PERFORM crm_note_account(ARRAY[NEW.account_id]) WHERE NEW.state = 'confirmed';
    END IF;
    RETURN NULL;
END $$;

CREATE TRIGGER account_added AFTER INSERT ON crm_account REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION crm_note_added_accounts();
CREATE TRIGGER account_deleted AFTER DELETE ON crm_account REFERENCING OLD TABLE AS deleted
    FOR EACH STATEMENT EXECUTE FUNCTION crm_note_deleted_accounts();
CREATE TRIGGER account_changed AFTER UPDATE ON crm_account REFERENCING OLD TABLE AS before NEW TABLE AS after
    FOR EACH STATEMENT EXECUTE FUNCTION crm_note_changed_accounts();
CREATE TRIGGER match_confirmed AFTER INSERT OR UPDATE OR DELETE ON crm_accountmatch
    FOR EACH ROW EXECUTE FUNCTION crm_note_confirmed_match();
"""

BACKWARD = """
DROP TRIGGER account_added ON crm_account;
DROP TRIGGER account_deleted ON crm_account;
DROP TRIGGER account_changed ON crm_account;
DROP TRIGGER match_confirmed ON crm_accountmatch;
DROP FUNCTION crm_note_added_accounts();
DROP FUNCTION crm_note_deleted_accounts();
DROP FUNCTION crm_note_changed_accounts();
DROP FUNCTION crm_note_confirmed_match();
DROP FUNCTION crm_note_account(bigint[]);
"""


class Migration(migrations.Migration):
    dependencies = [("crm", "0006_account_matches")]
    operations = [migrations.RunSQL(FORWARD, BACKWARD)]
