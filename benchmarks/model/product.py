"""The product's own model on a case, and two variants of its recipe: with fixed scales, and without prior data."""

from dataclasses import dataclass

from benchmarks.model.cases import Case
from routing.engine.learning.fit import Calibration, Fit, calibrate, fit
from routing.engine.learning.forecast import Candidates, Forecast, forecast
from routing.engine.learning.learned import LearnedModel
from routing.engine.learning.table import Floats


@dataclass(frozen=True)
class Product:
    """`log_odds` m × n as the model has them (match scores are made of these), `shown` after calibration."""

    log_odds: Floats
    shown: Floats
    expected: Forecast


def product(case: Case, seed: int) -> Product:
    fitted = fit(case.table, seed=seed)
    calibration = calibrate(case.table, seed=seed)
    log_odds = log_odds_of(fitted, case)
    candidates = Candidates(case.leads, case.pair, case.table.rep_ids)
    return Product(
        log_odds,
        calibration.intercept + calibration.slope * log_odds,
        forecast(case.table, candidates, fitted.scales, calibration, seed=seed),
    )


def log_odds_of(fitted: Fit, case: Case) -> Floats:
    """m × n log-odds of the case's leads with every rep."""
    model = LearnedModel.from_fit(fitted, case.table, Calibration())
    pairs = model.rep_log_odds(case.leads, case.table.rep_ids) + model.pair_log_odds(case.pair)
    return model.base(case.leads)[:, None] + pairs


def fixed_scales(case: Case, seed: int) -> Floats:
    """Rep and cross effects believed to vary by .4 and .12, whatever the data say."""
    return log_odds_of(fit(case.table, seed=seed, adapt=False), case)


def no_prior_data(case: Case, seed: int) -> Floats:
    """The same without imaginary deals: tags, territory and load count only for what the data show of them."""
    return log_odds_of(fit(case.table, seed=seed, adapt=False, priors={}), case)
