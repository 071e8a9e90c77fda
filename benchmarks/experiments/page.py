"""The figures as tables: `python -m benchmarks.experiments.page RESULT.json` prints Markdown."""

import json
import sys
from pathlib import Path
from typing import Any

# experiments.md: bias in percent at 40, 70 and 90 % utilisation, as it was simulated before
SAID = {
    "slot_split": (55, 30, 7),
    "rep_partition": (-5, -5, -17),
    "switchback": (20, 12, 7),
    "lead_split": (66, 111, 191),
}
PLACES = (0.4, 0.7, 0.9)
Row = dict[str, Any]


def page(result: dict[str, Any]) -> str:
    parts = [
        "## A difference declared where both arms do the same",
        _table(["design", "weeks", "daily looks", "weekly looks", "one look", "runs"], _errors(result)),
        "## All repeated intervals of an experiment hold at once",
        _table(["design", "weeks", "true effect", "coverage", "runs"], _coverage(result)),
        "## Power with daily looks",
        _table(["design", "effect, points", "seen in", "planned", "runs"], _power(result)),
        "## Bias against a full roll-out, load tires reps (in brackets: experiments.md)",
        _table(["design", *(f"{place:.0%}" for place in PLACES)], _bias(result)),
        "## Bias at 90 % utilisation in each world",
        _table(["world", "roll-out, points", *SAID], _worlds(result)),
        "## Nothing to gain: a plain test at the end calls a difference",
        _table(["design", "measured, points", "called", "runs"], _nil(result)),
    ]
    if result["missing"]:
        parts.append(f"Missing: {len(result['missing'])} blocks.")
    return "\n\n".join(parts) + "\n"


def _errors(result: dict[str, Any]) -> list[list[str]]:
    rates = {(row["design"], row["weeks"], row["looks"]): row for row in result["false_positive"]}
    keys = dict.fromkeys((design, weeks) for design, weeks, _ in rates)
    return [
        [
            design,
            str(weeks),
            *(_rate(rates[design, weeks, looks]) for looks in ("daily", "weekly", "once")),
            f"{rates[design, weeks, 'daily']['runs']:,}",
        ]
        for design, weeks in keys
    ]


def _coverage(result: dict[str, Any]) -> list[list[str]]:
    return [
        [row["design"], str(row["weeks"]), f"{row['effect']:.3f}", _rate(row), f"{row['runs']:,}"]
        for row in result["coverage"]
    ]


def _power(result: dict[str, Any]) -> list[list[str]]:
    return [
        [row["design"], f"{100 * row['effect']:.1f}", _rate(row), f"{row['planned']:.2f}", f"{row['runs']:,}"]
        for row in result["power"]
    ]


def _bias(result: dict[str, Any]) -> list[list[str]]:
    found = {
        (row["design"], row["utilisation"]): row for row in result["bias"] if row["world"] == "load_tires"
    }
    return [
        [
            design,
            *(
                f"{_percent(found.get((design, place)))} ({was:+d} %)"
                for place, was in zip(PLACES, said, strict=True)
            ),
        ]
        for design, said in SAID.items()
    ]


def _worlds(result: dict[str, Any]) -> list[list[str]]:
    rows: dict[str, dict[str, Row]] = {}
    for row in result["bias"]:
        if row["utilisation"] == PLACES[-1]:
            rows.setdefault(row["world"], {})[row["design"]] = row
    return [
        [
            world,
            f"{100 * next(iter(of.values()))['roll_out']:.1f}",
            *(_percent(of.get(design)) for design in SAID),
        ]
        for world, of in rows.items()
    ]


def _nil(result: dict[str, Any]) -> list[list[str]]:
    return [
        [row["design"], f"{100 * row['measured']:.1f}", _rate(row), f"{row['runs']:,}"]
        for row in result["nil"]
    ]


def _rate(row: Row) -> str:
    return f"{row['rate']:.3f} ± {row['se']:.3f}"


def _percent(row: Row | None) -> str:
    return "–" if row is None else f"{100 * row['value']:+.0f} ± {100 * row['se']:.0f} %"


def _table(headings: list[str], rows: list[list[str]]) -> str:
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


if __name__ == "__main__":
    sys.stdout.write(page(json.loads(Path(sys.argv[1]).read_text())))
