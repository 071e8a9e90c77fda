"""Two calendars of the demo: an uploaded vacation each, among meetings that do not count."""

import datetime

from reps.models import Rep, User
from reps.services.calendars.feeds import FeedInput, save_feed
from reps.services.calendars.reading import Network
from reps.services.calendars.sync import read_one

FILE = """BEGIN:VCALENDAR
VERSION:2.0
PRODID:-//Demo//EN
BEGIN:VEVENT
UID:vacation-{key}@demo.example
DTSTAMP:{stamp:%Y%m%dT%H%M%SZ}
SUMMARY:Vacation
DTSTART;VALUE=DATE:{first:%Y%m%d}
DTEND;VALUE=DATE:{last:%Y%m%d}
END:VEVENT
BEGIN:VEVENT
UID:standup-{key}@demo.example
DTSTAMP:{stamp:%Y%m%dT%H%M%SZ}
SUMMARY:Team stand-up
DTSTART:{first:%Y%m%d}T090000
DURATION:PT15M
RRULE:FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR
END:VEVENT
BEGIN:VEVENT
UID:dayoff-{key}@demo.example
DTSTAMP:{stamp:%Y%m%dT%H%M%SZ}
SUMMARY:Day off
DTSTART;VALUE=DATE:{later:%Y%m%d}
RRULE:FREQ=MONTHLY;COUNT=6
END:VEVENT
END:VCALENDAR
"""


def make_calendars(reps: list[Rep], by: User, now: datetime.datetime) -> None:
    """The first of the reps is on vacation in two weeks, the second in five."""
    for weeks, rep in zip((2, 5), reps, strict=False):
        first = now.date() + datetime.timedelta(weeks=weeks)
        text = FILE.format(
            key=rep.pk,
            stamp=now,
            first=first,
            last=first + datetime.timedelta(days=9),
            later=first + datetime.timedelta(weeks=4),
        )
        given = FeedInput(kind="upload", name="Work", content=text.replace("\n", "\r\n").encode())
        feed = save_feed(rep=rep, given=given, by=by, at=now)
        read_one(feed_id=feed.pk, at=now, network=Network())
