"""What the product is compared with. Each takes a case and a seed and gives m × n scores, higher is better.

Those in PROBABILISTIC give log-odds of winning, so that their calibration can be measured as well. All learn from the
same deals with the same columns. Settings were chosen to do each method justice, not to beat it.
"""

from collections.abc import Callable

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler, TargetEncoder

from benchmarks.model.cases import Case
from benchmarks.model.product import fixed_scales, no_prior_data
from routing.engine.learning.table import Category, DealTable, Floats, Ints

Method = Callable[[Case, int], Floats]
CROSSED = ("industry", "product", "source", "size")
TAGS = ("industry_tag", "product_tag", "competitor_displaced")
SHRINKAGE = 20  # deals after which a rep's own win rate counts as much as everybody's
ODOO_SMOOTHING = 0.1  # what Odoo's predictive lead scoring adds to each count of won and lost


def features(table: DealTable, pair: dict[str, Floats]) -> Floats:
    """m rows: the rep, the lead's categories, log value, what is declared of the pairing."""
    columns = [table.rep, *(category.codes for category in table.lead.values()), np.log(table.value)]
    return np.column_stack([*columns, *pair.values()]).astype(float)


def training_features(case: Case) -> Floats:
    return features(case.table, {name: case.table.pair[name] for name in case.pair})


def pairing_features(case: Case) -> Floats:
    """m · n rows, all reps of the first lead first."""
    m, n = case.truth.shape
    leads = case.leads.take(np.repeat(np.arange(m), n))
    everyone = np.tile(np.arange(n), m)
    return features(_with_rep(leads, everyone), {name: column.ravel() for name, column in case.pair.items()})


def _with_rep(table: DealTable, rep: Ints) -> DealTable:
    return DealTable(**{**{name: getattr(table, name) for name in table.__dataclass_fields__}, "rep": rep})


def gradient_boosting(case: Case, seed: int) -> Floats:
    """Boosted trees with the rep and the lead's fields as categories."""
    categorical = list(range(1 + len(case.table.lead)))
    model = HistGradientBoostingClassifier(
        categorical_features=categorical,
        learning_rate=0.05,
        max_iter=60,
        max_leaf_nodes=8,
        min_samples_leaf=20,
        l2_regularization=5.0,
        random_state=seed,
    )
    model.fit(training_features(case), case.table.won, sample_weight=case.table.weight)
    return np.asarray(model.decision_function(pairing_features(case)).reshape(case.truth.shape))


def target_encoding(case: Case, seed: int) -> Floats:
    """Logistic regression on one-hot lead fields and cross-fitted target encodings of rep and rep × field."""
    lead = list(range(1, 1 + len(case.table.lead)))
    width = 1 + len(case.table.lead) + 1 + len(case.pair)
    cells = list(range(width, width + 1 + len(CROSSED)))
    numeric = list(range(1 + len(case.table.lead), width))
    encoder = make_pipeline(
        TargetEncoder(cv=StratifiedKFold(5, shuffle=True, random_state=seed)), StandardScaler()
    )
    columns = ColumnTransformer(
        [
            ("lead", OneHotEncoder(handle_unknown="ignore"), lead),
            ("cells", encoder, cells),
            ("numeric", StandardScaler(), numeric),
        ]
    )
    model = Pipeline([("columns", columns), ("regression", LogisticRegression(max_iter=1000))])
    train, pairings = training_features(case), pairing_features(case)
    model.fit(
        np.column_stack([train, _rep_cells(case, train)]),
        case.table.won,
        regression__sample_weight=case.table.weight,
    )
    scores = model.decision_function(np.column_stack([pairings, _rep_cells(case, pairings)]))
    return np.asarray(scores.reshape(case.truth.shape))


def _rep_cells(case: Case, rows: Floats) -> Floats:
    """The rep, and the rep with each of the crossed fields, as codes."""
    names = list(case.table.lead)
    codes = [rows[:, 0]]
    for name in CROSSED:
        codes.append(rows[:, 0] * len(case.table.lead[name].levels) + rows[:, 1 + names.index(name)])
    return np.column_stack(codes)


def hand_written_weights(case: Case, seed: int) -> Floats:
    """As an administrator would set them: tags, territory, language, win rate, and a little less for a full plate."""
    found = 0.5 * sum(case.pair[name] for name in TAGS)
    found = found + 0.4 * case.pair["covers_territory"] + 0.4 * case.pair["speaks_language"]
    return np.asarray(found + 2.0 * shrunken_win_rate(case, seed) - 0.2 * case.load[None, :])


def tag_overlap(case: Case, seed: int) -> Floats:
    """How many of the rep's declared skills the lead asks for."""
    names = (*TAGS, "covers_territory", "speaks_language")
    return np.asarray(sum(case.pair[name] for name in names))


def won_and_closed(case: Case) -> tuple[Floats, Floats]:
    """Of each rep (n): deals won, deals closed."""
    table, n = case.table, case.reps
    won, closed = np.bincount(table.rep, table.won, n), np.bincount(table.rep, minlength=n)
    return won.astype(float), closed.astype(float)


def shrunken_win_rate(case: Case, seed: int) -> Floats:
    won, closed = won_and_closed(case)
    rate = (won + SHRINKAGE * case.table.won.mean()) / (closed + SHRINKAGE)
    return np.tile(rate, (len(case.leads), 1))


def raw_win_rate(case: Case, seed: int) -> Floats:
    """A rep without deals has none won."""
    won, closed = won_and_closed(case)
    return np.tile(won / np.maximum(closed, 1), (len(case.leads), 1))


def raw_win_rate_by_industry(case: Case, seed: int) -> Floats:
    """The share of its deals in the lead's industry that the rep won."""
    industry = case.table.lead["industry"]
    shape = (case.reps, len(industry.levels))
    cell = case.table.rep * shape[1] + industry.codes
    closed = np.bincount(cell, minlength=shape[0] * shape[1]).reshape(shape)
    won = np.bincount(cell, case.table.won, shape[0] * shape[1]).reshape(shape)
    return np.asarray((won / np.maximum(closed, 1))[:, case.leads.lead["industry"].codes].T)


def naive_bayes(case: Case, seed: int) -> Floats:
    """As Odoo scores leads, with the rep as one more field: log-odds are a sum of each field's log(won / lost)."""
    won = case.table.won > 0.5
    total = np.log(won.sum() / (~won).sum())
    lead = sum(
        _log_ratio(_counts(category, won)[None])[0, case.leads.lead[name].codes]
        for name, category in case.table.lead.items()
    )
    rep = Category(case.table.rep, tuple(str(rep) for rep in case.table.rep_ids))
    return np.asarray(total + np.asarray(lead)[:, None] + _log_ratio(_counts(rep, won)[None])[0][None, :])


def naive_bayes_per_rep(case: Case, seed: int) -> Floats:
    """One such model for each rep, of that rep's deals alone."""
    found = np.zeros(case.truth.shape)
    won = case.table.won > 0.5
    for name, category in case.table.lead.items():
        counts = np.stack(
            [
                _counts(category.take(case.table.rep == rep), won[case.table.rep == rep])
                for rep in range(case.reps)
            ]
        )
        found += _log_ratio(counts)[:, case.leads.lead[name].codes].T
    wins, closed = won_and_closed(case)
    return found + np.log((wins + ODOO_SMOOTHING) / (closed - wins + ODOO_SMOOTHING))[None, :]


def _counts(category: Category, won: np.ndarray) -> Floats:
    """levels × 2: how many were won and lost at each level."""
    width = len(category.levels)
    known = category.codes >= 0
    return np.column_stack(
        [np.bincount(category.codes[known & side], minlength=width) for side in (won, ~won)]
    ).astype(float)


def _log_ratio(counts: Floats) -> Floats:
    """… × levels: log of P(level | won) / P(level | lost) from counts … × levels × 2."""
    smooth = counts + ODOO_SMOOTHING
    share = smooth / smooth.sum(axis=-2, keepdims=True)
    return np.asarray(np.log(share[..., 0] / share[..., 1]))


def round_robin(case: Case, seed: int) -> Floats:
    """By turns, which knows nothing of the lead: as good as at random."""
    m, n = case.truth.shape
    return -((np.arange(m)[:, None] - np.arange(n)[None, :]) % n).astype(float)


PROBABILISTIC: dict[str, Method] = {
    "fixed_scales": fixed_scales,
    "no_prior_data": no_prior_data,
    "gradient_boosting": gradient_boosting,
    "target_encoding": target_encoding,
    "naive_bayes": naive_bayes,
    "naive_bayes_per_rep": naive_bayes_per_rep,
}
SCORES_ONLY: dict[str, Method] = {
    "hand_written_weights": hand_written_weights,
    "tag_overlap": tag_overlap,
    "shrunken_win_rate": shrunken_win_rate,
    "raw_win_rate": raw_win_rate,
    "raw_win_rate_by_industry": raw_win_rate_by_industry,
    "round_robin": round_robin,
}
BASELINES = PROBABILISTIC | SCORES_ONLY
VARIANTS = ("fixed_scales",)  # of the product's own recipe: shown beside it, not a baseline to be ahead of
