"""Calendar months."""

import datetime


def month_after(day: datetime.date) -> datetime.date:
    """The first day of the month after that of the day."""
    return (day.replace(day=1) + datetime.timedelta(days=32)).replace(day=1)
