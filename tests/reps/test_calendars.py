"""Calendars become absences: what stays, what changes, what a failure leaves alone; with a real CalDAV server."""

import datetime
import json
import time
import zoneinfo
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from caldav.davclient import DAVClient
from django.apps import apps
from django.core.exceptions import ValidationError
from django.core.management import call_command

from benchmarks.calendar import server
from crm.models import Opportunity
from reps.models import Absence, CalendarFeed, Rep, User
from reps.queries.calendars import calendar_settings
from reps.services.absence import mark_back
from reps.services.calendars.caldav import read_events
from reps.services.calendars.feeds import FeedInput, delete_feed, save_calendar_settings, save_feed
from reps.services.calendars.fetching import Credentials, Fetcher, FetchError
from reps.services.calendars.reading import Network, Result
from reps.services.calendars.reading import read as read_request
from reps.services.calendars.sync import claim_due, keep_result, read_due, read_one
from routing.models import Decision, Notification
from routing.queries.explanations import explain
from routing.services.calendar_alarms import tell_of_calendars
from routing.services.decisions import route
from routing.services.outbox import deliver_due
from tests.conftest import NOW
from tests.reps.engine.test_calendars import calendar
from tests.reps.servers import send, serving
from tests.reps.test_fetching import OnlyThisOneIsFine

pytestmark = pytest.mark.django_db
HOUR, DAY = datetime.timedelta(hours=1), datetime.timedelta(days=1)
INSIDE = Network(allows_private=True, seconds=5)


def event(first: str, last: str, title: str = "Vacation") -> str:
    return f"SUMMARY:{title}\nDTSTART:{first}\nDTEND:{last}"


AWAY_NOW = event("20260302T080000Z", "20260304T080000Z")
LATER = event("20260401T000000Z", "20260403T000000Z")


@pytest.fixture
def upload(ana: Rep, omar: User) -> Callable[..., CalendarFeed]:
    """Ana's uploaded calendar with these events, read at NOW."""

    def made(*events: str, feed: CalendarFeed | None = None, at: datetime.datetime = NOW) -> CalendarFeed:
        given = FeedInput(kind="upload", name="File", content=calendar(*events))
        feed = save_feed(rep=ana, given=given, by=omar, at=at, feed=feed)
        assert read_one(feed_id=feed.pk, at=at, network=Network()).error == ""
        return CalendarFeed.objects.get(pk=feed.pk)

    return made


def linked(rep: Rep, address: str, by: User, **given: Any) -> CalendarFeed:
    kind = given.pop("kind", "address")
    given_all = FeedInput(kind=kind, name="Work", address=address, **given)
    return save_feed(rep=rep, given=given_all, by=by, at=NOW)


def read(feed: CalendarFeed, at: datetime.datetime = NOW) -> Result:
    return read_one(feed_id=feed.pk, at=at, network=INSIDE)


# --- what a reading changes ------------------------------------------------------------------------------------------


def test_events_become_absences_and_stay_the_same_rows(upload: Any, ana: Rep) -> None:
    feed = upload(AWAY_NOW, LATER)
    before = list(ana.absences.values_list("pk", "starts_at", "ends_at", "reason", "source"))
    assert [(row[3], row[4]) for row in before] == [("vacation", "calendar")] * 2
    assert (feed.events, feed.absences_ahead, feed.last_error) == (2, 2, "")
    upload(AWAY_NOW, LATER, event("20260420T000000Z", "20260421T000000Z"), feed=feed, at=NOW + HOUR)
    after = list(ana.absences.values_list("pk", "starts_at", "ends_at", "reason", "source"))
    assert after[:2] == before
    assert len(after) == 3


def test_a_longer_event_is_the_same_row_and_a_removed_one_goes_or_ends(upload: Any, ana: Rep) -> None:
    feed = upload(AWAY_NOW, LATER)
    first = ana.absences.first()
    upload(AWAY_NOW.replace("0304T08", "0305T08"), feed=feed, at=NOW + HOUR)
    (left,) = ana.absences.all()
    assert (left.pk, left.ends_at) == (first.pk, datetime.datetime(2026, 3, 5, 8, tzinfo=datetime.UTC))
    upload(event("20260601T000000Z", "20260602T000000Z"), feed=feed, at=NOW + 2 * HOUR)
    over, _ = ana.absences.all()
    assert (over.pk, over.ends_at) == (first.pk, NOW + 2 * HOUR)


def test_what_is_over_stays_as_history(upload: Any, ana: Rep) -> None:
    feed = upload(AWAY_NOW)
    upload(LATER, feed=feed, at=NOW + 10 * DAY)
    assert ana.absences.count() == 2


def test_back_now_stays_back_until_the_calendars_end(upload: Any, ana: Rep) -> None:
    feed = upload(AWAY_NOW)
    assert mark_back(rep=ana, at=NOW + HOUR) == 1
    upload(AWAY_NOW, feed=feed, at=NOW + 2 * HOUR)
    (row,) = ana.absences.all()
    assert row.ends_at == NOW + HOUR
    upload(AWAY_NOW.replace("0304T08", "0306T08"), feed=feed, at=NOW + 3 * HOUR)
    assert list(ana.absences.values_list("starts_at", flat=True))[1] == row.planned_until


def test_an_upload_is_not_parsed_again_on_the_same_day(upload: Any) -> None:
    feed = upload(AWAY_NOW)
    steps = (HOUR, 2 * HOUR, DAY)
    readings = [read_one(feed_id=feed.pk, at=NOW + step, network=Network()).reading for step in steps]
    assert [reading is None for reading in readings] == [True, True, False]


def test_absences_of_others_are_left_alone(upload: Any, ana: Rep, omar: User) -> None:
    own = Absence.objects.create(rep=ana, starts_at=NOW, ends_at=None)
    feed = upload(AWAY_NOW)
    upload(LATER, feed=feed)
    assert Absence.objects.get(pk=own.pk).ends_at is None


def test_removing_a_calendar_ends_what_holds_and_takes_what_is_ahead(
    upload: Any, ana: Rep, omar: User
) -> None:
    delete_feed(feed=upload(AWAY_NOW, LATER), by=omar, at=NOW + HOUR)
    assert list(ana.absences.values_list("ends_at", flat=True)) == [NOW + HOUR]


def test_a_repeating_event_rolls_on(upload: Any, ana: Rep) -> None:
    weekly = "SUMMARY:Day off\nDTSTART;VALUE=DATE:20260306\nRRULE:FREQ=WEEKLY"
    feed = upload(weekly)
    last = ana.absences.last().starts_at
    read(feed, at=NOW + 14 * DAY)
    assert ana.absences.last().starts_at == last + 14 * DAY


# --- failures --------------------------------------------------------------------------------------------------------


def test_a_failure_changes_no_absence_and_alarms_once_an_episode(ana: Rep, ben: User, omar: User) -> None:
    answers = {"status": 200}
    with serving(lambda handler: send(handler, calendar(AWAY_NOW), answers["status"])) as address:
        feed = linked(ana, f"{address}/secret-token.ics", omar)
        assert read(feed).error == ""
        answers["status"] = 401
        for hours in (1, 3, 8, 9):
            read(feed, at=NOW + hours * HOUR)
            tell_of_calendars(at=NOW + hours * HOUR)
        assert ana.absences.get().ends_at == datetime.datetime(2026, 3, 4, 8, tzinfo=datetime.UTC)
        deliver_due(at=NOW + 9 * HOUR)
        told = Notification.objects.order_by("user__name").values_list("user__name", "text")
        text = (
            "Ana's calendar “Work” has not been readable for 7 hours: The server says 401: it does not accept this "
            "user name and password. The absences read before stay; new ones are not seen."
        )
        assert list(told) == [("Ana", text), ("Ben", text)]
        answers["status"] = 200
        read(feed, at=NOW + 10 * HOUR)
        tell_of_calendars(at=NOW + 10 * HOUR)
        tell_of_calendars(at=NOW + 11 * HOUR)
        deliver_due(at=NOW + 11 * HOUR)
        assert Notification.objects.filter(text="Ana's calendar “Work” can be read again.").count() == 2
        answers["status"] = 500
        for hours in (12, 20):
            read(feed, at=NOW + hours * HOUR)
            tell_of_calendars(at=NOW + hours * HOUR)
        deliver_due(at=NOW + 20 * HOUR)
        assert Notification.objects.filter(text__contains="says 500").count() == 2


def test_a_page_instead_of_a_calendar_is_a_failure(ana: Rep, omar: User) -> None:
    with serving(lambda handler: send(handler, b"<html>Sign in</html>")) as address:
        feed = linked(ana, address, omar)
        assert read(feed).error == "This is not a calendar file."  # and nothing of what is there


def test_a_calendar_that_is_empty_all_at_once_is_a_failure_until_it_is_saved_again(
    ana: Rep, omar: User
) -> None:
    answer = {"body": calendar(AWAY_NOW, *[LATER] * 10)}
    with serving(lambda handler: send(handler, answer["body"])) as address:
        feed = linked(ana, address, omar)
        read(feed)
        answer["body"] = calendar()
        assert read(feed, at=NOW + HOUR).error.startswith("The calendar is empty now")
        feed.refresh_from_db()
        assert feed.last_error.startswith("The calendar is empty now and had 11 events before.")
        assert ana.absences.count() == 2
        save_feed(rep=ana, given=FeedInput("address", "Work"), by=omar, at=NOW + HOUR, feed=feed)
        read(feed, at=NOW + 2 * HOUR)
        feed.refresh_from_db()
    assert (feed.last_error, feed.absences_ahead, ana.absences.count()) == ("", 0, 1)


def test_an_event_that_cannot_be_read_any_more_ends_nothing(upload: Any, ana: Rep) -> None:
    feed = upload(AWAY_NOW, LATER)
    broken = upload(AWAY_NOW, LATER.replace("DTSTART:2026", "DTSTART:x"), feed=feed, at=NOW + HOUR)
    assert ana.absences.count() == 2
    assert len(broken.skipped) == 1


def test_failing_calendars_are_asked_less_and_less(ana: Rep, omar: User) -> None:
    with serving(lambda handler: send(handler, b"", 500)) as address:
        feed = linked(ana, address, omar)
        waits = []
        for _ in range(6):
            read(feed)
            feed.refresh_from_db()
            assert feed.next_try_at is not None
            waits.append(int((feed.next_try_at - NOW).total_seconds() / 60))
    assert waits == [15, 30, 60, 120, 120, 120]


def test_private_networks_are_refused_by_default(ana: Rep, omar: User) -> None:
    with serving(lambda handler: send(handler, calendar(AWAY_NOW))) as address:
        feed = linked(ana, address, omar)
        assert "private network" in read_one(feed_id=feed.pk, at=NOW, network=Network()).error


def test_an_unchanged_calendar_is_not_sent_again_on_the_same_day(ana: Rep, omar: User) -> None:
    seen: list[str | None] = []

    def respond(handler: Any) -> None:
        seen.append(handler.headers.get("If-None-Match"))
        send(handler, b"", 304) if seen[-1] == '"1"' else send(handler, calendar(AWAY_NOW), ETag='"1"')

    with serving(respond) as address:
        feed = linked(ana, address, omar)
        results = [read(feed, at=NOW + step).reading for step in (0 * HOUR, HOUR, DAY)]
    assert [reading is None for reading in results] == [False, True, False]
    assert seen == [None, '"1"', None]


def test_a_feed_is_claimed_by_one_worker(ana: Rep, omar: User) -> None:
    feed = linked(ana, "https://calendar.example/a.ics", omar)
    assert [request.feed_id for request in claim_due(at=NOW, most=10)] == [feed.pk]
    assert claim_due(at=NOW, most=10) == []
    assert len(claim_due(at=NOW + HOUR, most=10)) == 1  # its worker died


def test_what_somebody_changed_while_it_was_read_is_not_overwritten(ana: Rep, omar: User) -> None:
    with serving(lambda handler: send(handler, calendar(AWAY_NOW))) as address:
        feed = linked(ana, address, omar)
        (request,) = claim_due(at=NOW, most=1)
        given = FeedInput(kind="address", name="Other", address="https://calendar.example/b.ics")
        save_feed(rep=ana, given=given, by=omar, at=NOW + HOUR, feed=feed)
        keep_result(request=request, result=read_request(request, INSIDE), at=NOW)
    assert ana.absences.count() == 0


def test_many_calendars_of_slow_servers_are_read_side_by_side(ana: Rep, omar: User) -> None:
    def slow(handler: Any) -> None:
        time.sleep(0.5)
        send(handler, calendar(AWAY_NOW))

    with serving(slow) as one, serving(slow) as two:
        for number in range(8):
            linked(ana, f"{(one, two)[number % 2]}/{number}", omar)
        began = time.monotonic()
        synced = read_due(at=NOW, network=INSIDE)
        took = time.monotonic() - began
    assert synced.worked == 8
    assert took < 3  # one after the other: 4 s


def test_the_command_says_what_is_broken_and_exits_with_1(
    upload: Any, ana: Rep, omar: User, capsys: pytest.CaptureFixture[str]
) -> None:
    upload(LATER)
    call_command("sync_calendars", "--json")
    assert json.loads(capsys.readouterr().out)["failed"] == 0
    linked(ana, "http://127.0.0.1:9/token.ics", omar)
    with pytest.raises(SystemExit) as ended:
        call_command("sync_calendars", "--all", "--json")
    said = capsys.readouterr()
    assert ended.value.code == 1
    assert json.loads(said.out)["failed"] == 1
    assert "Ana, Work: 127.0.0.1 is in a private network." in said.err
    assert "token" not in said.err + said.out


def test_countries_become_codes_where_their_name_is_clear(ana: Rep, bo: Rep) -> None:
    Rep.objects.filter(pk=ana.pk).update(country="Germany")
    Rep.objects.filter(pk=bo.pk).update(country="The Moon")
    import_module("reps.migrations.0014_countries_as_codes").name_codes(apps, None)
    assert list(Rep.objects.order_by("pk").values_list("country", flat=True)) == ["DE", "The Moon"]


# --- secrets ---------------------------------------------------------------------------------------------------------


def test_address_and_password_are_sealed_and_another_server_never_gets_the_password(
    ana: Rep, omar: User
) -> None:
    feed = linked(
        ana, "https://dav.example/x", omar, kind="caldav", username="ana", password="hunter2hunter2"
    )
    assert b"hunter2" not in bytes(feed.sealed)
    assert b"dav.example/x" not in bytes(feed.sealed)
    assert "hunter2hunter2" not in repr(claim_due(at=NOW, most=1))
    elsewhere = FeedInput(kind="caldav", name="Work", address="https://evil.example/", username="ana")
    with pytest.raises(ValidationError, match="needs a user name and a password"):
        save_feed(rep=ana, given=elsewhere, by=omar, at=NOW, feed=feed)
    save_feed(
        rep=ana, given=FeedInput(kind="caldav", name="New name", username="ana"), by=omar, at=NOW, feed=feed
    )


def test_another_secret_key_says_so(ana: Rep, omar: User, settings: Any) -> None:
    feed = linked(ana, "https://dav.example/x", omar)
    settings.SECRET_KEY = "another"
    assert "another SECRET_KEY" in read(feed).error


def test_an_upload_that_is_no_calendar_is_refused(ana: Rep, omar: User) -> None:
    with pytest.raises(ValidationError) as error:
        save_feed(rep=ana, given=FeedInput("upload", "F", content=b"name,date\n"), by=omar, at=NOW)
    assert error.value.message_dict["file"][0].startswith(
        "This is not a calendar file. It begins with “name,date”"
    )


def test_other_settings_read_everything_anew(upload: Any, ana: Rep, omar: User) -> None:
    feed = upload(AWAY_NOW)
    settings = calendar_settings()
    settings.vacation_words = ["fishing"]
    save_calendar_settings(settings=settings, by=omar)
    read_due(at=NOW + HOUR, network=Network(), clock=lambda: NOW + HOUR)
    assert ana.absences.get().ends_at == NOW + HOUR
    assert CalendarFeed.objects.get(pk=feed.pk).absences_ahead == 0


# --- CalDAV ----------------------------------------------------------------------------------------------------------


def test_an_event_made_by_a_client_makes_the_rep_away_for_the_router(
    tmp_path: Path,
    ana: Rep,
    bo: Rep,
    omar: User,
    make_opportunity: Callable[..., Opportunity],
    assign_at_once: None,
) -> None:
    zone = zoneinfo.ZoneInfo("Europe/Berlin")
    ana.time_zone = "Europe/Berlin"
    ana.save()
    with server(tmp_path, "ana", "secret") as address:
        client: Any = DAVClient(url=address, username="ana", password="secret")
        book = client.principal().make_calendar(name="Work")
        made = book.add_event(
            dtstart=datetime.datetime(2026, 3, 2, 9, tzinfo=zone),
            dtend=datetime.datetime(2026, 3, 6, 18, tzinfo=zone),
            summary="Vacation",
        )
        feed = linked(ana, address, omar, kind="caldav", username="ana", password="secret")
        assert read(feed).error == ""
        opportunity = make_opportunity(industry="Healthcare")
        route(opportunity_id=opportunity.pk, at=NOW)
        opportunity.refresh_from_db()
        assert opportunity.owner == bo
        assert any("1 away" in line.sentence for line in explain(Decision.objects.get()).lines)
        again = read(feed, at=NOW + HOUR)
        assert (again.reading, again.error) == (None, "")  # unchanged by its tag
        made.delete()
        assert read(feed, at=NOW + 2 * HOUR).error == ""
        assert ana.absences.get().ends_at == NOW + 2 * HOUR
        wrong = linked(ana, address, omar, kind="caldav", username="ana", password="wrong")
        assert read(wrong).error.startswith("The server says 401: it does not accept")
        single = linked(ana, str(book.url), omar, kind="caldav", username="ana", password="secret")
        assert read(single).error == ""


def test_a_caldav_server_that_names_a_private_address_is_not_followed(ana: Rep, omar: User) -> None:
    asked: list[str] = []

    def evil(handler: Any) -> None:
        body = (
            b'<d:multistatus xmlns:d="DAV:"><d:response><d:href>/</d:href><d:propstat><d:prop>'
            b"<d:current-user-principal><d:href>http://10.0.0.5/admin</d:href></d:current-user-principal>"
            b"</d:prop><d:status>HTTP/1.1 200 OK</d:status></d:propstat></d:response></d:multistatus>"
        )
        send(handler, body, 207)

    def resolver(host: str, port: int) -> list[str]:
        asked.append(host)
        return ["127.0.0.1"] if host == "calendar.example" else [host]

    with serving(evil) as address:
        url = f"http://calendar.example:{address.rsplit(':', 1)[1]}/"
        fetcher = OnlyThisOneIsFine.within(5, resolve=resolver)
        with pytest.raises(FetchError, match=r"10\.0\.0\.5 is in a private network"):
            read_events(
                fetcher, Credentials("https://elsewhere.example", "a", "b"), first=NOW, last=NOW + DAY
            ) if (False) else read_events(fetcher, WithoutPassword(url), first=NOW, last=NOW + DAY)
    assert asked[-1] == "10.0.0.5"


class WithoutPassword(Credentials):
    """Over http none would be sent at all; here the question is where we go."""

    def __init__(self, address: str) -> None:
        super().__init__(address, "", "")

    def fit(self, target: Any) -> bool:
        return False


@pytest.mark.parametrize("bomb", [True, False])
def test_an_answer_with_entities_is_refused(bomb: bool) -> None:
    body = b'<!DOCTYPE d [<!ENTITY a "b">]><d/>' if bomb else b"no xml"
    with serving(lambda handler: send(handler, body, 207)) as address:
        fetcher = Fetcher.within(5, allows_private=True)
        with pytest.raises(FetchError, match="cannot be read"):
            read_events(fetcher, Credentials(address, "a", "b"), first=NOW, last=NOW + DAY)
