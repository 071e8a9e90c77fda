"""Pages of calendars: who may do what, what is shown of a secret, and what a reading says."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from reps.models import CalendarFeed, CalendarSettings, ClosingDay, Rep, User
from reps.services.calendars.feeds import FeedInput, save_feed
from tests.reps.engine.test_calendars import calendar
from tests.reps.servers import send, serving

pytestmark = pytest.mark.django_db
SignIn = Callable[[User | None], Client]
AHEAD = "SUMMARY:Vacation in Rome\nDTSTART;VALUE=DATE:20991224\nDTEND;VALUE=DATE:20991227"


def soon(title: str = "Vacation in Rome") -> str:
    day = timezone.now().date() + datetime.timedelta(days=5)
    return f"SUMMARY:{title}\nDTSTART;VALUE=DATE:{day:%Y%m%d}"


@pytest.fixture
def feed(ana: Rep, omar: User) -> CalendarFeed:
    given = FeedInput(kind="upload", name="Work", content=calendar(soon(), soon("Standup")))
    return save_feed(rep=ana, given=given, by=omar, at=timezone.now())


def file(content: bytes) -> SimpleUploadedFile:
    return SimpleUploadedFile("a.ics", content, "text/calendar")


@pytest.mark.parametrize(
    ("name", "roles"),
    [
        ("rep_calendars", {"Ana", "Ben", "Omar", "Nia", "Ada"}),
        ("calendar_new", {"Ana", "Ben", "Omar", "Ada"}),
        ("calendar", {"Ana", "Ben", "Omar", "Ada"}),
        ("calendar_rules", {"Omar", "Ada"}),
        ("closing_days", {"Ana", "Ben", "Omar", "Nia", "Ada", "Cara"}),
        ("closing_day_new", {"Omar", "Ada"}),
    ],
)
def test_who_opens_what(
    name: str, roles: set[str], feed: CalendarFeed, ana: Rep, ben: User, cara: Rep, omar: User, nia: User, ada: User,
    client: Client,
) -> None:  # fmt: skip
    records: dict[str, list[int]] = {
        "rep_calendars": [ana.pk],
        "calendar_new": [ana.pk],
        "calendar": [feed.pk],
    }
    arguments: list[Any] = [*records.get(name, []), *(["address"] if name == "calendar_new" else [])]
    opened = set()
    for user in (ana.user, ben, cara.user, omar, nia, ada):
        assert user is not None
        client.force_login(user)
        code = client.get(reverse(name, args=arguments)).status_code
        assert code in (200, 403, 404)
        if code == 200:
            opened.add(user.name)
    assert opened == roles


@pytest.mark.parametrize("name", ["calendar_read", "calendar_try", "calendar_delete"])
def test_another_rep_and_an_analyst_may_not(
    name: str, feed: CalendarFeed, cara: Rep, nia: User, as_user: SignIn
) -> None:
    assert as_user(cara.user).post(reverse(name, args=[feed.pk])).status_code == 404
    assert as_user(nia).post(reverse(name, args=[feed.pk])).status_code == 403
    assert CalendarFeed.objects.filter(pk=feed.pk, last_tried_at=None).exists()


def test_a_rep_uploads_reads_and_removes(ana: Rep, as_user: SignIn) -> None:
    browser = as_user(ana.user)
    address = reverse("calendar_new", args=[ana.pk, "upload"])
    refused = browser.post(address, {"name": "Mine", "file": file(b"<html>")})
    assert refused.status_code == 422
    assert "This is not a calendar file" in refused.content.decode()
    assert browser.post(address, {"name": "Mine"}).status_code == 422
    page = browser.post(
        address, {"name": "Mine", "file": file(calendar(soon()))}, follow=True
    ).content.decode()
    assert "Read: 1 event, 1 absence ahead." in page
    assert "Rome" not in page
    feed = ana.feeds.get()
    assert browser.post(reverse("calendar", args=[feed.pk]), {"name": "Renamed"}).status_code == 302
    assert ana.feeds.get().name == "Renamed"
    browser.post(reverse("calendar_delete", args=[feed.pk]))
    assert (ana.feeds.count(), ana.absences.count()) == (0, 0)


def test_an_address_is_shown_by_its_server_only(ana: Rep, ben: User, as_user: SignIn, settings: Any) -> None:
    settings.CALENDAR_ALLOW_PRIVATE = True
    with serving(lambda handler: send(handler, b"", 404)) as address:
        browser = as_user(ben)
        page = browser.post(
            reverse("calendar_new", args=[ana.pk, "address"]),
            {"name": "Work", "address": f"{address}/private-token/basic.ics", "password": "hunter2hunter2"},
            follow=True,
        ).content.decode()
    assert (
        "It could not be read: The server says 404: there is no calendar at this address (any more)." in page
    )
    assert "Could never be read" in page
    edit = browser.get(reverse("calendar", args=[ana.feeds.get().pk])).content.decode()
    for shown in (page, edit, browser.get(reverse("rep", args=[ana.pk])).content.decode()):
        assert "private-token" not in shown
        assert "hunter2" not in shown
    assert "127.0.0.1" in page


def test_what_counts_shows_titles_to_their_owner_only(
    feed: CalendarFeed, ana: Rep, ben: User, as_user: SignIn
) -> None:
    address = reverse("calendar_try", args=[feed.pk])
    own = as_user(ana.user).post(address).content.decode()
    assert "Vacation in Rome" in own
    assert "Standup" in own
    assert "no word of those that count" in own
    others = as_user(ben).post(address).content.decode()
    assert "Rome" not in others
    assert "title hidden" in others
    assert CalendarFeed.objects.get(pk=feed.pk).last_tried_at is None


def test_settings_take_words_by_line(omar: User, feed: CalendarFeed, as_user: SignIn) -> None:
    browser = as_user(omar)
    page = browser.get(reverse("calendar_rules"))
    values = {
        name: value for name, value in page.context["form"].initial.items() if not isinstance(value, list)
    }
    values = {name: value for name, value in values.items() if value is not False}
    values["vacation_words"] = "fishing\n  long   weekend \nfishing"
    assert browser.post(reverse("calendar_rules"), values).status_code == 302
    assert CalendarSettings.objects.get().vacation_words == ["fishing", "long weekend"]
    wrong = browser.post(reverse("calendar_rules"), values | {"every_minutes": 1, "vacation_words": "*"})
    assert wrong.status_code == 422
    assert set(wrong.context["form"].errors) == {"every_minutes", "vacation_words"}


def test_closing_days_are_made_and_removed(omar: User, as_user: SignIn) -> None:
    browser = as_user(omar)
    values = {
        "name": "Between the years",
        "first_day": "2026-12-28",
        "last_day": "2026-12-27",
        "country": "DE",
    }
    refused = browser.post(reverse("closing_day_new"), values)
    assert refused.context["form"].errors["last_day"] == ["This must not be before the first day."]
    browser.post(reverse("closing_day_new"), values | {"last_day": "2026-12-31"})
    closing = ClosingDay.objects.get()
    assert "Germany" in browser.get(reverse("closing_days")).content.decode()
    browser.post(reverse("closing_day_delete", args=[closing.pk]))
    assert not ClosingDay.objects.exists()


@pytest.mark.parametrize("count", [1, 30])
def test_lists_ask_the_same_number_of_queries(
    count: int, ana: Rep, omar: User, as_user: SignIn, django_assert_num_queries: Any
) -> None:
    now = timezone.now()
    for number in range(count):
        ClosingDay.objects.create(name=f"{number}", first_day=now.date(), last_day=now.date(), country="DE")
        CalendarFeed.objects.create(
            rep=ana, name=f"{number}", kind="address", failures=1, failing_since=now, updated_at=now
        )
    browser = as_user(omar)
    for address, queries in (
        (reverse("closing_days"), 3),
        (reverse("calendar_rules"), 5),
        (reverse("rep_calendars", args=[ana.pk]), 8),
    ):
        browser.get(address)
        with django_assert_num_queries(queries):
            assert browser.get(address, headers={"HX-Request": "true"}).status_code == 200


def test_the_history_of_the_profile_names_calendars_without_secrets(
    ana: Rep, ben: User, as_user: SignIn
) -> None:
    given = FeedInput(
        "caldav", "Home", address="https://dav.example/u/123", username="ana", password="hunter2"
    )
    save_feed(rep=ana, given=given, by=ben, at=timezone.now())
    assert ana.changes.get().changes == {"calendars": ["", "Home, dav.example, ana"]}
