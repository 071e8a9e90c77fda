"""How large tables are, their partitions counted together. Rows are the database's own estimates."""

from dataclasses import dataclass

from django.db import connection

# Of each table that is no partition: itself and its partitions. What was never counted (-1) has no rows.
SIZES = """
SELECT whole.relname, sum(greatest(part.reltuples, 0))::bigint, sum(pg_table_size(part.oid))::bigint,
    sum(pg_indexes_size(part.oid))::bigint, count(*) FILTER (WHERE part.relispartition)
FROM pg_class whole
JOIN LATERAL (
    SELECT whole.oid, whole.reltuples, false AS relispartition WHERE whole.relkind = 'r'
    UNION ALL
    SELECT c.oid, c.reltuples, true FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
    WHERE i.inhparent = whole.oid AND whole.relkind = 'p'
) part ON true
WHERE whole.relnamespace = current_schema()::regnamespace AND whole.relkind IN ('r', 'p') AND NOT whole.relispartition
GROUP BY whole.oid, whole.relname ORDER BY sum(pg_total_relation_size(part.oid)) DESC, whole.relname
"""


@dataclass(frozen=True)
class TableSize:
    """`months`: of how many partitions it consists; 0 of a table that is not divided."""

    table: str
    rows: int
    table_bytes: int
    index_bytes: int
    months: int

    @property
    def size_bytes(self) -> int:
        return self.table_bytes + self.index_bytes


def table_sizes() -> list[TableSize]:
    """The largest first."""
    with connection.cursor() as cursor:
        cursor.execute(SIZES)
        return [TableSize(*row) for row in cursor.fetchall()]


def database_bytes() -> int:
    with connection.cursor() as cursor:
        cursor.execute("SELECT pg_database_size(current_database())")
        return int(cursor.fetchone()[0])
