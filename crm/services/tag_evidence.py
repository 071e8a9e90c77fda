"""The deals behind each held tag, kept true: won and closed ones of the rep that have the tag's value.

Counts what a review of tags counts (`routing.queries.tag_reviews`): won and lost deals with a known date, closed in the
last months, by who owns them, text compared case-folded. Certifications have no deals. One statement for everybody; it
passes over tags that somebody is just changing, so that it waits for nobody.
"""

import datetime
from collections.abc import Collection

from django.db import connection

MONTH_DAYS = 30.4375

REFRESH = """
WITH closed AS (
    SELECT o.id, o.owner_id, o.stage = 'won' AS won, o.industry, p.name AS product, o.language, o.competitors
    FROM crm_opportunity o LEFT JOIN crm_product p ON p.id = o.product_id
    WHERE o.stage IN ('won', 'lost') AND o.owner_id IS NOT NULL AND o.dates_known
      AND o.closed_at >= %(start)s AND o.closed_at <= %(at)s
      AND (%(reps)s::bigint[] IS NULL OR o.owner_id = ANY(%(reps)s::bigint[]))
), named AS (
    SELECT owner_id, won, 'industry' AS kind, crm_folded(industry) AS value FROM closed
    UNION ALL SELECT owner_id, won, 'product', crm_folded(product) FROM closed
    UNION ALL SELECT owner_id, won, 'language', crm_folded(language) FROM closed
    UNION ALL SELECT owner_id, won, 'competitor', value
    FROM closed, LATERAL (SELECT DISTINCT crm_folded(word) AS value FROM unnest(competitors) AS word) words
), counted AS (
    SELECT owner_id, kind, value, count(*) AS closed, count(*) FILTER (WHERE won) AS won
    FROM named WHERE value IS NOT NULL GROUP BY owner_id, kind, value
), changed AS (
    SELECT s.id, coalesce(c.won, 0) AS won, coalesce(c.closed, 0) AS closed
    FROM reps_skill s
    LEFT JOIN counted c ON c.owner_id = s.rep_id AND c.kind = s.kind AND c.value = crm_folded(s.name)
    WHERE s.kind <> 'certification' AND (%(reps)s::bigint[] IS NULL OR s.rep_id = ANY(%(reps)s::bigint[]))
      AND (s.evidence_won, s.evidence_closed) IS DISTINCT FROM (coalesce(c.won, 0), coalesce(c.closed, 0))
    FOR UPDATE OF s SKIP LOCKED
)
UPDATE reps_skill SET evidence_won = changed.won, evidence_closed = changed.closed
FROM changed WHERE reps_skill.id = changed.id
"""


def refresh_evidence(*, at: datetime.datetime, months: int, reps: Collection[int] | None = None) -> int:
    """Counts anew, for everybody or for these reps (ids); returns how many tags had other numbers."""
    start = at - datetime.timedelta(days=months * MONTH_DAYS)
    with connection.cursor() as cursor:
        cursor.execute(REFRESH, {"start": start, "at": at, "reps": None if reps is None else sorted(reps)})
        return int(cursor.rowcount)
