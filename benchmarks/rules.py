"""Conditions in number: counting the matches of many in SQL against Python, and the ladder's rules step.

`vs_naive` compares processor time (ours and the database server's) of the same answer, checked to be the same. The
naive way loads the records once and evaluates every condition on each. Everything happens in a transaction that is
rolled back.
"""

import os
import time
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
from django.db import connection, transaction

from benchmarks import account_matching, draft
from benchmarks.decision import AT, make_configuration, make_facts, make_roster, make_state
from crm.engine.conditions import compile_condition, condition_fields
from crm.models import Opportunity, Product
from crm.queries.conditions import counts, matching
from routing.engine.ladder import _Ladder
from routing.engine.model import MatchModel
from routing.engine.verdict import Inputs
from routing.engine.worlds import COMPETITORS, INDUSTRIES, LANGUAGES, PRODUCTS, REGIONS, SIZES, SOURCES
from routing.queries.inputs import opportunity_facts

OPPORTUNITIES, CONDITIONS = 10_000, 200
FIELDS = condition_fields(
    [
        {"key": "plan", "label": "plan", "type": "choice", "choices": ["Gold", "Silver"]},
        {"key": "seats", "label": "seats", "type": "number"},
        {"key": "renewal", "label": "renewal", "type": "date"},
    ]
)


def run(*, short: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Keys: vs_naive (naive / all counted at once), vs_naive_each (naive / a query for each condition), vs_naive_alone
    (one condition asked alone: loading and evaluating / its query), rules_ms, dry_run_s (benchmarks.draft), and
    match_precision, match_recall, match_ms (one lead), matcher_refresh_ms (the first one after a change of accounts)
    of account matching (benchmarks.account_matching)."""
    accounts = account_matching.run(short=short, say=say)
    return {
        **in_number(short=short, say=say),
        "rules_ms": rules_ms(short=short),
        "dry_run_s": draft.run(short=short, say=say)["dry_run_s"],
        "match_precision": accounts["match_precision"],
        "match_recall": accounts["match_recall"],
        "match_ms": accounts["ms_per_lead"],
        "matcher_refresh_ms": accounts["matcher_refresh_ms"],
    }


# --- many conditions over many opportunities ------------------------------------------------------------------------


def in_number(*, short: bool, say: Callable[[str], None]) -> dict[str, Any]:
    rng = np.random.default_rng(1)
    opportunities = OPPORTUNITIES // 10 if short else OPPORTUNITIES
    asked = [make_condition(rng) for _ in range(CONDITIONS)]
    with transaction.atomic():
        say(f"{opportunities:,} opportunities, {CONDITIONS} conditions")
        store(rng, opportunities)
        naive, naive_s = processor_time(lambda: naive_counts(asked))
        together, together_s = processor_time(lambda: counts(asked, FIELDS, ours()))
        each, each_s = processor_time(lambda: [matching(c, FIELDS, ours()).count() for c in asked])
        alone_s = processor_time(lambda: naive_counts(asked[:1]))[1]
        transaction.set_rollback(True)
    if not naive == together == each:
        raise AssertionError("Python and SQL count differently.")
    return {
        "vs_naive": round(naive_s / together_s, 2),
        "vs_naive_each": round(naive_s / each_s, 2),
        "vs_naive_alone": round(alone_s / (each_s / CONDITIONS), 1),
        "naive_s": round(naive_s, 2),
        "sql_s": round(together_s, 2),
        "sql_each_s": round(each_s, 2),
        "mean_match_pct": round(100 * float(np.mean(naive)) / opportunities, 1),
        "opportunities": opportunities,
        "conditions": CONDITIONS,
    }


def ours() -> Any:
    return Opportunity.objects.filter(name=__name__)


def naive_counts(asked: list[dict[str, Any]]) -> list[int]:
    loaded = ours().select_related("account", "product")
    tests = [opportunity_facts(opportunity).tests for opportunity in loaded]
    predicates = [compile_condition(condition, FIELDS) for condition in asked]
    return [sum(map(predicate, tests)) for predicate in predicates]


def processor_time(work: Callable[[], list[int]]) -> tuple[list[int], float]:
    """The result and the seconds that this process and its database session computed. Where the server runs elsewhere,
    its share is the time waited for it: elapsed instead of computed."""
    with connection.cursor() as cursor:
        cursor.execute("SET LOCAL max_parallel_workers_per_gather = 0; SELECT pg_backend_pid()")
        cursor.nextset()
        pid = cursor.fetchone()[0]
    server, own, elapsed = server_seconds(pid), time.process_time(), time.perf_counter()
    result = work()
    if server is None:
        return result, time.perf_counter() - elapsed
    return result, time.process_time() - own + (server_seconds(pid) or 0.0) - server


def server_seconds(pid: int) -> float | None:
    """Computing time of a session's process, to 10 ms; None where it is not a process of this machine."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    if "postgres" not in stat:
        return None
    user, system = stat.rsplit(")", 1)[1].split()[11:13]
    return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


def store(rng: np.random.Generator, count: int) -> None:
    """Opportunities as imports leave them: some spellings in capitals, one in five fields missing."""
    products = [Product.objects.create(name=f"{name} (benchmark)") for name in PRODUCTS]

    def some(values: tuple[str, ...]) -> str:
        text = str(rng.choice(values))
        return ("" if rng.random() < 0.2 else text.upper()) if rng.random() < 0.3 else text

    Opportunity.objects.bulk_create(
        (
            Opportunity(
                name=__name__,
                source=some(SOURCES),
                industry=some(INDUSTRIES),
                product=products[int(rng.integers(len(products)))],
                country=some(("Österreich", "Deutschland", "France", "United States", "México")),
                region=some(REGIONS),
                language=some(LANGUAGES),
                size_band=some(SIZES)[:12],
                postal_code=f"{rng.integers(10_000, 99_999)}",
                employees=None if rng.random() < 0.2 else int(rng.integers(1, 5000)),
                lead_score=int(rng.integers(0, 101)),
                complexity=int(rng.integers(1, 6)),
                value_base=Decimal(int(rng.lognormal(11, 1))),
                competitors=[str(c) for c in rng.choice(COMPETITORS, int(rng.integers(0, 3)), replace=False)],
                custom={"plan": some(("Gold", "Silver")), "seats": int(rng.integers(1, 500))}
                | ({"renewal": f"2026-{rng.integers(1, 13):02}-15"} if rng.random() < 0.5 else {}),
            )
            for _ in range(count)
        ),
        batch_size=1000,
    )


def make_condition(rng: np.random.Generator) -> dict[str, Any]:
    """Two to five tests, as a rule has them: who, where, and how large or what else."""
    who = {"field": "industry", "op": "in", "value": [str(v) for v in rng.choice(INDUSTRIES, 3)]}
    where = [
        {"field": "region", "op": "is", "value": str(rng.choice(REGIONS))},
        {"field": "country", "op": "in", "value": ["ÖSTERREICH", "france"]},
        {"field": "postal_code", "op": "between", "value": ["20000", f"{rng.integers(30_000, 90_000)}"]},
        {"none": [{"field": "language", "op": "is", "value": str(rng.choice(LANGUAGES))}]},
    ]
    more = [
        {"field": "value", "op": "over", "value": int(rng.integers(1, 200)) * 1000},
        {"field": "employees", "op": "at_least", "value": int(rng.integers(1, 3000))},
        {"field": "competitors", "op": "includes", "value": str(rng.choice(COMPETITORS))},
        {"field": "custom.seats", "op": "over", "value": int(rng.integers(1, 400))},
        {"field": "custom.plan", "op": "is", "value": "gold"},
        {"field": "custom.renewal", "op": "before", "value": f"2026-{rng.integers(2, 12):02}-01"},
        {"field": "source", "op": "contains", "value": str(rng.choice(SOURCES))[:4]},
    ]
    place = where[int(rng.integers(len(where)))]
    chosen = [more[i] for i in rng.choice(len(more), int(rng.integers(1, 4)), replace=False)]
    return (
        {"all": [who, place, {"any": chosen}]}
        if rng.random() < 0.5
        else {"any": [{"all": [who, place]}, *chosen]}
    )


# --- the rules step of one decision ---------------------------------------------------------------------------------


def rules_ms(*, short: bool) -> float:
    """Median time of the ladder's rules step alone, which has no public name: 200 rules, 1,000 reps."""
    rng = np.random.default_rng(1)
    roster, state, configuration = make_roster(rng), make_state(rng), make_configuration(rng)
    model = MatchModel.from_artifact(1, MatchModel.prior_artifact())
    times_ms = []
    for i in range(100 if short else 1000):
        ladder = _Ladder(Inputs(make_facts(rng, i), roster, state, configuration, model, AT, seed=i))
        started = time.perf_counter()
        ladder._rules()
        times_ms.append(1000 * (time.perf_counter() - started))
    return round(float(np.median(times_ms)), 3)
