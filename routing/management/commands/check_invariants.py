"""`check_invariants`: proves from the database that no guarantee is broken. Exit code 0, or 1 with each named."""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from routing.queries.invariants import check_invariants


class Command(BaseCommand):
    help = "Checks the guarantees of routing in the database and names each violation."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="One JSON object on the last line.")

    def handle(self, *args: Any, **options: Any) -> None:
        findings = check_invariants()
        for violation in findings.violations:
            self.stderr.write(f"{violation.guarantee}: {violation.detail}")
        if options["json"]:
            result: dict[str, Any] = {"violations": len(findings.violations), "checked": findings.checked}
            if findings.violations:
                result["named"] = [f"{v.guarantee}: {v.detail}" for v in findings.violations[:1000]]
            self.stdout.write(json.dumps(result))
        else:
            for name, count in findings.checked.items():
                self.stdout.write(f"{name.replace('_', ' ')}: {count:,} rows checked")
            self.stdout.write(f"{len(findings.violations)} violations")
        if findings.violations:
            sys.exit(1)
