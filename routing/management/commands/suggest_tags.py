"""`suggest_tags`: reviews the expertise of all reps against their closed deals, here and now."""

import json
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from reps.models import Job, TagReview
from routing.services.tag_reviews import ReviewUnderWay, open_review, run_review


class Command(BaseCommand):
    help = (
        "Looks at the closed deals of all reps and suggests expertise tags to add or to remove; people decide. "
        "Exit code 1 when it did not come to its end; too few deals are an answer, not an error."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--json", action="store_true", help="One JSON object on the last line.")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            job = open_review(by=None, trigger=TagReview.Trigger.COMMAND)
        except ReviewUnderWay as error:
            raise CommandError(str(error)) from error
        run_review(job_id=job.pk)
        job = Job.objects.get(pk=job.pk)
        if job.state != Job.State.DONE:
            raise CommandError(job.error or "The review was cancelled.")
        review = TagReview.objects.get(pk=job.result["review"])
        if options["json"]:
            self.stdout.write(json.dumps(_content(review)))
        elif review.unavailable:
            self.stdout.write(f"Nothing can be said: {review.unavailable}.")
        else:
            self.stdout.write(
                f"Went over {review.deals:,} deals of {review.reps:,} reps, {review.pairs:,} pairs: {review.found:,} "
                f"suggestions, {review.fresh:,} of them new; {review.remembered:,} had been dismissed before, "
                f"{review.superseded:,} hold no longer."
            )


def _content(review: TagReview) -> dict[str, Any]:
    names = ("deals", "reps", "pairs", "found", "fresh", "remembered", "superseded", "unavailable")
    rows = review.suggestions.select_related("rep").order_by("pk")
    return {name: getattr(review, name) for name in names} | {
        "suggestions": [
            {
                "rep": row.rep.name,
                "kind": row.kind,
                "name": row.name,
                "action": row.action,
                "wins": row.wins,
                "deals": row.deals,
                "expected": row.expected,
                "sentence": row.sentence,
            }
            for row in rows
        ]
    }
