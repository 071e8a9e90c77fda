"""The addresses of a page's parts: the filters that are chosen, and what is behind a point."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

from analytics.engine.months import month_after
from analytics.queries.filters import DAY, Filters
from reps.engine.money import NBSP

WEEK = datetime.timedelta(days=6)


@dataclass(frozen=True)
class Addresses:
    """`chosen`: the filters as the address has them, without empty ones · the period is `first` to `last`, in steps of
    a week or a month."""

    chosen: Mapping[str, str]
    first: datetime.date
    last: datetime.date
    step: str = "week"

    @classmethod
    def of(cls, filters: Filters, chosen: Mapping[str, str]) -> "Addresses":
        return cls(chosen, filters.first, filters.last, filters.step)

    @property
    def head(self) -> str:
        """The first column of a table by steps."""
        return "Week of" if self.step == "week" else "Month"

    def words(self, start: datetime.date) -> str:
        """A step by its first day."""
        return (
            f"{start:%-d %b}".replace(" ", NBSP)
            if self.step == "week"
            else f"{start:%b %Y}".replace(" ", NBSP)
        )

    def page(self) -> str:
        return self._to("analytics_routing", {})

    def csv(self, key: str) -> str:
        return self._to("analytics_csv", {}, key)

    def behind(self, event: str, **more: Any) -> str:
        """The opportunities behind a point: `rep`, `bins` ("7-9"), `path`, `mode`, `hit`."""
        return self._to("analytics_opportunities", {"event": event, **more})

    def within(self, event: str, start: datetime.date, **more: Any) -> str:
        """Those of a step, as far as it lies in the period."""
        end = start + WEEK if self.step == "week" else month_after(start) - DAY
        days = {"from": max(start, self.first), "to": min(end, self.last), "days": ""}
        return self._to("analytics_opportunities", {"event": event, **days, **more})

    def _to(self, name: str, more: Mapping[str, Any], *args: Any) -> str:
        kept = {key: str(value) for key, value in {**self.chosen, **more}.items() if value not in ("", None)}
        address = reverse(name, args=args)
        return f"{address}?{urlencode(kept)}" if kept else address
