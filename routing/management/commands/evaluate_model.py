"""`evaluate_model --deals FILE.csv --as-of DATE`: the product on your own history, before it is switched on."""

import datetime
import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from crm.engine.imports.reading import Unreadable
from routing.engine.learning.deal_file import BadDeals
from routing.engine.learning.evaluation import Evaluation
from routing.engine.learning.fit import CannotTrain
from routing.services.evaluations import evaluate_file


class Command(BaseCommand):
    help = (
        "Trains on the deals of a CSV that closed before a day and scores those created since: log loss, AUC and "
        "calibration of the product, of the same without rep effects and of the base rate; concordance; whether the "
        "reps can be told apart. Columns: id, created, closed, outcome, rep, value, then any others (docs/evaluate.md)."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--deals", required=True, metavar="FILE.csv", help="The deals, one in each row.")
        parser.add_argument(
            "--as-of", required=True, metavar="DATE", help="The day that parts training and test."
        )
        parser.add_argument("--json", action="store_true", help="One JSON object on the last line.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            as_of = datetime.date.fromisoformat(options["as_of"])
        except ValueError as error:
            raise CommandError(f"--as-of: “{options['as_of']}” is no date (YYYY-MM-DD).") from error
        path = Path(options["deals"])
        try:
            result = evaluate_file(path.read_bytes(), as_of=as_of)
        except OSError as error:
            raise CommandError(f"--deals: {path} cannot be read: {error.strerror}.") from error
        except (Unreadable, BadDeals, CannotTrain) as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            self.stdout.write(json.dumps(result.to_json()))
        else:
            self._tell(result)

    def _tell(self, result: Evaluation) -> None:
        out = self.stdout
        out.write(
            f"Trained on {result.trained_on:,} deals, scored {result.scored:,} ({result.scored_won:,} won)."
        )
        for name, measures in result.models.items():
            auc = "–" if measures["auc"] is None else f"{measures['auc']:.3f}"
            slope = "–" if measures["calibration_slope"] is None else f"{measures['calibration_slope']:.2f}"
            label = name.replace("_", " ")
            out.write(
                f"  {label:13} log loss {measures['log_loss']:.4f}   AUC {auc}   calibration slope {slope}"
            )
        if "unavailable" in result.concordance:
            out.write(f"Concordance cannot be told: {result.concordance['unavailable']}.")
        else:
            found = result.concordance
            out.write(
                f"Concordance {found['value']:.3f} ({found['low']:.3f} to {found['high']:.3f}; .5 is chance)."
            )
        told = "can be told apart" if result.distinguishable else "cannot be told apart with this data yet"
        out.write(f"Reps {told} (p = {result.p_value_reps:.3f}).")
        for row in result.left_out:
            out.write(f"Left out: {row['why']}")
        for warning in result.warnings:
            out.write(warning)
