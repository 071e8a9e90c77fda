"""`benchmark NAME --json`: the one door to every benchmark. Its last line of standard output is one JSON object."""

import importlib
import json
import pkgutil
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

import benchmarks


def names() -> list[str]:
    """The benchmarks there are: the modules of the folder that have a `run`."""
    return sorted(module.name for module in pkgutil.iter_modules(benchmarks.__path__))


class Command(BaseCommand):
    help = "Runs a benchmark. Figures are ratios within one run wherever they can be: machines are noisy."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("name", nargs="?", help=f"One of: {', '.join(names())}.")
        parser.add_argument("--json", action="store_true", help="The result as JSON on the last line.")
        parser.add_argument("--short", action="store_true", help="Fewer repetitions.")

    def handle(self, *args: Any, **options: Any) -> None:
        name = options["name"]
        if name not in names():
            raise CommandError(f"There is no benchmark “{name or ''}”. There are: {', '.join(names())}.")
        module = importlib.import_module(f"benchmarks.{name}")

        def say(text: str) -> None:
            self.stderr.write(text)

        result: dict[str, Any] = module.run(short=options["short"], say=say)
        if options["json"]:
            self.stdout.write(json.dumps(result))
            return
        for key, value in result.items():
            self.stdout.write(f"{key}: {value}")
