"""The addresses of a page's parts: the filters that are chosen, and what is behind a point."""

import datetime
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.urls import reverse

WEEK = datetime.timedelta(days=6)


@dataclass(frozen=True)
class Addresses:
    """`chosen`: the filters as the address has them, without empty ones · the period is `first` to `last`."""

    chosen: Mapping[str, str]
    first: datetime.date
    last: datetime.date

    def page(self) -> str:
        return self._to("analytics_routing", {})

    def csv(self, key: str) -> str:
        return self._to("analytics_csv", {}, key)

    def behind(self, event: str, **more: Any) -> str:
        """The opportunities behind a point: `rep`, `bins` ("7-9"), `path`, `mode`, `hit`."""
        return self._to("analytics_opportunities", {"event": event, **more})

    def week(self, event: str, week: datetime.date, **more: Any) -> str:
        """Those of a week, as far as it lies in the period."""
        days = {"from": max(week, self.first), "to": min(week + WEEK, self.last), "days": ""}
        return self._to("analytics_opportunities", {"event": event, **days, **more})

    def _to(self, name: str, more: Mapping[str, Any], *args: Any) -> str:
        kept = {key: str(value) for key, value in {**self.chosen, **more}.items() if value not in ("", None)}
        address = reverse(name, args=args)
        return f"{address}?{urlencode(kept)}" if kept else address
