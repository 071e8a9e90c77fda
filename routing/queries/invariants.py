"""The guarantees, proven from the database (design, section 3). Each check lists what breaks it, named.

Every check is one query that returns the offending rows; an empty database satisfies them all. The order of a rep's
assignments is that of their ids: both are given under the lock of the rep's row, whatever the machines' clocks say.
"""

from dataclasses import dataclass, field

from django.db import connection, transaction

from reps.queries.audit import BROKEN


@dataclass(frozen=True)
class Violation:
    """One broken guarantee: which, and the row in words."""

    guarantee: str
    detail: str


@dataclass(frozen=True)
class Findings:
    """`checked`: guarantee → number of rows that it was checked on."""

    violations: list[Violation] = field(default_factory=list)
    checked: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Guarantee:
    name: str
    counted: str
    broken: str


GUARANTEES = (
    Guarantee(
        "one_owner",
        "SELECT count(*) FROM crm_opportunity",
        """
        SELECT 'opportunity ' || o.id || ' is owned by rep ' || coalesce(o.owner_id::text, 'nobody')
               || ' but its active assignments are [' || coalesce(string_agg(a.rep_id::text, ','), '') || ']'
        FROM crm_opportunity o
        LEFT JOIN crm_assignment a ON a.opportunity_id = o.id AND a.ended_at IS NULL
        GROUP BY o.id
        HAVING count(a.id) > 1
            OR (count(a.id) = 1 AND max(a.rep_id) IS DISTINCT FROM o.owner_id)
            OR (count(a.id) = 0 AND o.owner_id IS NOT NULL)
        """,
    ),
    Guarantee(
        "load_is_open_opportunities_owned",
        "SELECT count(*) FROM reps_rep",
        """
        SELECT 'rep ' || r.id || ' shows load ' || r.load || ' and value ' || r.pipeline_value || ' but owns '
               || coalesce(c.n, 0) || ' open ones worth ' || coalesce(c.value, 0)
        FROM reps_rep r LEFT JOIN (
            SELECT owner_id, count(*) AS n, coalesce(sum(value_base), 0) AS value
            FROM crm_opportunity WHERE stage = 'open' AND owner_id IS NOT NULL GROUP BY owner_id
        ) c ON c.owner_id = r.id
        WHERE r.load <> coalesce(c.n, 0) OR r.pipeline_value <> coalesce(c.value, 0)
        """,
    ),
    Guarantee(
        "pending_is_pending_suggestions",
        "SELECT count(*) FROM reps_rep",
        """
        SELECT 'rep ' || r.id || ' shows ' || r.pending || ' pending worth ' || r.pending_value || ' but has '
               || coalesce(c.n, 0) || ' worth ' || coalesce(c.value, 0)
        FROM reps_rep r LEFT JOIN (
            SELECT q.rep_id, count(*) AS n,
                   -- what many at once changed (an import, other rates) is counted by the next sweep
                   sum(CASE WHEN q.facts_changed_at IS NULL THEN coalesce(o.value_base, 0)
                       ELSE q.counted_value END) AS value
            FROM routing_queueitem q JOIN crm_opportunity o ON o.id = q.opportunity_id
            WHERE q.state = 'pending' AND q.kind = 'suggestion' GROUP BY q.rep_id
        ) c ON c.rep_id = r.id
        WHERE r.pending <> coalesce(c.n, 0) OR r.pending_value <> coalesce(c.value, 0)
        """,
    ),
    Guarantee(
        "no_automatic_assignment_beyond_a_limit",
        "SELECT count(*) FROM crm_assignment WHERE source = 'automation' AND NOT exempt",
        """
        SELECT 'assignment ' || a.id || ' gave rep ' || a.rep_id || ' number ' || (a.committed_before + 1) || ' of '
               || a.max_open || ' open and ' || (w.n + 1) || ' of ' || a.max_new_per_week || ' in the week'
        FROM crm_assignment a
        CROSS JOIN LATERAL (
            SELECT count(*) AS n FROM crm_assignment b
            WHERE b.rep_id = a.rep_id AND b.source <> 'import' AND b.assigned_at > a.assigned_at - interval '7 days'
              AND b.id < a.id
              AND b.assigned_at < a.assigned_at + interval '1 day' -- no clock is that wrong, and the index ends there
        ) w
        WHERE a.source = 'automation' AND NOT a.exempt
          AND (a.committed_before + 1 > a.max_open OR a.week_before + 1 > a.max_new_per_week
               OR w.n + 1 > a.max_new_per_week)
        """,
    ),
    Guarantee(
        "load_at_the_time_is_what_was_recorded",
        "SELECT count(*) FROM crm_assignment WHERE source = 'automation' AND NOT exempt",
        """
        WITH never_closed AS MATERIALIZED (
            SELECT b.id, b.rep_id, b.ended_at FROM crm_assignment b
            WHERE b.source <> 'import' AND NOT EXISTS (
                SELECT FROM crm_stagechange s WHERE s.opportunity_id = b.opportunity_id AND s.to_stage <> 'open')
        )
        SELECT 'assignment ' || a.id || ' recorded ' || a.committed_before || ' for rep ' || a.rep_id || ' but '
               || count(*) || ' assignments were active'
        FROM crm_assignment a JOIN never_closed b ON b.rep_id = a.rep_id AND b.id < a.id
            AND (b.ended_at IS NULL OR b.ended_at > a.assigned_at)
        WHERE a.source = 'automation' AND NOT a.exempt
        GROUP BY a.id HAVING count(*) > a.committed_before
        """,
    ),
    Guarantee(
        "every_accepted_opportunity_is_decided_or_visibly_waiting",
        "SELECT count(*) FROM crm_opportunity WHERE routing <> 'none'",
        """
        SELECT 'opportunity ' || o.id || ' is ' || o.routing || ' with ' || count(q.id) || ' pending queue items'
        FROM crm_opportunity o
        LEFT JOIN routing_queueitem q ON q.opportunity_id = o.id AND q.state = 'pending'
        GROUP BY o.id
        HAVING (o.routing IN ('suggested', 'held', 'manager') AND count(q.id) <> 1)
            OR (o.routing IN ('none', 'assigned', 'waiting', 'batch') AND count(q.id) <> 0)
            OR (o.routing = 'batch' AND o.stage = 'open'
                AND NOT EXISTS (SELECT FROM routing_batchwait w WHERE w.opportunity_id = o.id))
            OR (o.routing = 'waiting' AND o.routing_since < now() - interval '15 minutes'
                AND o.accepted_at < now() - interval '15 minutes'
                -- paused, or let go on within the last day: the queue's page says so and counts them
                AND NOT EXISTS (SELECT FROM (SELECT state, at FROM routing_automationchange ORDER BY id DESC LIMIT 1) a
                                WHERE a.state = 'paused' OR a.at > now() - interval '1 day'))
        """,
    ),
    Guarantee(
        "nothing_repeats_itself",
        "SELECT count(*) FROM crm_duplicatelink WHERE state IN ('linked', 'confirmed')",
        """
        WITH RECURSIVE up(start, id) AS (
            SELECT opportunity_id, original_id FROM crm_duplicatelink WHERE state IN ('linked', 'confirmed')
            UNION
            SELECT up.start, l.original_id FROM up
            JOIN crm_duplicatelink l ON l.opportunity_id = up.id AND l.state IN ('linked', 'confirmed')
        )
        SELECT 'opportunity ' || start || ' repeats others that repeat it' FROM up WHERE id = start
        """,
    ),
    Guarantee(
        "automation_offers_nothing_again",
        "SELECT count(*) FROM routing_firsttouchclock WHERE state NOT IN ('running', 'touched', 'over')",
        """
        SELECT 'opportunity ' || a.opportunity_id || ' was given again to rep ' || a.rep_id || ', who had ' || c.state
        FROM routing_firsttouchclock c
        JOIN crm_assignment b ON b.id = c.assignment_id
        JOIN crm_assignment a ON a.opportunity_id = b.opportunity_id AND a.rep_id = b.rep_id AND a.id > b.id
        WHERE c.state NOT IN ('running', 'touched', 'over') AND a.source = 'automation'
        UNION ALL
        SELECT 'opportunity ' || o.id || ' is suggested again to rep ' || q.rep_id
        FROM routing_queueitem q JOIN crm_opportunity o ON o.id = q.opportunity_id
        WHERE q.state = 'pending' AND q.rep_id IS NOT NULL AND jsonb_exists(o.not_again, q.rep_id::text)
        """,
    ),
    Guarantee(
        "every_assignment_is_traceable",
        "SELECT count(*) FROM crm_assignment",
        """
        SELECT 'assignment ' || a.id || ' (' || a.source || ') names neither a decision, a person nor an import'
        FROM crm_assignment a
        -- a batch that confirmed itself carries out a decision that was a suggestion first
        LEFT JOIN routing_queueitem q ON q.assignment_id = a.id AND a.source = 'automation'
        LEFT JOIN routing_decision d ON d.assignment_id = a.id OR d.id = q.decision_id
        WHERE (a.source = 'automation' AND (d.id IS NULL OR d.rep_id <> a.rep_id
                                            OR d.opportunity_id <> a.opportunity_id))
           OR (a.source = 'person' AND a.assigned_by_id IS NULL)
           OR (a.source = 'import' AND a.import_run_id IS NULL)
        """,
    ),
    Guarantee(
        "exposed_as_decided",
        "SELECT count(*) FROM experiments_exposure",
        """
        SELECT 'exposure ' || e.id || ' of opportunity ' || e.opportunity_id || ' to ' || e.arm || CASE
               WHEN d.id IS NULL THEN ' has no decision of it'
               WHEN n.arm IS DISTINCT FROM e.arm THEN ' but its unit is enrolled in ' || coalesce(n.arm, 'no arm')
               ELSE ' but was decided for another rep' END
        FROM experiments_exposure e
        JOIN experiments_experiment x ON x.id = e.experiment_id
        LEFT JOIN routing_decision d ON d.id = e.decision_id AND d.opportunity_id = e.opportunity_id
        LEFT JOIN experiments_enrolment n ON n.experiment_id = e.experiment_id AND n.unit = e.unit
        WHERE d.id IS NULL OR d.rep_id IS DISTINCT FROM e.rep_id
            -- the arm of a switchback is that of the period, not of the unit
            OR (e.apart = '' AND x.design <> 'switchback' AND n.arm IS DISTINCT FROM e.arm)
        """,
    ),
    Guarantee(
        "history_is_unique",
        "SELECT (SELECT count(number) FROM routing_change) + (SELECT count(assignment_id) FROM routing_decision)",
        # within a month an index holds it (docs/growth.md)
        """
        SELECT 'number ' || number || ' was given to ' || count(*) || ' changes'
        FROM routing_change WHERE number IS NOT NULL GROUP BY number HAVING count(*) > 1
        UNION ALL
        SELECT 'assignment ' || assignment_id || ' was made by ' || count(*) || ' decisions'
        FROM routing_decision WHERE assignment_id IS NOT NULL GROUP BY assignment_id HAVING count(*) > 1
        UNION ALL
        SELECT 'activity ' || a.id || ' is not the one that its external id names'
        FROM crm_activity a LEFT JOIN crm_activitykey k ON k.external_id = a.external_id
        WHERE a.external_id IS NOT NULL AND k.activity_id IS DISTINCT FROM a.id
        """,
    ),
    Guarantee("audit_log_is_whole", "SELECT count(*) FROM reps_auditseal", BROKEN),
)


def check_invariants() -> Findings:
    """Checks every guarantee on one snapshot, so that a busy system is not blamed for what happens in between."""
    findings = Findings()
    with transaction.atomic(), connection.cursor() as cursor:
        if not connection.needs_rollback and len(connection.savepoint_ids) == 0:
            cursor.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        for guarantee in GUARANTEES:
            cursor.execute(guarantee.counted)
            findings.checked[guarantee.name] = cursor.fetchone()[0]
            cursor.execute(guarantee.broken)
            findings.violations.extend(Violation(guarantee.name, detail) for (detail,) in cursor.fetchall())
    return findings
