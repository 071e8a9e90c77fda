"""Which days are nobody's, or one rep's, working days: public holidays and the organisation's closing days."""

import datetime
from typing import TYPE_CHECKING

from reps.engine.holidays import days_between, public_holidays
from reps.models import ClosingDay

if TYPE_CHECKING:
    from reps.models import Rep


class DaysOff:
    """Days off from the first to the last day; one query for the closing days, and each country worked out once."""

    def __init__(self, first: datetime.date, last: datetime.date) -> None:
        self.first, self.last = first, last
        self._closing = list(ClosingDay.objects.filter(first_day__lte=last, last_day__gte=first))
        self._found: dict[tuple[str, str], dict[datetime.date, str]] = {}

    def named(self, rep: "Rep") -> dict[datetime.date, str]:
        """Date → name, in order."""
        key = rep.country, rep.subdivision
        if key not in self._found:
            days = public_holidays(*key, self.first, self.last)
            for closing in self._closing:
                if closing.country in ("", rep.country):
                    first, last = max(closing.first_day, self.first), min(closing.last_day, self.last)
                    days |= dict.fromkeys(days_between(first, last), closing.name)
            self._found[key] = dict(sorted(days.items()))
        return self._found[key]

    def of(self, rep: "Rep") -> frozenset[datetime.date]:
        return frozenset(self.named(rep))
