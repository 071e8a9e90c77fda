"""The model on data of other people: Maven's fictional CRM export, where reps do not differ, and Salvirt's real one.

The files are read as they are; nothing of them is kept here. What is known only after a deal closed is left out: its
closing value most of all, which is nil for every lost deal.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss, roc_auc_score
from sklearn.model_selection import StratifiedGroupKFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

from benchmarks.model.kept import ROOT
from benchmarks.model.measures import match_scores
from routing.engine.learning.apart import tell_apart
from routing.engine.learning.design import Scales, make_design
from routing.engine.learning.fit import calibrate, choose_lead_scale, fit, lead_only_log_odds
from routing.engine.learning.learned import LearnedModel
from routing.engine.learning.solve import ridge
from routing.engine.learning.table import Category, DealTable, Floats, Ints, recency
from routing.engine.model import logistic

MAVEN_SPLIT = pd.Timestamp("2017-10-01")  # nearly seven months to learn from, three to test on
SPELLINGS = {"GTXPro": "GTX Pro", "technolgy": "technology", "Philipines": "Philippines"}
EMPLOYEE_BANDS = [0, 50, 200, 1000, 5000, np.inf]
OUTER_FOLDS, REPETITIONS = 5, 5
ODD_NAMES = {"Product": "product", "Comp_size": "size", "Source": "source", "Competitors": "competitor"}


def data_folder() -> Path:
    """ROUTING_DATA, or the folder that lies beside the checkout."""
    return Path(os.environ.get("ROUTING_DATA", ROOT.parent / "shared" / "data"))


def maven_deals(folder: Path) -> pd.DataFrame:
    """Deals won and lost, with their account and the product's list price."""
    deals = pd.read_csv(folder / "sales_pipeline.csv", parse_dates=["engage_date", "close_date"])
    accounts = pd.read_csv(folder / "accounts.csv").replace(SPELLINGS)
    products = pd.read_csv(folder / "products.csv")
    deals = deals[deals.deal_stage.isin(["Won", "Lost"])].replace(SPELLINGS)
    deals = deals.merge(accounts, on="account", how="left").merge(products, on="product", how="left")
    deals["size"] = pd.cut(deals.employees, EMPLOYEE_BANDS, right=False).astype("string").fillna("")
    return deals.sort_values("close_date", kind="stable").reset_index(drop=True)


def maven_table(deals: pd.DataFrame, as_of: pd.Timestamp) -> DealTable:
    """Fifteen months: too short to tell a season from a trend."""
    reps = Category.of(deals.sales_agent.tolist())
    fields = {"industry": "sector", "product": "product", "region": "office_location", "size": "size"}
    age = (as_of - deals.close_date).dt.days.to_numpy(dtype=float)
    return DealTable(
        won=np.asarray(deals.deal_stage == "Won", dtype=float),
        rep=reps.codes,
        rep_ids=tuple(range(len(reps.levels))),
        weight=recency(np.maximum(age, 0)),
        value=deals.sales_price.to_numpy(dtype=float),
        season=np.full(len(deals), np.nan),
        lead={name: Category.of(deals[column].fillna("").tolist()) for name, column in fields.items()},
    )


def maven(seed: int = 0) -> dict[str, Any]:
    """Learn from what closed before the split, predict what closed after it. The verdict is on all deals."""
    deals = maven_deals(data_folder() / "maven-crm")
    table = maven_table(deals, MAVEN_SPLIT)
    before = (deals.close_date < MAVEN_SPLIT).to_numpy()
    train, test = table.take(before), table.take(~before)
    calibration = calibrate(train, seed=seed)
    model = LearnedModel.from_fit(fit(train, seed=seed), train, calibration)
    with_reps = model.base(test)[:, None] + model.rep_log_odds(test, train.rep_ids)
    shown = calibration.intercept + calibration.slope * with_reps[np.arange(len(test)), test.rep]
    base = float(train.won.mean())
    loss, loss_base = log_loss(test.won, logistic(shown)), log_loss(test.won, np.full(len(test), base))
    verdict = tell_apart(maven_table(deals, deals.close_date.max()), seed=seed)
    active = np.isin(np.arange(len(train.rep_ids)), train.rep)
    low, high = np.percentile(match_scores(with_reps[:, active]), [5, 95])
    return {
        "log_loss": round(loss, 5),
        "log_loss_base": round(loss_base, 5),
        "log_loss_excess_pct": round(100 * (loss / loss_base - 1), 3),
        "auc": round(float(roc_auc_score(test.won, shown)), 3),
        "p_value_reps": round(verdict.reps.p_value, 4),
        "distinguishable": verdict.are_distinguishable,
        "p_value_reps_before_split": round(tell_apart(train, seed=seed).reps.p_value, 4),
        "has_affinity": verdict.has_affinity,
        "score_p5": round(float(low), 2),
        "score_p95": round(float(high), 2),
        "deals_before": len(train),
        "deals_after": len(test),
    }


def salvirt_deals(folder: Path) -> pd.DataFrame:
    return pd.read_csv(folder / "Salvirt_B2B_ML_dataset.csv", sep=";", dtype=str, keep_default_na=False)


def salvirt_table(deals: pd.DataFrame) -> DealTable:
    """No dates: every row weighs 1. No values. All attributes but the seller are the lead's."""
    sellers = Category.of(deals.Seller.tolist())
    names = [name for name in deals.columns if name not in ("Seller", "Status")]
    m = len(deals)
    return DealTable(
        won=np.asarray(deals.Status == "Won", dtype=float),
        rep=sellers.codes,
        rep_ids=tuple(range(len(sellers.levels))),
        weight=np.ones(m),
        value=np.full(m, np.nan),
        season=np.full(m, np.nan),
        lead={ODD_NAMES.get(name, name.lower()): Category.of(deals[name].tolist()) for name in names},
    )


Predictor = Callable[[DealTable, DealTable, int], Floats]


def product(train: DealTable, test: DealTable, seed: int) -> Floats:
    """Calibrated win probability of each deal with the rep who had it."""
    calibration = calibrate(train, seed=seed)
    model = LearnedModel.from_fit(fit(train, seed=seed), train, calibration)
    own = model.rep_log_odds(test, train.rep_ids)[np.arange(len(test)), test.rep]
    return logistic(calibration.intercept + calibration.slope * (model.base(test) + own))


def product_lead_only(train: DealTable, test: DealTable, seed: int) -> Floats:
    """The product's model without its rep effects, calibrated on its out-of-fold log-odds."""
    scales = Scales(choose_lead_scale(train, seed))
    design, unseen = make_design(train, scales, with_reps=False), make_design(test, scales, with_reps=False)
    shift = LogisticRegression(C=10.0).fit(lead_only_log_odds(train, seed=seed)[:, None], train.won)
    log_odds = unseen.matrix @ ridge(design.matrix, train.won, train.weight)
    return np.asarray(shift.predict_proba(log_odds[:, None])[:, 1])


def base_rate(train: DealTable, test: DealTable, seed: int) -> Floats:
    return np.full(len(test), train.won.mean())


def logistic_regression(train: DealTable, test: DealTable, seed: int) -> Floats:
    model = make_pipeline(OneHotEncoder(handle_unknown="ignore"), LogisticRegression(max_iter=1000))
    return _calibrated(model, train, test)


def gradient_boosting(train: DealTable, test: DealTable, seed: int) -> Floats:
    width = 1 + len(train.lead)
    encoder = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=np.nan)
    trees = HistGradientBoostingClassifier(
        categorical_features=list(range(width)),
        learning_rate=0.05,
        max_iter=60,
        max_leaf_nodes=8,
        min_samples_leaf=20,
        l2_regularization=5.0,
        random_state=seed,
    )
    return _calibrated(make_pipeline(encoder, trees), train, test)


def _calibrated(model: Any, train: DealTable, test: DealTable) -> Floats:
    found = CalibratedClassifierCV(model, method="sigmoid", cv=5).fit(_fields(train), train.won)
    return np.asarray(found.predict_proba(_fields(test))[:, 1])


def _fields(table: DealTable) -> Ints:
    return np.column_stack([table.rep, *(category.codes for category in table.lead.values())])


PREDICTORS: dict[str, Predictor] = {
    "product": product,
    "product_lead_only": product_lead_only,
    "logistic_regression": logistic_regression,
    "gradient_boosting": gradient_boosting,
    "base_rate": base_rate,
}


def salvirt() -> list[dict[str, Any]]:
    """Each deal predicted once in each repetition. Rows that are alike stay in one fold: a copy would give it away."""
    deals = salvirt_deals(data_folder() / "salvirt-b2b")
    table = salvirt_table(deals)
    alike = deals.groupby(list(deals.columns)).ngroup().to_numpy()
    losses: dict[str, list[Floats]] = {name: [] for name in PREDICTORS}
    aucs: dict[str, list[float]] = {name: [] for name in PREDICTORS}
    for seed in range(REPETITIONS):
        folds = StratifiedGroupKFold(OUTER_FOLDS, shuffle=True, random_state=seed)
        predicted = {name: np.zeros(len(table)) for name in PREDICTORS}
        for inside, outside in folds.split(np.zeros(len(table)), table.won, alike):
            for name, predictor in PREDICTORS.items():
                predicted[name][outside] = predictor(table.take(inside), table.take(outside), seed)
        for name, p in predicted.items():
            losses[name].append(-np.log(np.where(table.won > 0.5, p, 1 - p)))
            aucs[name].append(float(roc_auc_score(table.won, p)))
    by_deal = {name: np.mean(found, axis=0) for name, found in losses.items()}
    rows = []
    for name, loss in by_deal.items():
        behind = loss - by_deal["product"]
        rows.append(
            {
                "method": name,
                "log_loss": round(float(loss.mean()), 4),
                "auc": round(float(np.mean(aucs[name])), 3),
                "behind_product": round(float(behind.mean()), 4),
                "behind_product_se": round(float(behind.std(ddof=1) / np.sqrt(len(behind))), 4),
                "deals": len(table),
            }
        )
    return rows
