"""Whether a regular job ran twice: each time its hour was moved on, one run of it may follow."""

import psycopg

WATCH = """
CREATE TABLE benchmark_moved (schedule text, was timestamptz);
CREATE FUNCTION benchmark_note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO benchmark_moved VALUES (OLD.name, OLD.next_run);
    RETURN NULL;
END $$;
CREATE TRIGGER benchmark_moved AFTER UPDATE ON django_q_schedule
FOR EACH ROW WHEN (OLD.next_run IS DISTINCT FROM NEW.next_run) EXECUTE FUNCTION benchmark_note();
UPDATE django_q_schedule SET next_run = now() + interval '5 seconds' WHERE schedule_type = 'I';
TRUNCATE benchmark_moved;
"""
RUNS = """
SELECT coalesce(sum(greatest(ran.times - coalesce(moved.times, 0), 0)), 0)::int
     + (SELECT count(*) - count(DISTINCT (schedule, was)) FROM benchmark_moved)::int,
       coalesce(sum(ran.times), 0)::int
FROM (SELECT "group" AS name, count(*) AS times FROM django_q_task
      WHERE "group" IN (SELECT name FROM django_q_schedule) GROUP BY 1) ran
LEFT JOIN (SELECT schedule AS name, count(*) AS times FROM benchmark_moved GROUP BY 1) moved USING (name)
"""


def watch(database: str) -> None:
    """From now on; what is due every few minutes is due at once."""
    with psycopg.connect(database) as asked:
        asked.execute(WATCH)


def run_twice(database: str) -> tuple[int, int]:
    """How often one ran without its hour having been moved on, and how often any ran."""
    with psycopg.connect(database) as asked:
        row = asked.execute(RUNS).fetchone()
    assert row is not None
    return int(row[0]), int(row[1])
