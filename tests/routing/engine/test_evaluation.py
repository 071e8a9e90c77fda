"""A file of deals: read strictly, evaluated without looking ahead."""

import datetime
from collections.abc import Callable

import numpy as np
import pytest

from routing.engine.learning.deal_file import BadDeals, read_deals
from routing.engine.learning.evaluation import Evaluation, evaluate
from routing.engine.learning.fit import CannotTrain

BEGIN = datetime.date(2024, 1, 1)
AS_OF = datetime.date(2025, 4, 1)
Row = dict[str, str]


def deals(m: int = 1500, *, skill: float = 0.9, seed: int = 1) -> list[Row]:
    """Reps who differ by `skill`, two industries that differ, one column that says nothing."""
    rng = np.random.default_rng(seed)
    level = rng.normal(0, skill, 8)
    found = []
    for i in range(m):
        rep, industry, day = int(rng.integers(8)), int(rng.integers(2)), int(rng.integers(0, 700))
        odds = -0.3 + level[rep] + 0.8 * industry
        won = rng.random() < 1 / (1 + np.exp(-odds))
        created = BEGIN + datetime.timedelta(days=day)
        found.append(
            {
                "id": f"D-{i}",
                "created": created.isoformat(),
                "closed": (created + datetime.timedelta(days=int(rng.integers(5, 60)))).isoformat(),
                "outcome": "Won" if won else "Lost",
                "rep": f"Rep {rep}",
                "value": str(int(rng.lognormal(9, 1))),
                "Sector": ("Energy", "Health")[industry],
                "weather": ("sun", "rain", "fog")[int(rng.integers(3))],
                "seats": str(int(rng.integers(1, 500))),
            }
        )
    return found


def csv(rows: list[Row], delimiter: str = ",") -> bytes:
    header = list(rows[0])
    lines = [delimiter.join(header), *(delimiter.join(row[name] for name in header) for row in rows)]
    return "\n".join(lines).encode()


def evaluated(rows: list[Row], as_of: datetime.date = AS_OF) -> Evaluation:
    found = read_deals(csv(rows))
    return evaluate(found.deals, as_of=as_of, inputs=found.inputs, labels=found.labels)


class TestFile:
    def test_known_columns_are_facts_and_others_are_inputs(self) -> None:
        found = read_deals(csv(deals(50)))
        assert found.inputs == ("weather", "seats")
        assert found.labels == {"custom.weather": "weather", "custom.seats": "seats"}
        first = found.deals[0]
        assert first.facts.industry in ("Energy", "Health")
        assert isinstance(first.facts.custom["seats"], float)
        assert first.rep_id is not None
        assert found.reps[first.rep_id].startswith("Rep ")

    def test_names_of_crm_exports_and_semicolons_are_understood(self) -> None:
        names = {
            "id": "Opportunity ID",
            "created": "Created Date",
            "closed": "Close Date",
            "outcome": "Deal Stage",
            "rep": "Owner",
        }
        rows = [{names.get(key, key): text for key, text in row.items()} for row in deals(20)]
        assert len(read_deals(csv(rows, ";")).deals) == 20

    def test_open_and_flagged_rows(self) -> None:
        rows = deals(30)
        rows[0] |= {"outcome": "", "closed": ""}
        rows[1] |= {"outcome": "In progress", "closed": ""}
        rows[2] |= {"outcome": "1"}
        rows[3] |= {"outcome": "disqualified"}
        rows[4] |= {"rep": ""}
        rows[5] |= {"created": "2025-05-05", "closed": "2025-05-01"}
        found = read_deals(csv(rows))
        assert (len(found.deals), found.open_count) == (28, 2)
        assert [deal.outcome for deal in found.deals[:2]] == ["won", "disqualified"]
        assert found.warnings == (
            "1 deals closed before they were created.",
            "1 closed deals have no rep: they tell about leads, not about reps.",
        )

    @pytest.mark.parametrize(
        ("change", "why"),
        [
            (lambda row: row.pop("closed"), "The file has no column “closed”"),
            (lambda row: row.update(outcome="maybe"), "Row 3, outcome: “maybe” is not a stage that is known"),
            (lambda row: row.update(created="31/31/2024"), "Row 3, created: “31/31/2024” is not"),
            (lambda row: row.update(closed=""), "Row 3, closed: is empty, but the outcome is"),
            (lambda row: row.update(value="much"), "Row 3, value: “much” is not a number"),
            (lambda row: row.update(id="D-0"), "Row 3, id: “D-0” is in row 2 already"),
        ],
    )
    def test_bad_cells_name_the_row_and_the_field(self, change: Callable[[Row], None], why: str) -> None:
        rows = deals(5)
        for row in rows if "no column" in why else rows[1:2]:
            change(row)
        with pytest.raises(BadDeals, match=why.replace("(", r"\(")):
            read_deals(csv(rows))

    def test_many_problems_are_counted_and_some_shown(self) -> None:
        rows = [row | {"value": "much"} for row in deals(40)]
        with pytest.raises(BadDeals, match=r"40 cells cannot be used.*And 30 more") as refused:
            read_deals(csv(rows))
        assert len(refused.value.problems) == 40


class TestEvaluation:
    def test_finds_reps_that_differ_and_beats_both_comparisons(self) -> None:
        found = evaluated(deals())
        losses = {name: measures["log_loss"] for name, measures in found.models.items()}
        assert losses["product"] < losses["without_reps"] < losses["base_rate"]
        assert found.better_than_without_reps["low"] > 0
        assert found.distinguishable
        assert found.concordance["value"] > 0.6
        assert found.models["product"]["auc"] > 0.6
        assert found.models["product"]["calibration_slope"] == pytest.approx(1, abs=0.35)
        assert found.left_out == []
        assert found.to_json()["log_loss"] == losses["product"]

    def test_keeps_to_itself_where_reps_are_alike(self) -> None:
        found = evaluated(deals(skill=0.0, seed=3))
        assert not found.distinguishable
        assert 40 < found.score_p5 < found.score_p95 < 60
        assert found.concordance["low"] < 0.5 < found.concordance["high"]

    def test_does_not_look_ahead(self) -> None:
        rows = deals()
        changed = [
            row
            if row["closed"] < AS_OF.isoformat()
            else row | {"outcome": {"Won": "Lost", "Lost": "Won"}[row["outcome"]]}
            for row in rows
        ]
        before, after = evaluated(rows), evaluated(changed)
        assert (before.trained_on, before.scored) == (after.trained_on, after.scored)
        assert (before.score_p5, before.score_p95, before.p_value_reps) == (
            after.score_p5,
            after.score_p95,
            after.p_value_reps,
        )
        assert [one["predicted"] for one in before.reliability] == [
            one["predicted"] for one in after.reliability
        ]
        assert after.concordance["value"] < 0.5

    def test_sizes_are_those_of_the_definition(self) -> None:
        rows = deals()
        found = evaluated(rows)
        day, start = AS_OF.isoformat(), (AS_OF - datetime.timedelta(days=365)).isoformat()
        assert found.trained_on == sum(start <= row["closed"] < day for row in rows)
        assert found.scored == sum(row["created"] >= day for row in rows)

    def test_columns_that_give_the_outcome_away_are_left_out_and_named(self) -> None:
        rows = [
            row
            | {
                "value": row["value"] if row["outcome"] == "Won" else "0",
                "reason": "" if row["outcome"] == "Won" else "Price",
            }
            for row in deals(800)
        ]
        found = evaluated(rows)
        assert {row["column"] for row in found.left_out} == {"value", "custom.reason"}
        assert found.models["product"]["auc"] < 0.85

    @pytest.mark.parametrize(
        ("day", "why"),
        [
            (
                datetime.date(2024, 1, 20),
                r"\d+ won and lost deals closed in the 12 months before 2024-01-20; 100 are needed",
            ),
            (
                datetime.date(2026, 1, 1),
                "0 deals were created on or after 2026-01-01 .* Choose an earlier day",
            ),
        ],
    )
    def test_a_day_without_enough_on_either_side_is_refused(self, day: datetime.date, why: str) -> None:
        with pytest.raises(CannotTrain, match=why):
            evaluated(deals(), day)
