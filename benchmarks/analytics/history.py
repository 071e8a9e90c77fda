"""A history of two years, by COPY: opportunities, assignments, decisions, queue items, stage changes, activities.

Decisions that are looked into (a person overruled them, or nobody matched) are copies of real ones, so that they
replay; the others are as small as they may be.
Ids are given, triggers are off meanwhile (`session_replication_role`), and the reps' loads are counted at the end.
"""

import io
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from django.db import connection
from django.utils import timezone
from psycopg import sql

DAYS = 730
CHUNK = 50_000
SOURCES = ("Web", "Event", "Referral", "Partner", "Outbound", "Nurture", "Chat", "Phone")
POLICIES = ("Inbound", "Enterprise", "Events", "Everything else")
INDUSTRIES = ("Healthcare", "Energy", "Retail", "Finance", "Media", "Public")
# How it came to its owner, and how often.
WAYS = {"automation": 0.58, "batch": 0.08, "approved": 0.12, "changed": 0.01, "person": 0.09, "import": 0.12}
WEEK_CAP, OPEN_CAP = 200, 400
Say = Callable[[str], None]


class Columns:
    """One chunk of opportunities as arrays; everything is drawn from the seed."""

    def __init__(self, first: int, count: int, total: int, reps: Sequence[int], teams: Sequence[int]) -> None:
        rng = np.random.default_rng(first)
        self.rng, self.count = rng, count
        self.id = np.arange(first, first + count)
        now = np.datetime64(timezone.now().replace(tzinfo=None), "s")
        share = (self.id - 1 + rng.random(count)) / total
        self.now = now
        self.opened = now - ((1 - share) * DAYS * 86_400).astype("timedelta64[s]")
        chosen = rng.integers(0, len(reps), count)
        self.rep = np.asarray(reps)[chosen]
        self.team = np.asarray(teams)[chosen]
        self.way = rng.choice(list(WAYS), count, p=list(WAYS.values()))
        self.source = rng.choice(SOURCES, count)
        self.policy = rng.choice(POLICIES, count)
        self.industry = rng.choice(INDUSTRIES, count)
        self.kind = np.where(rng.random(count) < 0.4, "deal", "lead")
        self.value = np.round(np.exp(rng.normal(9.5, 1.1, count)), -2)
        self.score = np.clip(rng.normal(58, 15, count), 1, 99)
        self._follow()

    def _follow(self) -> None:
        """What came of it: assigned, touched, closed."""
        rng, count = self.rng, self.count
        waits = {"automation": 2, "batch": 6 * 3600, "approved": 3 * 3600, "changed": 4 * 3600}
        delay = np.array([waits.get(way, 600) for way in self.way]) * rng.exponential(1, count)
        self.assigned = self._within(self.opened + delay.astype("timedelta64[s]"))
        quick = np.where(self.way == "batch", 5 * 3600, 8 * 60)
        touched = self.assigned + (quick * np.exp(rng.normal(0, 1.1, count))).astype("timedelta64[s]")
        self.is_touched = (rng.random(count) < 0.94) & (touched < self.now)
        self.touched = touched
        closed = self.assigned + (rng.gamma(2, 20, count) * 86_400).astype("timedelta64[s]")
        self.is_closed = closed < self.now
        self.closed = closed
        p = 0.12 + 0.004 * self.score
        drawn = rng.random(count)
        self.stage = np.where(
            ~self.is_closed,
            "open",
            np.where(drawn > 0.92, "disqualified", np.where(drawn < p, "won", "lost")),
        )
        self.has_decision = ~np.isin(self.way, ["person", "import"])
        self.is_suggestion = np.isin(self.way, ["batch", "approved", "changed"])

    def _within(self, moments: np.ndarray) -> np.ndarray:
        return np.minimum(moments, self.now)


def fill(
    count: int, activities: int, people: dict[str, Any], real: Sequence[Sequence[Any]], say: Say
) -> None:
    """`people`: ids of reps, their teams, territories, a user, an import run, configuration, model, roster · `real`:
    (facts, state, columns, trace, roster) of decisions that the product made."""
    with connection.cursor() as cursor:
        cursor.execute("SET session_replication_role = replica")
        for first in range(1, count + 1, CHUNK):
            part = Columns(first, min(CHUNK, count - first + 1), count, people["reps"], people["teams"])
            for table, frame in _tables(part, people, real):
                _copy(cursor, table, frame)
            _activities(cursor, part, activities // count)
            say(f"{min(first + CHUNK - 1, count):,} opportunities")
        cursor.execute("SET session_replication_role = origin")
        for statement in AFTERWARDS:
            cursor.execute(statement)
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE")


AFTERWARDS = (
    *(
        f"SELECT setval(pg_get_serial_sequence('{table}', 'id'), (SELECT max(id) + 1 FROM {table}))"
        for table in ("crm_opportunity", "crm_assignment", "routing_decision", "routing_queueitem", "crm_activity",
                      "crm_stagechange", "routing_override")
    ),
    """UPDATE reps_rep r SET load = c.n, pipeline_value = c.value FROM (
        SELECT owner_id, count(*) AS n, sum(value_base) AS value FROM crm_opportunity WHERE stage = 'open' GROUP BY 1
    ) c WHERE c.owner_id = r.id""",
)  # fmt: skip


def _tables(
    c: Columns, people: dict[str, Any], real: Sequence[Sequence[Any]]
) -> list[tuple[str, pd.DataFrame]]:
    return [
        ("crm_opportunity", _opportunities(c)),
        ("crm_stagechange", _stages(c)),
        ("crm_assignment", _assignments(c, people)),
        ("routing_decision", _decisions(c, people, real)),
        ("routing_queueitem", _items(c, people)),
        ("routing_override", _overrides(c, people)),
    ]


def _opportunities(c: Columns) -> pd.DataFrame:
    nothing = dict.fromkeys(
        ("size_band", "region", "city", "postal_code", "language", "urgency", "lock_reason"), ""
    )
    return pd.DataFrame(
        {
            "id": c.id, "kind": c.kind, "stage": c.stage, "name": [f"Lead {n}" for n in c.id], "source": c.source,
            "industry": c.industry, "country": "US", "currency": "USD", "value": c.value, "value_base": c.value,
            "competitors": "{}", "custom": "{}", "flags": "[]", "not_again": "{}", "opened_at": _moment(c.opened),
            "accepted_at": _moment(c.opened), "closed_at": _moment(c.closed, c.is_closed),
            "assigned_at": _moment(c.assigned), "first_touch_at": _moment(c.touched, c.is_touched), "dates_known": "t",
            "routing": "assigned", "routing_since": _moment(c.assigned), "is_locked": "f",
            "updated_at": _moment(c.assigned), "owner_id": c.rep, **nothing,
        }
    )  # fmt: skip


def _stages(c: Columns) -> pd.DataFrame:
    rows = {
        "opportunity_id": c.id,
        "from_stage": "open",
        "to_stage": c.stage,
        "reason": "",
        "changed_at": _moment(c.closed),
    }
    return pd.DataFrame(rows)[c.is_closed]


def _assignments(c: Columns, people: dict[str, Any]) -> pd.DataFrame:
    by_automation = np.isin(c.way, ["automation", "batch"])
    source = np.where(by_automation, "automation", np.where(c.way == "import", "import", "person"))
    limits = {
        "committed_before": OPEN_CAP - 1,
        "max_open": OPEN_CAP,
        "week_before": 20,
        "max_new_per_week": WEEK_CAP,
    }
    authors = {"assigned_by_id": ("person", people["user"]), "import_run_id": ("import", people["run"])}
    return pd.DataFrame(
        {
            "id": c.id, "opportunity_id": c.id, "rep_id": c.rep, "source": source, "exempt": "f", "reason": "",
            "assigned_at": _moment(c.assigned),
            **{name: _where(source == word, key) for name, (word, key) in authors.items()},
            **{name: _where(by_automation, value) for name, value in limits.items()},
        }
    )  # fmt: skip


def _where(mask: np.ndarray, value: Any) -> np.ndarray:
    """The value where it holds, NULL elsewhere."""
    return np.where(mask, np.asarray(value).astype(str), "\\N")


def _decisions(c: Columns, people: dict[str, Any], real: Sequence[Sequence[Any]]) -> pd.DataFrame:
    rng = c.rng
    territory = rng.choice(people["territories"], c.count)
    trace = [f'{{"steps": [{{"name": "territory", "found": {{"territory": {one}}}}}]}}' for one in territory]
    by_rule, by_turn = rng.random(c.count) < 0.06, rng.random(c.count) < 0.02
    via = np.where(
        c.is_suggestion,
        "prediction",
        np.where(by_rule, "rule", np.where(by_turn, "round_robin", "prediction")),
    )
    wanted = np.where(
        c.way == "changed", np.asarray(people["reps"])[rng.integers(0, len(people["reps"]), c.count)], c.rep
    )
    rows = pd.DataFrame(
        {
            "id": c.id, "opportunity_id": c.id, "made_at": _moment(np.minimum(c.opened, c.assigned)), "engine": 1,
            "seed": 1,
            "facts": "{}", "state": "\\x00", "columns": "\\x00", "trace": trace,
            "outcome": np.where(c.is_suggestion, "suggest", "assign"), "via": via, "rep_id": wanted, "team_id": c.team,
            "policy_name": c.policy, "score": np.round(c.score, 4),
            "win_probability": np.round(0.12 + 0.004 * c.score, 5),
            "priority": 0.0, "propensity": 1.0, "result_digest": "-", "configuration_id": people["configuration"],
            "model_id": people["model"], "roster_id": people["roster"],
            "assignment_id": _where(~c.is_suggestion, c.id),
        }
    ).astype({"facts": object, "trace": object})  # fmt: skip
    looked_into = np.flatnonzero((c.way == "changed") | (via == "round_robin"))
    drawn = [real[n] for n in rng.integers(0, len(real), len(looked_into))]
    columns = list(zip(*drawn, strict=True))
    told = {
        "facts": columns[0],
        "state": [f"\\x{one.hex()}" for one in columns[1]],
        "columns": [f"\\x{one.hex()}" for one in columns[2]],
        "trace": columns[3],
        "roster_id": columns[4],
    }
    for name, values in told.items():
        rows[name] = rows[name].astype(object)
        rows.loc[looked_into, name] = list(values)
    return rows[c.has_decision]


def _items(c: Columns, people: dict[str, Any]) -> pd.DataFrame:
    resolved = _moment(c.assigned)
    rows = pd.DataFrame(
        {
            "opportunity_id": c.id, "decision_id": c.id, "kind": "suggestion", "rep_id": c.rep, "team_id": c.team,
            "state": np.where(c.way == "changed", "changed", "approved"), "waiting_since": _moment(c.opened),
            "order_points": 0.0, "score": np.round(c.score, 4), "value": c.value, "lead_score": 0, "counted_value": 0,
            "created_at": _moment(np.minimum(c.opened, c.assigned)), "resolved_at": resolved,
            "resolved_by_id": people["user"], "assignment_id": c.id, "note": "", "is_exempt": "f",
            "is_of_batch": np.where(c.way == "batch", "t", "f"), "taken_back_because": "", "renewed_because": "",
        }
    )  # fmt: skip
    return rows[c.is_suggestion]


def _overrides(c: Columns, people: dict[str, Any]) -> pd.DataFrame:
    rows = {
        "opportunity_id": c.id, "decision_id": c.id, "to_rep_id": c.rep, "note": "", "made_by_id": people["user"],
        "made_at": _moment(c.assigned),
    }  # fmt: skip
    return pd.DataFrame(rows)[c.way == "changed"]


def _activities(cursor: Any, c: Columns, each: int) -> None:
    """The first touch and what followed, by the owner."""
    rng = c.rng
    touched = np.flatnonzero(c.is_touched)
    at = np.repeat(touched, each)
    gaps = (rng.exponential(4, (len(touched), each)).cumsum(axis=1) * 86_400).astype("timedelta64[s]")
    gaps -= gaps[:, :1]  # the first one is the touch itself
    happened = (c.touched[touched][:, None] + gaps).ravel()
    kept = happened <= c.now
    frame = pd.DataFrame(
        {
            "opportunity_id": c.id[at][kept], "rep_id": c.rep[at][kept],
            "kind": rng.choice(["call", "email", "meeting"], int(kept.sum())), "happened_at": _moment(happened[kept]),
            "note": "", "created_at": _moment(happened[kept]),
        }
    )  # fmt: skip
    _copy(cursor, "crm_activity", frame)


def _moment(moments: np.ndarray, known: np.ndarray | None = None) -> Any:
    text = np.datetime_as_string(moments.astype("datetime64[s]"), timezone="UTC")
    return text if known is None else np.where(known, text, "\\N")


def _copy(cursor: Any, table: str, frame: pd.DataFrame) -> None:
    if not len(frame):
        return
    buffer = io.StringIO()
    frame.to_csv(
        buffer,
        sep="\t",
        header=False,
        index=False,
        na_rep="\\N",
        quoting=3,
        escapechar=None,
        doublequote=False,
    )
    statement = sql.SQL("COPY {} ({}) FROM STDIN").format(
        sql.Identifier(table), sql.SQL(", ").join(map(sql.Identifier, frame.columns))
    )
    with cursor.copy(statement) as copy:
        copy.write(buffer.getvalue().replace("\\x", "\\\\x"))
