"""`value_from_log`: what another model or configuration would have won, from the logged propensities."""

import datetime
import json
from argparse import ArgumentParser
from dataclasses import asdict
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from reps.engine.unavailable import Unavailable
from routing.models import ConfigurationVersion, ModelVersion
from routing.queries.off_policy import Target, in_words, value_from_log


class Command(BaseCommand):
    help = (
        "Values another model or configuration from the decisions that are logged (SNIPS and doubly robust, with "
        "intervals), or says why it cannot be told."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--model", type=int, metavar="N", help="The number of the model to value.")
        parser.add_argument(
            "--configuration", type=int, metavar="N", help="The number of a configuration version."
        )
        parser.add_argument("--days", type=int, default=180, help="How far back the log is read (180).")
        parser.add_argument("--json", action="store_true", help="One JSON object on the last line.")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["model"] is None and options["configuration"] is None:
            raise CommandError("Name what is to be valued: --model N, --configuration N, or both.")
        if options["days"] < 1:
            raise CommandError("--days: at least 1.")
        target = Target.of(
            model=_numbered(ModelVersion, options["model"]),
            configuration=_numbered(ConfigurationVersion, options["configuration"]),
        )
        since = timezone.now() - datetime.timedelta(days=options["days"])
        result = value_from_log(target, since=since)
        if options["json"]:
            content = {"unavailable": result.reason} if isinstance(result, Unavailable) else asdict(result)
            self.stdout.write(json.dumps(content))
        else:
            for sentence in in_words(result):
                self.stdout.write(sentence)


def _numbered(model: Any, number: int | None) -> Any:
    if number is None:
        return None
    found = model.objects.filter(number=number).first()
    if found is None:
        raise CommandError(f"There is no {model._meta.verbose_name} {number}.")
    return found
