"""The definition of facts, once, in SQL: what `analytics.models.Fact` says, of the opportunities in %(ids)s.

`tests/analytics/by_hand.py` says the same in plain Python, opportunity by opportunity; a test holds both together.
"""

VERSION = 3  # raise it with any change of what a fact is: the refresh then works everything out anew

# How an assignment came about. A suggestion that a person approved is the router's; where the person did not see it (a
# policy in shadow) it is the person's.
PATH = """CASE
    WHEN a.source = 'import' THEN 'import'
    WHEN d.id IS NULL OR d.outcome = 'shadow'
        OR (a.source = 'person' AND q.state IS DISTINCT FROM 'approved') THEN 'person'
    WHEN d.via = 'prediction' THEN 'model'
    WHEN d.via = 'round_robin' THEN 'turn'
    WHEN d.via = 'strategy' THEN 'strategy'
    WHEN d.via IN ('manager', 'hold') THEN 'person'
    ELSE 'rule' END"""
# Of what was to be chosen, whether model or rule chose. Null: an account, a repeat or a lock had it, or an experiment.
BY_MODEL = """CASE
    WHEN path IN ('person', 'turn') THEN false
    WHEN path = 'model' OR via = 'rule' THEN true END"""
TERRITORY = """(jsonb_path_query_first(d.trace, '$.steps[*] ? (@.name == "territory").found.territory')
    #>> '{}')::bigint"""

SUMMED = "day, event, rep_id, source, policy, kind, path, mode, bin, score, hit, seconds, value"  # what sums are of
FACTS = f"""
WITH o AS (
    SELECT id, stage, closed_at, first_touch_at, owner_id, source, kind, value_base::float8 AS value, accepted_at
    FROM crm_opportunity WHERE id = ANY(%(ids)s)
),
owned AS MATERIALIZED (
    SELECT a.id, a.opportunity_id, a.rep_id, a.assigned_at, a.ended_at, a.source AS author,
        d.id AS decision_id, d.via, d.policy_name, {TERRITORY} AS territory_id, {PATH} AS path,
        coalesce(q.is_of_batch, false) AS is_of_batch,
        CASE WHEN a.source <> 'import' AND d.rep_id = a.rep_id AND NOT d.outcome = 'shadow' THEN d.score
             ELSE c.score END AS score,
        CASE WHEN a.source <> 'import' AND d.rep_id = a.rep_id AND NOT d.outcome = 'shadow' THEN d.win_probability
             ELSE c.win_probability END AS win_probability,
        row_number() OVER (PARTITION BY a.opportunity_id ORDER BY a.assigned_at, a.id) AS place,
        row_number() OVER (PARTITION BY a.opportunity_id ORDER BY a.assigned_at DESC, a.id DESC) AS from_last
    FROM crm_assignment a
    LEFT JOIN routing_decision own ON own.assignment_id = a.id
    LEFT JOIN routing_queueitem q ON q.assignment_id = a.id
    LEFT JOIN analytics_chosenmatch c ON c.assignment_id = a.id
    LEFT JOIN routing_decision d ON d.id = coalesce(own.id, q.decision_id, c.decision_id)
    WHERE a.opportunity_id = ANY(%(ids)s)
),
touched AS (
    SELECT a.*, o.source, o.kind, o.value, o.stage, o.closed_at, o.accepted_at,
        CASE WHEN a.path IN ('import', 'person') THEN 'hand' WHEN a.is_of_batch THEN 'batch'
             ELSE 'real_time' END AS mode,
        CASE WHEN a.from_last = 1 AND a.rep_id = o.owner_id THEN o.first_touch_at ELSE (
            SELECT min(v.happened_at) FROM crm_activity v
            WHERE v.opportunity_id = a.opportunity_id AND v.rep_id = a.rep_id
                AND v.happened_at >= a.assigned_at AND v.happened_at <= a.ended_at
        ) END AS touched_at
    FROM owned a JOIN o ON o.id = a.opportunity_id
),
judged AS (
    SELECT q.*, d.via, d.policy_name, d.win_probability, {TERRITORY} AS territory_id
    FROM routing_queueitem q JOIN routing_decision d ON d.id = q.decision_id
    WHERE q.opportunity_id = ANY(%(ids)s) AND q.kind = 'suggestion' AND q.state IN ('approved', 'changed', 'rejected')
        AND NOT EXISTS (
            SELECT FROM routing_queueitem later
            WHERE later.decision_id = q.decision_id AND later.kind = q.kind AND later.id > q.id
        )
),
ownerless AS (
    SELECT o.*, d.id AS decision_id, d.outcome, d.policy_name, d.team_id, {TERRITORY} AS territory_id
    FROM o CROSS JOIN LATERAL (
        SELECT * FROM routing_decision WHERE opportunity_id = o.id ORDER BY id DESC LIMIT 1
    ) d
    WHERE d.outcome IN ('hold', 'manager')
        AND NOT EXISTS (SELECT FROM crm_assignment WHERE opportunity_id = o.id)
),
events AS (
    SELECT 'assigned' AS event, assigned_at AS at, opportunity_id, id AS assignment_id, decision_id, rep_id,
        NULL::bigint AS team_id, territory_id, source, policy_name, kind, path, mode, score,
        CASE WHEN touched_at IS NOT NULL THEN true WHEN author <> 'import' THEN false END AS hit,
        extract(epoch FROM touched_at - assigned_at) AS seconds, value, win_probability
    FROM touched
    UNION ALL
    SELECT 'closed', closed_at, opportunity_id, id, decision_id, rep_id, NULL, territory_id, source, policy_name, kind,
        path, mode, score, CASE stage WHEN 'won' THEN true WHEN 'lost' THEN false END,
        extract(epoch FROM closed_at - assigned_at), value, win_probability
    FROM touched WHERE from_last = 1 AND stage <> 'open' AND closed_at IS NOT NULL
    UNION ALL
    SELECT 'judged', q.resolved_at, q.opportunity_id, q.assignment_id, q.decision_id, q.rep_id, NULL, q.territory_id,
        o.source, q.policy_name, o.kind,
        CASE q.via WHEN 'prediction' THEN 'model' WHEN 'round_robin' THEN 'turn' WHEN 'strategy' THEN 'strategy'
            ELSE 'rule' END,
        CASE WHEN q.is_of_batch THEN 'batch' ELSE 'real_time' END, q.score, q.state <> 'approved',
        extract(epoch FROM q.resolved_at - q.created_at), o.value, q.win_probability
    FROM judged q JOIN o ON o.id = q.opportunity_id
    UNION ALL
    SELECT 'routed', accepted_at, opportunity_id, id, decision_id, rep_id, NULL, territory_id, source, policy_name,
        kind, path, mode, score, {BY_MODEL}, NULL, value, win_probability
    FROM touched WHERE place = 1 AND path <> 'import'
    UNION ALL
    SELECT 'routed', accepted_at, id, NULL, decision_id, NULL, team_id, territory_id, source, policy_name, kind,
        'nobody', 'hand', NULL, false, NULL, value, NULL
    FROM ownerless
)
INSERT INTO analytics_fact (event, day, opportunity_id, assignment_id, decision_id, rep_id, team_id, territory_id,
    source, policy, kind, path, mode, score, bin, hit, seconds, value, win_probability)
SELECT event, (at AT TIME ZONE %(zone)s)::date, opportunity_id, assignment_id, decision_id, rep_id, team_id,
    territory_id, source, coalesce(policy_name, ''), kind, path, mode, score,
    CASE WHEN score >= 90 THEN 9 ELSE floor(score / 10) END, hit, round(seconds), value, win_probability
FROM events
RETURNING {SUMMED}
"""

# First touches to three significant digits. Rounding keeps their order, so the median of what is rounded is the median,
# rounded: the sums lose nothing that is shown.
THREE_DIGITS = """(CASE WHEN seconds < 1000 THEN seconds ELSE
    round(seconds / power(10, floor(log(seconds::numeric)) - 2)) * power(10, floor(log(seconds::numeric)) - 2)
    END)::bigint"""

DAY_SUMS = """
INSERT INTO analytics_daysum (day, by, key, event, kind, path, mode, bin, count, known, hits, scored, score_sum,
    value_sum)
SELECT day, %(by)s, {key}, event, kind, path, mode, bin, count(*), count(hit), count(*) FILTER (WHERE hit),
    count(score), coalesce(sum(score), 0), coalesce(sum(value), 0)
FROM analytics_fact WHERE day = ANY(%(days)s)
GROUP BY day, {key}, event, kind, path, mode, bin
"""
MONTH_SUMS = """
INSERT INTO analytics_monthsum (month, by, key, event, kind, path, mode, bin, count, known, hits, scored, score_sum,
    value_sum)
SELECT %(month)s, by, key, event, kind, path, mode, bin, sum(count), sum(known), sum(hits), sum(scored),
    sum(score_sum), sum(value_sum)
FROM analytics_daysum WHERE day >= %(month)s AND day < %(next)s
GROUP BY by, key, event, kind, path, mode, bin
"""
KEYS = {"all": "''::text", "source": "source", "policy": "policy"}
TOUCH_SUMS = f"""
INSERT INTO analytics_touchsum (day, mode, kind, seconds, count)
SELECT day, mode, kind, {THREE_DIGITS}, count(*)
FROM analytics_fact WHERE day = ANY(%(days)s) AND event = 'assigned' AND seconds IS NOT NULL AND path <> 'import'
GROUP BY 1, 2, 3, 4
"""
TOUCH_MONTH_SUMS = f"""
INSERT INTO analytics_touchmonthsum (month, by, key, mode, kind, seconds, count)
SELECT %(month)s, %(by)s, {{key}}, mode, kind, {THREE_DIGITS}, count(*)
FROM analytics_fact
WHERE day >= %(month)s AND day < %(next)s AND event = 'assigned' AND seconds IS NOT NULL AND path <> 'import'
GROUP BY 3, 4, 5, 6
"""
REP_MONTH_SUMS = """
INSERT INTO analytics_repmonthsum (month, rep_id, event, bin, count, known, hits)
SELECT %(month)s, rep_id, event, bin, count(*), count(hit), count(*) FILTER (WHERE hit)
FROM analytics_fact
WHERE day >= %(month)s AND day < %(next)s AND event IN ('assigned', 'closed') AND rep_id IS NOT NULL
GROUP BY rep_id, event, bin
"""
