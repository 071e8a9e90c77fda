"""`route`: decides waiting opportunities now, or named ones; `--dry-run` says what would be decided."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from crm.models import Opportunity
from routing.engine.ladder import decide
from routing.models import Decision
from routing.queries.inputs import load_inputs
from routing.services.decisions import route


class Command(BaseCommand):
    help = "Routes opportunities that wait (or those named by id)."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument(
            "ids", nargs="*", type=int, metavar="ID", help="Opportunities; all that wait if none."
        )
        parser.add_argument("--dry-run", action="store_true", help="Decide and say it, change nothing.")
        parser.add_argument("--json", action="store_true", help="One JSON object on the last line.")

    def handle(self, *args: Any, **options: Any) -> None:
        ids = options["ids"] or list(
            Opportunity.objects.filter(routing=Opportunity.Routing.WAITING)
            .order_by("routing_since", "pk")
            .values_list("pk", flat=True)
        )
        missing = sorted(set(ids) - set(Opportunity.objects.filter(pk__in=ids).values_list("pk", flat=True)))
        if missing:
            raise CommandError(f"There is no opportunity {', '.join(map(str, missing))}.")
        results = [self._dry(pk) if options["dry_run"] else self._real(pk) for pk in ids]
        if options["json"]:
            self.stdout.write(json.dumps({"routed": len(results), "results": results}))
            return
        for result in results:
            self.stdout.write(
                f"{result['opportunity']}: {result['outcome']} {result['rep'] or ''} {result['via'] or ''}"
            )
        self.stdout.write(f"{len(results)} opportunities")

    def _dry(self, pk: int) -> dict[str, Any]:
        opportunity = Opportunity.objects.select_related("account", "product").get(pk=pk)
        verdict = decide(load_inputs(opportunity, timezone.now())[0])
        return _result(pk, verdict.outcome, verdict.rep_id, verdict.via, verdict.score)

    def _real(self, pk: int) -> dict[str, Any]:
        decision: Decision | None = route(opportunity_id=pk)
        if decision is None:
            return _result(pk, "already decided", None, None, None)
        return _result(pk, decision.outcome, decision.rep_id, decision.via, decision.score)


def _result(pk: int, outcome: str, rep: int | None, via: str | None, score: float | None) -> dict[str, Any]:
    return {"opportunity": pk, "outcome": outcome, "rep": rep, "via": via, "score": score}
