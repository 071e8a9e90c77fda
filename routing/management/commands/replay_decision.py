"""`replay_decision ID`: decides a stored decision again from its stored inputs and compares, bit for bit."""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from routing.engine.ladder import ENGINE_VERSION, decide
from routing.engine.trace import digest, pack_columns
from routing.models import Decision
from routing.queries.inputs import stored_inputs


class Command(BaseCommand):
    help = (
        "Replays decisions from their stored inputs and proves them identical. Exit code 1 when one is not."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("ids", nargs="*", type=int, metavar="ID", help="Decisions to replay.")
        parser.add_argument("--all", action="store_true", help="Every decision there is.")
        parser.add_argument("--json", action="store_true", help="One JSON object on the last line.")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["ids"] and not options["all"]:
            raise CommandError("Name the decisions to replay, or use --all.")
        decisions = Decision.objects.order_by("pk")
        if not options["all"]:
            decisions = decisions.filter(pk__in=options["ids"])
            missing = sorted(set(options["ids"]) - set(decisions.values_list("pk", flat=True)))
            if missing:
                raise CommandError(f"There is no decision {', '.join(map(str, missing))}.")
        replayed, different = 0, []
        for decision in decisions.iterator(chunk_size=200):
            replayed += 1
            if not is_identical(decision):
                different.append(decision.pk)
                made_by = f"made by ladder {decision.engine}, this is {ENGINE_VERSION}"
                self.stderr.write(f"Decision {decision.pk} replays differently ({made_by}).")
        if options["json"]:
            self.stdout.write(
                json.dumps(
                    {"replayed": replayed, "identical": replayed - len(different), "different": different}
                )
            )
        else:
            self.stdout.write(f"{replayed - len(different)} of {replayed} replay identically.")
        if different:
            sys.exit(1)


def is_identical(decision: Decision) -> bool:
    """Whether deciding again gives the same verdict, scores and exits, to the last bit."""
    verdict = decide(stored_inputs(decision))
    return digest(verdict) == decision.result_digest and pack_columns(verdict) == bytes(decision.columns)
