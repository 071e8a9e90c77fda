"""The figures as a page: `python -m benchmarks.model.page RESULT.json` prints Markdown, with model.md's beside ours."""

import json
import sys
from pathlib import Path
from typing import Any

WORLDS = ("affinity_0.6", "affinity_0.3", "affinity_0")
SIZES = (150, 500, 2000, 8000)
# model.md, section 1: share at 150, 500, 2,000 and 8,000 deals with affinity .6, and at 500 without affinity
PUBLISHED: dict[str, tuple[float | None, ...]] = {
    "product": (0.49, 0.54, 0.58, None, 0.49),
    "fixed_scales": (0.51, 0.55, 0.60, 0.65, 0.52),
    "no_prior_data": (0.32, 0.45, 0.57, None, 0.52),
    "gradient_boosting": (0.23, 0.28, 0.46, 0.48, 0.39),
    "target_encoding": (0.11, 0.31, 0.45, 0.61, 0.31),
    "hand_written_weights": (0.43, 0.45, 0.40, None, 0.12),
    "tag_overlap": (0.36, 0.36, 0.33, None, -0.03),
    "shrunken_win_rate": (0.29, 0.26, 0.40, 0.51, 0.57),
    "raw_win_rate": (0.20, 0.29, 0.33, None, 0.35),
    "raw_win_rate_by_industry": (0.11, 0.11, 0.08, None, 0.13),
    "naive_bayes": (0.22, 0.29, 0.33, None, 0.35),
    "naive_bayes_per_rep": (-0.04, 0.04, -0.02, None, 0.08),
    "round_robin": (0.0, 0.0, 0.0, None, 0.0),
}
COMPARED = (*((WORLDS[0], deals) for deals in SIZES), (WORLDS[2], 500))
Cells = dict[tuple[str, int, str], dict[str, Any]]


def page(result: dict[str, Any]) -> str:
    cells: Cells = {(row["world"], row["deals"], row["method"]): row for row in result["cells"]}
    parts = [
        "## Share of the oracle's lift: ours ± standard error (model.md's)",
        _table(["method", *(f"{world}, {deals:,}" for world, deals in COMPARED)], _compared(cells)),
        "## By how much the product is ahead, seed by seed",
        _table(["method", *_headings()], _ahead(cells)),
        "## The product: calibration and forecasts",
        _table(
            [
                "world",
                "deals",
                "seeds",
                "share",
                "slope",
                "calibration error",
                "true gain",
                "predicted",
                "lower end",
                "best score",
                "5th to 95th percentile",
            ],
            _product(cells),
        ),
        "## Calibration slope and error of those that give probabilities, affinity_0.6",
        _table(["method", *(f"{deals:,}" for deals in SIZES)], _calibration(cells)),
        "## Public data",
        _table(["Maven CRM", ""], [[key, str(value)] for key, value in result.get("maven", {}).items()]),
        _table(
            ["Salvirt", "log loss", "behind the product ± se", "AUC"],
            [
                [
                    row["method"],
                    f"{row['log_loss']:.4f}",
                    f"{row['behind_product']:+.4f} ± {row['behind_product_se']:.4f}",
                    f"{row['auc']:.3f}",
                ]
                for row in result.get("salvirt", [])
            ],
        ),
        "## Spoilt data",
        _table(["", ""], [[key, str(value)] for key, value in result["mutation"].items()]),
    ]
    if result["missing"]:
        parts.append(f"Missing: {len(result['missing'])} pieces ({', '.join(result['missing'][:5])}, …).")
    return "\n\n".join(parts) + "\n"


def _headings() -> list[str]:
    return [f"{world[9:]}, {deals:,}" for world in WORLDS for deals in SIZES]


def _compared(cells: Cells) -> list[list[str]]:
    rows = []
    for method, published in PUBLISHED.items():
        row = [method]
        for place, figure in zip(COMPARED, published, strict=True):
            cell = cells.get((*place, method))
            ours = f"{cell['share']:.2f} ± {cell['share_se']:.2f}" if cell else "–"
            row.append(ours if figure is None else f"{ours} ({figure:.2f})")
        rows.append(row)
    return rows


def _ahead(cells: Cells) -> list[list[str]]:
    rows = []
    for method in [name for name in PUBLISHED if name != "product"]:
        found = [cells.get((world, deals, method)) for world in WORLDS for deals in SIZES]
        rows.append(
            [
                method,
                *(f"{c['product_ahead']:+.2f} ± {c['product_ahead_se']:.2f}" if c else "–" for c in found),
            ]
        )
    return rows


def _product(cells: Cells) -> list[list[str]]:
    rows = []
    for (world, deals, method), cell in cells.items():
        if method == "product":
            share = "–" if cell["share"] is None else f"{cell['share']:.2f} ± {cell['share_se']:.2f}"
            points = [f"{100 * cell[key]:.1f}" for key in ("gain_true", "gain_predicted", "gain_low_end")]
            spread = f"{cell['score_p5']:.0f} to {cell['score_p95']:.0f}"
            rows.append(
                [
                    world,
                    f"{deals:,}",
                    str(cell["seeds"]),
                    share,
                    f"{cell['slope']:.2f}",
                    f"{cell['ece']:.3f}",
                    *points,
                    f"{cell['best_score']:.1f}",
                    spread,
                ]
            )
    return rows


def _calibration(cells: Cells) -> list[list[str]]:
    rows = []
    for method in PUBLISHED:
        found = [cells.get((WORLDS[0], deals, method)) for deals in SIZES]
        if any(cell and cell["slope"] is not None for cell in found):
            rows.append([method, *(f"{c['slope']:.2f}, {c['ece']:.3f}" if c else "–" for c in found)])
    return rows


def _table(headings: list[str], rows: list[list[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    sys.stdout.write(page(json.loads(Path(sys.argv[1]).read_text())))
