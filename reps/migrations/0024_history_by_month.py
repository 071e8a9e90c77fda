"""History in partitions by month (docs/growth.md): the functions that make them. reps, crm and routing split theirs.

A partition is a range of ids: at a month's turn the sequence of ids is lifted to year and month times a thousand million
(202612000000000 for December 2026). So the key stays `id`, references to it hold, ids rise with time and stay legible,
and a row costs what it did. Who comes late with the lifting has some rows in the month before, and nothing else.

    CALL split_history('routing_decision')   once (reps 0025): the table becomes the partition of what was before
    make_history_months(at)                  this month's partition and the next two of each history
    turn_history(at)                         lifts ids to this month's, where its partition is there

A unique index of the whole would have to contain the id; those that do not stand on each partition.
"""

from django.db import migrations

FUNCTIONS = r"""
CREATE FUNCTION history_cut(month date) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT (extract(year FROM month) * 100 + extract(month FROM month))::bigint * 1000000000
$$;

-- What a partition has of its own: unique indexes without the id, which `model` has, and what refuses to empty it.
CREATE FUNCTION equip_history(whole text, part text, model text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    one record;
BEGIN
    FOR one IN SELECT pg_get_indexdef(i.indexrelid) AS said FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid
               WHERE i.indrelid = to_regclass(model) AND i.indisunique AND NOT c.relispartition AND part <> model LOOP
        EXECUTE format('CREATE UNIQUE INDEX ON %I %s', part, substring(one.said FROM 'USING .*$'));
    END LOOP;
    FOR one IN SELECT tgname, pg_get_triggerdef(oid) AS said FROM pg_trigger
               WHERE tgrelid = to_regclass(whole) AND NOT tgisinternal AND tgtype & 32 > 0 LOOP
        EXECUTE regexp_replace(one.said, ' ON \S+ ', format(' ON %I ', part));
    END LOOP;
END $$;

CREATE FUNCTION make_history_month(whole text, month date) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    part text := whole || to_char(month, '"_"YYYYMM');
    model text;
BEGIN
    IF to_regclass(part) IS NOT NULL THEN
        RETURN false;
    END IF;
    SELECT inhrelid::regclass::text INTO model FROM pg_inherits WHERE inhparent = to_regclass(whole)
    ORDER BY inhrelid DESC LIMIT 1;
    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE)', part, whole);
    PERFORM equip_history(whole, part, model);
    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)', whole, part,
                   history_cut(month), history_cut((month + interval '1 month')::date));
    RETURN true;
END $$;

CREATE FUNCTION histories() RETURNS SETOF text LANGUAGE sql STABLE AS $$
    SELECT c.relname::text FROM pg_partitioned_table p JOIN pg_class c ON c.oid = p.partrelid
    WHERE c.relnamespace = current_schema()::regnamespace AND NOT c.relispartition ORDER BY c.relname
$$;

-- Returns how many it made. Whoever comes at the same time waits, and finds them made.
CREATE FUNCTION make_history_months(at timestamptz, ahead int DEFAULT 2) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    month date := date_trunc('month', at AT TIME ZONE 'UTC');
    whole text;
    made int := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(7262023);
    FOR whole IN SELECT histories() LOOP
        FOR n IN 0..ahead LOOP
            made := made + make_history_month(whole, (month + make_interval(months => n))::date)::int;
        END LOOP;
    END LOOP;
    RETURN made;
END $$;

-- A sequence is lifted at once, whatever becomes of the transaction: so only to partitions that others see already, which
-- means in a transaction after the one that made them. Returns how many it lifted.
CREATE FUNCTION turn_history(at timestamptz) RETURNS int LANGUAGE plpgsql AS $$
DECLARE
    month date := date_trunc('month', at AT TIME ZONE 'UTC');
    whole text;
    reached bigint;
    lifted int := 0;
BEGIN
    PERFORM pg_advisory_xact_lock(7262023);
    FOR whole IN SELECT histories() LOOP
        EXECUTE format('SELECT last_value FROM %s', pg_get_serial_sequence(quote_ident(whole), 'id')) INTO reached;
        IF reached < history_cut(month) AND to_regclass(whole || to_char(month, '"_"YYYYMM')) IS NOT NULL THEN
            PERFORM setval(pg_get_serial_sequence(quote_ident(whole), 'id'), history_cut(month));
            lifted := lifted + 1;
        END IF;
    END LOOP;
    RETURN lifted;
END $$;

-- Metadata only: `history_before` (valid by now) spares the scan, indexes and references are found again on the part.
-- References to the table are checked afterwards.
CREATE FUNCTION swap_history(whole text, month date) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    part text := whole || '_before';
    of oid := to_regclass(whole);
    after text[];
    one record;
BEGIN
    EXECUTE format('LOCK TABLE %I IN ACCESS EXCLUSIVE MODE', whole);
    SELECT array_agg(said ORDER BY turn, name) INTO after FROM (
        SELECT 1 AS turn, conname AS name, format('ALTER TABLE %I ADD CONSTRAINT %I %s', whole, conname,
                                                  pg_get_constraintdef(oid)) AS said
        FROM pg_constraint WHERE conrelid = of AND contype IN ('p', 'f')
        UNION ALL
        SELECT 1, c.relname, pg_get_indexdef(i.indexrelid)
        FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = of AND NOT i.indisunique
        UNION ALL
        SELECT 2, part, format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (MINVALUE) TO (%s)', whole, part,
                               history_cut(month))
        UNION ALL
        SELECT 3, conname, format('ALTER TABLE %s ADD CONSTRAINT %I %s NOT VALID', conrelid::regclass, conname,
                                  pg_get_constraintdef(oid))
        FROM pg_constraint WHERE confrelid = of AND contype = 'f'
        UNION ALL
        SELECT 3, tgname, pg_get_triggerdef(oid) FROM pg_trigger WHERE tgrelid = of AND NOT tgisinternal
    ) said;

    FOR one IN SELECT conrelid::regclass AS referring, conname FROM pg_constraint WHERE confrelid = of AND contype = 'f' LOOP
        EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', one.referring, one.conname);
    END LOOP;
    FOR one IN SELECT tgname FROM pg_trigger WHERE tgrelid = of AND NOT tgisinternal LOOP
        EXECUTE format('DROP TRIGGER %I ON %I', one.tgname, whole);
    END LOOP;
    FOR one IN SELECT c.relname FROM pg_index i JOIN pg_class c ON c.oid = i.indexrelid WHERE i.indrelid = of LOOP
        EXECUTE format('ALTER INDEX %I RENAME TO %I', one.relname, left(one.relname, 55) || '_before');
    END LOOP;
    EXECUTE format('ALTER TABLE %I ALTER id DROP IDENTITY', whole);
    EXECUTE format('ALTER TABLE %I RENAME TO %I', whole, part);

    EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING STORAGE) '
                   'PARTITION BY RANGE (id)', whole, part);
    EXECUTE format('ALTER TABLE %I DROP CONSTRAINT history_before', whole);
    EXECUTE format('ALTER TABLE %I ALTER id ADD GENERATED BY DEFAULT AS IDENTITY (SEQUENCE NAME %I START WITH %s)',
                   whole, whole || '_id_seq', history_cut(month) + 1);
    FOR n IN 1..cardinality(after) LOOP
        EXECUTE after[n];
    END LOOP;
    EXECUTE format('ALTER TABLE %I DROP CONSTRAINT history_before', part);
    PERFORM equip_history(whole, part, part);
    FOR n IN 0..2 LOOP
        PERFORM make_history_month(whole, (month + make_interval(months => n))::date);
    END LOOP;
END $$;
"""


class Migration(migrations.Migration):
    dependencies = [("reps", "0023_the_audit_log_is_written_by_triggers")]
    operations = [migrations.RunSQL(FUNCTIONS)]
