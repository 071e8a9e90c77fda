"""`replay_decision ID`: decides a stored decision again from its stored inputs and compares, bit for bit."""

import json
import sys
from argparse import ArgumentParser
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from routing.engine.ladder import decide
from routing.engine.trace import digest, pack_columns
from routing.engine.verdict import ENGINE_VERSION
from routing.models import Decision
from routing.queries.archived import archived_decisions
from routing.queries.inputs import stored_inputs


class Command(BaseCommand):
    help = (
        "Replays decisions from their stored inputs and proves them identical. Exit code 1 when one is not."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("ids", nargs="*", type=int, metavar="ID", help="Decisions to replay.")
        parser.add_argument("--all", action="store_true", help="Every decision there is.")
        parser.add_argument("--archive", type=Path, metavar="FILE", help="Those of a file of the archive.")
        parser.add_argument("--json", action="store_true", help="One JSON object on the last line.")

    def handle(self, *args: Any, **options: Any) -> None:
        if not options["ids"] and not options["all"]:
            raise CommandError("Name the decisions to replay, or use --all.")
        replayed, different = 0, []
        for decision in asked_for(options["ids"], options["archive"]):
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


def asked_for(ids: list[int], archive: Path | None) -> Iterator[Decision]:
    """These, or all; raises CommandError for one that is not there."""
    seen = set()
    for decision in _in_the_file(archive, ids) if archive else _in_the_database(ids):
        seen.add(decision.pk)
        yield decision
    if missing := sorted(set(ids) - seen):
        raise CommandError(f"There is no decision {', '.join(map(str, missing))}.")


def _in_the_file(archive: Path, ids: list[int]) -> Iterator[Decision]:
    try:
        yield from archived_decisions(archive, ids)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise CommandError(f"{archive} cannot be read as an archive of decisions: {error}") from error


def _in_the_database(ids: list[int]) -> Iterator[Decision]:
    found = Decision.objects.order_by("pk")
    if not ids:
        yield from found.exclude(trace__has_key="archive").iterator(chunk_size=200)
        return
    for decision in found.filter(pk__in=ids):
        if decision.archive:
            raise CommandError(f"Decision {decision.pk} is in the archive: --archive …/{decision.archive}")
        yield decision


def is_identical(decision: Decision) -> bool:
    """Whether deciding again gives the same verdict, scores and exits, to the last bit."""
    verdict = decide(stored_inputs(decision))
    return digest(verdict) == decision.result_digest and pack_columns(verdict) == bytes(decision.columns)
