"""What can be chosen in the filters of analytics: what there are facts of."""

from django.db import connection

from analytics.models import DaySum

# From one key to the next by the index, since a few keys have very many sums.
KEYS = """
WITH RECURSIVE found (key) AS (
    SELECT min(key) FROM analytics_daysum WHERE by = %(by)s AND key > ''
    UNION ALL
    SELECT (SELECT min(key) FROM analytics_daysum WHERE by = %(by)s AND key > found.key) FROM found
    WHERE found.key IS NOT NULL
)
SELECT key FROM found WHERE key IS NOT NULL ORDER BY key
"""


def _keys(by: str) -> list[str]:
    with connection.cursor() as cursor:
        cursor.execute(KEYS, {"by": by})
        return [key for (key,) in cursor.fetchall()]


def offered_sources() -> list[str]:
    return _keys(DaySum.By.SOURCE)


def offered_policies() -> list[str]:
    return _keys(DaySum.By.POLICY)
