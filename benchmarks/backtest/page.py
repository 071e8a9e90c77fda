"""The figures as tables: `python -m benchmarks.backtest.page RESULT.json` prints Markdown."""

import json
import sys
from pathlib import Path
from typing import Any

ESTIMATES = (
    ("doubly robust: value", ""), ("doubly robust: gain", "gain_"), ("SNIPS: value", "snips_"),
    ("SNIPS: gain", "snips_gain_"),
)  # fmt: skip
OVERLAPS = ("good_overlap", "poor_overlap", "knows_outcomes")


def page(result: dict[str, Any]) -> str:
    by_estimate = [
        [name.replace("_", " "), words, *_figures(result[name], prefix)]
        for name in OVERLAPS
        for words, prefix in ESTIMATES
        if result[name]["told"]
    ]
    by_target = [
        [
            name.replace("_", " "),
            str(row["replays"]),
            f"{row['refused_share']:.2f}",
            _size(row),
            *_figures(row, ""),
        ]
        for name, row in result["by_target"].items()
    ]
    refused = [
        [name.replace("_", " "), str(row["replays"]), f"{row['refused_share']:.3f}"]
        for name, row in ((name, result[name]) for name in OVERLAPS)
    ]
    figures = ["bias, points", "coverage", "width, points"]
    return "\n\n".join(
        [
            "## Refused",
            _table(["overlap", "backtests", "refused"], refused),
            "## Of those that were told",
            _table(["overlap", "estimate", *figures], by_estimate),
            "## By what was tried",
            _table(["tried", "backtests", "refused", "effective size", *figures], by_target),
        ]
    ) + ("\n" if not result["missing"] else f"\n\nMissing: {len(result['missing'])} organisations.\n")


def _size(row: dict[str, Any]) -> str:
    return "–" if row["mean_effective_size"] is None else f"{row['mean_effective_size']:.0f}"


def _figures(row: dict[str, Any], prefix: str) -> list[str]:
    bias, error = row[f"{prefix}bias"], row[f"{prefix}bias_se"]
    if bias is None or error is None:
        return ["–", "–", "–"]
    return [
        f"{100 * bias:+.2f} ± {100 * error:.2f}",
        f"{row[f'{prefix}coverage']:.3f}",
        f"{100 * row[f'{prefix}mean_width']:.1f}",
    ]


def _table(headings: list[str], rows: list[list[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    sys.stdout.write(page(json.loads(Path(sys.argv[1]).read_text())))
