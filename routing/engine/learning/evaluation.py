"""The product on an organisation's own past, before it is switched on: train before a day, score what came after it.

Trained on deals that closed in the twelve months before `as_of`; scored are those created on or after it that have
closed since. Beside the model stand the same without rep effects, and the base rate of the training deals. Nothing of
the scored deals is known to the training, their vocabulary included.
"""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from reps.engine.unavailable import Unavailable
from routing.engine.learning.apart import tell_apart
from routing.engine.learning.dataset import DISQUALIFIED, Dataset, Deal, make_dataset, rows_in_words_of
from routing.engine.learning.design import Scales, make_design
from routing.engine.learning.fit import (
    CannotTrain,
    calibrate,
    check_trainable,
    choose_lead_scale,
    cross_fit,
    fit,
    lead_only_log_odds,
)
from routing.engine.learning.leaks import Leak, find_leaks
from routing.engine.learning.learned import LearnedModel
from routing.engine.learning.quality import (
    calibration_line,
    concordance,
    difference,
    discrimination,
    expected_calibration_error,
    log_losses,
    reliability,
    told,
)
from routing.engine.learning.seasonal import learn_season
from routing.engine.learning.solve import ridge
from routing.engine.learning.table import DealTable, Floats
from routing.engine.learning.training import LEAST_DEALS
from routing.engine.learning.trial import calibrated_log_odds, own_pairing
from routing.engine.model import logistic, match_score
from routing.engine.roster import RepFacts, Roster

MONTHS = 12
DAYS_PER_MONTH = 30.4375
LEAST_SCORED = 10


@dataclass(frozen=True)
class Evaluation:
    """`models` name → measures, `left_out` columns that give the outcome away, and the rest as `to_json` names it."""

    trained_on: int
    scored: int
    scored_won: int
    models: dict[str, dict[str, Any]]
    better_than_base: dict[str, Any]
    better_than_without_reps: dict[str, Any]
    concordance: dict[str, Any]
    p_value_reps: float
    distinguishable: bool
    deals_needed: int | None
    score_p5: float
    score_p95: float
    reliability: list[dict[str, Any]]
    left_out: list[dict[str, str]]
    warnings: list[str]

    def to_json(self) -> dict[str, Any]:
        """With the product's log loss and the base rate's at the top, as benchmarks name them."""
        return {
            **asdict(self),
            "log_loss": self.models["product"]["log_loss"],
            "log_loss_base": self.models["base_rate"]["log_loss"],
        }


def evaluate(
    deals: Sequence[Deal],
    *,
    as_of: datetime.date,
    inputs: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
    warnings: Sequence[str] = (),
    months: int = MONTHS,
    seed: int = 0,
) -> Evaluation:
    """Raises CannotTrain with a sentence where either side of the day holds too little."""
    known, recent, later = check_sizes(deals, as_of=as_of, months=months)
    roster = _roster(deals)
    dataset, leaks = _without_leaks(known, recent, roster, as_of, inputs, labels or {}, months)
    check_trainable(dataset.deals)
    tested = _without_pairs(rows_in_words_of(dataset, later, roster))
    return _compared(dataset, tested, leaks, [*warnings, *_notices(recent, dataset)], seed)


def check_sizes(
    deals: Sequence[Deal], *, as_of: datetime.date, months: int = MONTHS
) -> tuple[list[Deal], list[Deal], list[Deal]]:
    """Won and lost deals that closed before the day, those of them within the window, and those to be scored. Raises
    CannotTrain where the window or what is to be scored holds too little."""
    start = as_of - datetime.timedelta(days=round(months * DAYS_PER_MONTH))
    decided = [deal for deal in deals if deal.outcome != DISQUALIFIED and deal.closed is not None]
    known = [deal for deal in decided if deal.closed is not None and deal.closed < as_of]
    recent = [deal for deal in known if deal.closed is not None and deal.closed >= start]
    later = [deal for deal in decided if deal.opened is not None and deal.opened >= as_of]
    days = sorted(deal.closed for deal in decided if deal.closed is not None)
    span = f" The deals of the file closed from {days[0]} to {days[-1]}." if days else ""
    if len(recent) < LEAST_DEALS:
        raise CannotTrain(
            f"{len(recent)} won and lost deals closed in the {months} months before {as_of}; {LEAST_DEALS} are needed."
            + span
        )
    if len(later) < LEAST_SCORED:
        raise CannotTrain(
            f"{len(later)} deals were created on or after {as_of} and have closed since; {LEAST_SCORED} are needed. "
            f"Choose an earlier day.{span}"
        )
    return known, recent, later


def _roster(deals: Sequence[Deal]) -> Roster:
    ids = sorted({deal.rep_id for deal in deals if deal.rep_id is not None})
    return Roster(tuple(RepFacts(id=rep_id, team_id=1) for rep_id in ids))


def _without_leaks(
    known: Sequence[Deal],
    recent: Sequence[Deal],
    roster: Roster,
    as_of: datetime.date,
    inputs: Sequence[str],
    labels: Mapping[str, str],
    months: int,
) -> tuple[Dataset, list[Leak]]:
    """The training deals without the columns that give the outcome away: here they are left out and said."""
    shared: dict[str, Any] = {"as_of": as_of, "months": months, "inputs": inputs}
    found: list[Leak] = []
    for _ in range(len(inputs) + 12):
        out = frozenset(leak.column for leak in found)
        whole = make_dataset(known, roster, left_out=out, **shared)
        season = learn_season(whole.deals, whole.opened)
        dataset = make_dataset(recent, roster, left_out=out, season=season.effects, **shared)
        dataset = replace(dataset, deals=_without_pairs(dataset.deals), average={})
        more = find_leaks(dataset.deals, labels=labels)
        if not more:
            break
        found += more
    return dataset, found


def _without_pairs(table: DealTable) -> DealTable:
    """A file tells nothing of the reps' profiles: no pair columns."""
    return replace(table, pair={})


def _notices(recent: Sequence[Deal], dataset: Dataset) -> list[str]:
    notices = []
    if dataset.undated:
        notices.append(f"{dataset.undated:,} training deals have no dates: they weigh as much as new ones.")
    if not dataset.season:
        notices.append(
            "Under two years of history: a season cannot be told from a trend, so none is in the model."
        )
    return notices


def _compared(
    dataset: Dataset, tested: DealTable, leaks: Sequence[Leak], warnings: Sequence[str], seed: int
) -> Evaluation:
    deals = dataset.deals
    fitted = fit(deals, seed=seed)
    inner = cross_fit(deals, fitted.scales, seed=seed)
    model = LearnedModel.from_fit(fitted, deals, calibrate(deals, seed=seed, log_odds=inner.log_odds))
    prospects, alone = _lead_only(deals, tested, seed)
    rate = float(np.average(deals.won, weights=deals.weight))
    log_odds = {
        "product": calibrated_log_odds(model, tested),
        "without_reps": alone,
        "base_rate": np.full(len(tested), np.log(rate / (1 - rate))),
    }
    losses = {name: log_losses(tested.won, values) for name, values in log_odds.items()}
    verdict = tell_apart(deals, seed=seed)
    scores = _scores(model, tested, tuple(deals.rep_ids[i] for i in np.unique(deals.rep[deals.rep >= 0])))
    return Evaluation(
        trained_on=len(deals),
        scored=len(tested),
        scored_won=int(tested.won.sum()),
        models={name: _measures(tested, log_odds[name], losses[name]) for name in log_odds},
        better_than_base=told(difference(losses["base_rate"], losses["product"])),
        better_than_without_reps=told(difference(losses["without_reps"], losses["product"])),
        concordance=told(concordance(tested.won, prospects, own_pairing(model, tested))),
        p_value_reps=verdict.reps.p_value,
        distinguishable=verdict.are_distinguishable,
        deals_needed=verdict.deals_needed,
        score_p5=round(float(np.percentile(scores, 5)), 2),
        score_p95=round(float(np.percentile(scores, 95)), 2),
        reliability=[asdict(one) for one in reliability(logistic(log_odds["product"]), tested.won)],
        left_out=[{"column": leak.column, "why": leak.sentence} for leak in leaks],
        warnings=list(warnings),
    )


def _lead_only(deals: DealTable, tested: DealTable, seed: int) -> tuple[Floats, Floats]:
    """Log-odds of the tested leads whoever has them: as the model gives them, and calibrated."""
    scale = choose_lead_scale(deals, seed)
    theta = ridge(make_design(deals, Scales(scale), with_reps=False).matrix, deals.won, deals.weight)
    prospects = make_design(tested, Scales(scale), with_reps=False).matrix @ theta
    line = calibrate(deals, seed=seed, log_odds=lead_only_log_odds(deals, seed=seed))
    return prospects, np.asarray(line.intercept + line.slope * prospects)


def _scores(model: LearnedModel, tested: DealTable, rep_ids: tuple[int, ...]) -> Floats:
    """Match scores of the tested leads against every rep with training deals."""
    ratios = model.rep_log_odds(tested, rep_ids)
    return match_score(ratios - ratios.mean(axis=1)[:, None])


def _measures(tested: DealTable, log_odds: Floats, losses: Floats) -> dict[str, Any]:
    area, line = discrimination(tested.won, log_odds), calibration_line(tested.won, log_odds)
    return {
        "log_loss": round(float(losses.mean()), 6),
        "auc": None if isinstance(area, Unavailable) else round(area.value, 4),
        "calibration_slope": None if isinstance(line, Unavailable) else round(line.slope, 4),
        "calibration_slope_error": None if isinstance(line, Unavailable) else round(line.slope_error, 4),
        "calibration_intercept": None if isinstance(line, Unavailable) else round(line.intercept, 4),
        "calibration_error": round(expected_calibration_error(logistic(log_odds), tested.won), 4),
    }
