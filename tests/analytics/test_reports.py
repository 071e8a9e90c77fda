"""Reports: when they are due, what they say, that each is made and sent once, and who may read them."""

import datetime
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection, transaction
from django.test import Client
from django.urls import reverse

from analytics.models import Alarm, DaySum, Report, TouchSum
from analytics.queries.report_lines import TO_DO, Line, lines_of
from analytics.services import reports
from analytics.services.gaps import note_fall_throughs
from crm.models import Opportunity
from reps.models import OverCapacity, Rep, Team, User
from routing.engine.notices import Slot
from routing.models import Delivery, FirstTouchClock, Notification, OutboxMessage, Policy, QueueItem
from routing.queries.notification_settings import kinds_for, settings_of
from routing.services import outbox
from routing.services.decisions import route
from routing.services.delivery import texts
from routing.services.notification_settings import save_wishes
from tests.conftest import NOW

pytestmark = pytest.mark.django_db
Make = Callable[..., Opportunity]
HOUR, DAY = datetime.timedelta(hours=1), datetime.timedelta(days=1)
AT_8 = NOW.replace(hour=8)  # a Monday
Kind = Report.Kind
MANY_QUERIES = 16  # of a daily report, whatever waits


@pytest.fixture(autouse=True)
def has_mail(settings: Any) -> None:
    settings.MAIL_URL = "mailto://127.0.0.1:1?from=routing@example.com"
    settings.BASE_URL = "https://routing.example.com"


@pytest.fixture
def suggested(ana: Rep, ben: User, make_opportunity: Make) -> QueueItem:
    """A suggestion for Ana that waits since noon, past its target from one o'clock on."""
    opportunity = make_opportunity()
    route(opportunity_id=opportunity.pk, at=NOW)
    QueueItem.objects.update(touch_due_at=NOW + HOUR, waiting_since=NOW)
    return QueueItem.objects.get()


def make(user: User, kind: Kind = Kind.DAILY, at: datetime.datetime = AT_8) -> dict[str, Line]:
    """The lines of a report made for a slot of that moment, by key."""
    assert reports.make_report(user=user, kind=kind, slot=Slot(at, at.date()), at=at)
    return {
        line.key: line for line in lines_of(Report.objects.get(user=user, kind=kind, day=at.date()).content)
    }


class TestWhenDue:
    def test_daily_for_managers_and_weekly_for_those_who_answer_alarms(
        self, ana: Rep, ben: User, omar: User, nia: User, ada: User
    ) -> None:
        assert reports.make_due(at=AT_8 - HOUR) == 0
        assert reports.make_due(at=AT_8) == 4
        found = set(Report.objects.values_list("user__name", "kind"))
        assert found == {("Ben", "daily"), ("Omar", "weekly"), ("Nia", "weekly"), ("Ada", "weekly")}
        assert reports.make_due(at=AT_8 + HOUR) == 0

    def test_daily_on_each_working_day_weekly_on_the_first(self, ben: User, omar: User) -> None:
        for day in range(8):
            reports.make_due(at=AT_8 + day * DAY)
        days = Report.objects.filter(kind="daily").values_list("day", flat=True)
        assert sorted(day.weekday() for day in days) == [0, 0, 1, 2, 3, 4]
        assert Report.objects.filter(kind="weekly").count() == 2

    def test_late_where_no_worker_ran_but_not_on_another_day(self, ben: User, omar: User) -> None:
        assert reports.make_due(at=AT_8 + 15 * HOUR) == 1  # the daily one is over, the weekly one is not
        assert Report.objects.get().kind == "weekly"

    def test_in_the_readers_time_zone_and_at_the_readers_hour(self, ben: User, omar: User) -> None:
        User.objects.filter(pk=ben.pk).update(time_zone="America/New_York")
        User.objects.filter(pk=omar.pk).update(time_zone="Pacific/Auckland")
        ben.refresh_from_db()
        assert (
            reports.make_due(at=AT_8 + 3 * HOUR) == 1
        )  # in Auckland it has been Monday since noon yesterday
        assert reports.make_due(at=AT_8 + 5 * HOUR) == 1  # 13:00 UTC is 8:00 in New York
        wishes = settings_of(ben)
        wishes.digest_at, wishes.digest_days = datetime.time(7), [1]
        save_wishes(wishes=wishes, at=AT_8)
        assert reports.make_due(at=AT_8 + DAY + 3 * HOUR) == 0
        assert reports.make_due(at=AT_8 + DAY + 4 * HOUR) == 1
        assert Report.objects.get(user=omar).day == datetime.date(2026, 3, 2)

    def test_when_the_clocks_change_it_stays_at_eight(self, ben: User) -> None:
        User.objects.filter(pk=ben.pk).update(time_zone="Europe/Berlin")
        friday = datetime.datetime(2026, 3, 27, 7, tzinfo=datetime.UTC)  # 8:00 in winter time
        monday = datetime.datetime(2026, 3, 30, 6, tzinfo=datetime.UTC)  # 8:00 in summer time
        assert [reports.make_due(at=friday - HOUR), reports.make_due(at=friday)] == [0, 1]
        assert [reports.make_due(at=monday - HOUR), reports.make_due(at=monday)] == [0, 1]

    def test_in_the_hour_that_is_skipped_and_the_one_that_comes_twice(self, ben: User) -> None:
        User.objects.filter(pk=ben.pk).update(time_zone="Europe/Berlin")
        ben.refresh_from_db()
        wishes = settings_of(ben)
        wishes.digest_at, wishes.digest_days = datetime.time(2, 30), [6]
        save_wishes(wishes=wishes, at=NOW)
        for day in (datetime.date(2026, 3, 29), datetime.date(2026, 10, 25)):
            midnight = datetime.datetime.combine(day, datetime.time(), datetime.UTC)
            made = [reports.make_due(at=midnight + minutes * HOUR / 2) for minutes in range(8)]
            assert sum(made) == 1
        assert Report.objects.count() == 2

    def test_nobody_who_has_left_and_no_rep(self, ana: Rep, ben: User) -> None:
        User.objects.filter(pk=ben.pk).update(is_active=False)
        assert reports.make_due(at=AT_8) == 0


class TestDaily:
    def test_nothing_to_do_is_on_the_page_and_is_not_sent(self, ana: Rep, ben: User) -> None:
        make(ben)
        report = Report.objects.get()
        assert report.said == "Nothing to do: nothing waits too long, nobody is over capacity."
        assert not report.is_told
        assert not OutboxMessage.objects.filter(topic="report.daily").exists()

    def test_suggestions_past_their_target(self, ben: User, suggested: QueueItem) -> None:
        line = make(ben, at=NOW + 3 * HOUR)["suggestions"]
        assert line.title == "1 suggestion past the first-touch target"
        assert line.text == "1 suggestion waits for a decision, the oldest for 3 hours."
        assert line.url == "/queue/?kind=suggestion&target=late&order=due"
        assert line.state == TO_DO

    def test_unassigned_by_cause_with_the_oldest(
        self, ana: Rep, ben: User, one_policy: None, publish: Callable[[], int], make_opportunity: Make
    ) -> None:
        Rep.objects.filter(pk=ana.pk).update(own_max_open=1, load=1)
        Policy.objects.update(fallback=["hold"])
        publish()
        for name in ("Northwind", "Contoso"):
            route(opportunity_id=make_opportunity(name).pk, at=NOW)
        note_fall_throughs(at=NOW + HOUR)
        QueueItem.objects.update(team=ana.team)
        line = make(ben, at=NOW + 3 * DAY)["unassigned"]
        assert line.title == "2 opportunities unassigned"
        assert line.text == ("The oldest has waited 3 days. 2 held, since nobody was a match.")
        assert line.url == "/queue/?kind=held"
        assert sum(int(item.text.partition(":")[0]) for item in line.items) == 2

    def test_who_is_over_capacity_since_when(self, ana: Rep, cara: Rep, ben: User) -> None:
        for rep in (ana, cara):
            Rep.objects.filter(pk=rep.pk).update(load=12)
            OverCapacity.objects.create(rep=rep, began_at=NOW - 3 * DAY, load=11, max_open=10)
        line = make(ben)["over_capacity"]
        assert line.title == "1 rep over capacity"
        assert [item.text for item in line.items] == ["Ana: 12 of 10 open, since 27 Feb"]
        assert line.items[0].url == reverse("rep", args=[ana.pk])

    def test_first_touches_missed_and_late(
        self, ana: Rep, ben: User, assign_at_once: None, make_opportunity: Make
    ) -> None:
        for name, touched in (("Missed", 3), ("In time", 1), ("Late", None)):
            opportunity = make_opportunity(name)
            route(opportunity_id=opportunity.pk, at=NOW)
            clock, _ = FirstTouchClock.objects.get_or_create(
                assignment=opportunity.assignments.get(),
                defaults={"opportunity": opportunity, "policy_name": "Any", "terms": {}},
            )
            clock.due_at, clock.state = NOW + 2 * HOUR, "touched" if touched else "running"
            clock.ended_at = NOW + touched * HOUR if touched else None
            clock.save()
            if touched:
                Opportunity.objects.filter(pk=opportunity.pk).update(first_touch_at=clock.ended_at)
        lines = make(ben, at=NOW + 20 * HOUR)
        assert lines["missed"].title == "2 first touches missed since Mon 2 Mar"
        assert lines["late"].title == "1 first touch late at this moment"
        assert [item.text for item in lines["late"].items] == ["Ana: 1"]

    def test_suggestions_out_of_date_say_why(self, ana: Rep, ben: User, suggested: QueueItem) -> None:
        Rep.objects.filter(pk=ana.pk).update(left_at=NOW)
        line = make(ben, at=NOW + HOUR)["out_of_date"]
        assert line.title == "1 suggestion out of date"
        assert [item.text for item in line.items] == ["Northwind: Ana has left"]

    def test_what_changed_since_the_last_one(self, ben: User, suggested: QueueItem) -> None:
        assert "than on" not in make(ben, at=NOW + 2 * HOUR)["suggestions"].text
        assert make(ben, at=NOW + 2 * HOUR + DAY)["suggestions"].text.endswith(" As many as on Mon 2 Mar.")
        QueueItem.objects.update(touch_due_at=None)
        make(ben, at=NOW + 2 * HOUR + 2 * DAY)
        QueueItem.objects.update(touch_due_at=NOW)
        line = make(ben, at=NOW + 2 * HOUR + 3 * DAY)["suggestions"]
        assert line.text.endswith(" 1 more than on Wed 4 Mar.")

    def test_of_the_own_teams_only(self, suggested: QueueItem, west: Team) -> None:
        other = User.objects.create_user("x@example.com", "x", name="Xen", role=User.Role.MANAGER)
        west.managers.add(other)
        make(other, at=NOW + 3 * HOUR)
        assert not Report.objects.get().is_told

    @pytest.mark.parametrize("number", [1, 30])
    def test_in_as_many_queries_whatever_waits(
        self, ana: Rep, ben: User, make_opportunity: Make, number: int, django_assert_num_queries: Any
    ) -> None:
        Rep.objects.filter(pk=ana.pk).update(own_max_open=100)
        for place in range(number):
            route(opportunity_id=make_opportunity(f"Lead {place}").pk, at=NOW)
        slot = Slot(AT_8 + DAY, NOW.date())
        with django_assert_num_queries(MANY_QUERIES):
            reports.make_report(user=ben, kind=Kind.DAILY, slot=slot, at=AT_8 + DAY)


class TestWeekly:
    def test_without_figures_it_says_so_and_is_sent(self, omar: User) -> None:
        lines = make(omar, Kind.WEEKLY)
        assert list(lines) == [
            "lift", "overrides", "fall_through", "touch_real_time", "touch_batch", "capacity"
        ]  # fmt: skip
        assert lines["overrides"].text == "Nothing to count in this week."
        report = Report.objects.get()
        assert report.said == "The week 23 Feb to 1 Mar, nothing beyond its target by more than chance."
        assert report.is_told

    def test_against_the_week_before_and_the_target(self, omar: User) -> None:
        for day, hits, known in (
            (datetime.date(2026, 2, 25), 60, 200),
            (datetime.date(2026, 2, 18), 20, 200),
        ):
            DaySum.objects.create(
                day=day, by="all", event="judged", kind="lead", path="model", mode="real_time",
                count=known, known=known, hits=hits, scored=0, score_sum=0, value_sum=0,
            )  # fmt: skip
        line = make(omar, Kind.WEEKLY)["overrides"]
        assert line.state == TO_DO
        assert line.text.replace("\N{NO-BREAK SPACE}", " ") == (
            "30 % of 200 (24 to 37). Clearly over its target of 15 %. +20.0 points against the week before."
        )
        assert Report.objects.get().said == "The week 23 Feb to 1 Mar, beyond target: override rate."

    def test_medians_of_first_touches_with_their_bounds(self, omar: User) -> None:
        for day, factor in ((datetime.date(2026, 2, 24), 1), (datetime.date(2026, 2, 17), 4)):
            TouchSum.objects.bulk_create(
                TouchSum(day=day, mode="real_time", kind="lead", seconds=factor * seconds, count=10)
                for seconds in range(400, 600, 10)
            )
        line = make(omar, Kind.WEEKLY)["touch_real_time"]
        assert line.state == TO_DO
        assert line.text.replace("\N{NO-BREAK SPACE}", " ") == (
            "Median 8.2 min of 200 (8 min to 8.5 min), target under 5 min. 33 min the week before."
        )

    def test_names_the_alarms_that_are_on(self, omar: User) -> None:
        Alarm.objects.create(kind="coverage", began_at=NOW, evidence={"said": "Less was routed."})
        line = make(omar, Kind.WEEKLY)["alarm_coverage"]
        assert (line.title, line.text) == (
            "Alarm: Less is routed by the model than should be",
            "Less was routed.",
        )
        assert Report.objects.get().said.startswith("The week 23 Feb to 1 Mar, 1 alarm on;")

    def test_lift_says_which_comparison_it_is(self, omar: User) -> None:
        for path, hits in (("model", 60), ("person", 40)):
            for day in (datetime.date(2026, 2, 25), datetime.date(2026, 2, 18)):
                DaySum.objects.create(
                    day=day, by="source", key="Web", event="closed", kind="lead", path=path, mode="real_time",
                    count=100, known=100, hits=hits, scored=0, score_sum=0, value_sum=0,
                )  # fmt: skip
        line = make(omar, Kind.WEEKLY)["lift"]
        assert line.title == "Lift, adjusted"
        assert line.text.replace("\N{NO-BREAK SPACE}", " ") == (
            "Over the last 12 weeks, like with like, the model’s win 20.0 points more (+10.2 to +29.8) than people’s. "
            "A week before it was +20.0 points. This is an adjusted comparison, not an experiment."
        )


class TestOnce:
    def test_killed_before_its_commit_it_is_made_anew(self, ben: User, suggested: QueueItem) -> None:
        at = NOW + 2 * HOUR
        slot = Slot(at, at.date())

        def dies() -> None:
            with transaction.atomic():
                reports.make_report(user=ben, kind=Kind.DAILY, slot=slot, at=at)
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            dies()
        told = OutboxMessage.objects.filter(topic="report.daily")
        assert (Report.objects.count(), told.count()) == (0, 0)
        assert reports.make_report(user=ben, kind=Kind.DAILY, slot=slot, at=at)
        assert not reports.make_report(user=ben, kind=Kind.DAILY, slot=slot, at=at)
        assert (Report.objects.count(), told.count()) == (1, 1)

    @pytest.mark.django_db(transaction=True)
    def test_of_several_workers_one_makes_it(self, ben: User, suggested: QueueItem) -> None:
        at = AT_8 + DAY

        def work() -> int:
            try:
                return reports.make_due(at=at)
            finally:
                connection.close()

        with ThreadPoolExecutor(4) as pool:
            made = list(pool.map(lambda _: work(), range(4)))
        told = OutboxMessage.objects.filter(topic="report.daily").count()
        assert (sum(made), Report.objects.count(), told) == (1, 1, 1)


class TestSent:
    def test_by_email_at_once_with_the_whole_text(self, ben: User, suggested: QueueItem) -> None:
        make(ben, at=NOW + 3 * HOUR)
        outbox.deliver_due(at=NOW + 3 * HOUR)
        line = Notification.objects.get(kind="reports")
        assert line.text == "Your teams today: 1 suggestion past the first-touch target."
        delivery = Delivery.objects.get(notification=line)
        assert (delivery.user, delivery.channel) == (ben, "email")
        subject, body = texts.email_of(delivery, line, ben)
        assert subject == "Your teams today"
        report = Report.objects.get()
        assert body.startswith(
            "Your teams today: 1 suggestion past the first-touch target.\n\n"
            "1 suggestion past the first-touch target: 1 suggestion waits for a decision, the oldest for 3 hours.\n"
            "https://routing.example.com/queue/?kind=suggestion&target=late&order=due\n\n"
            f"https://routing.example.com/analytics/reports/{report.pk}/\n"
        )

    def test_as_the_reader_wants_it(self, ben: User, suggested: QueueItem) -> None:
        wishes = settings_of(ben)
        wishes.choices = {"reports": {"email": "digest", "chat": False}}
        save_wishes(wishes=wishes, at=NOW)
        make(ben, at=NOW + 3 * HOUR)
        outbox.deliver_due(at=NOW + 3 * HOUR)
        assert not Delivery.objects.exists()
        assert Notification.objects.get(kind="reports").awaits_digest

    def test_quiet_hours_hold(self, ben: User, suggested: QueueItem) -> None:
        wishes = settings_of(ben)
        wishes.quiet_from, wishes.quiet_until = datetime.time(14), datetime.time(18)
        save_wishes(wishes=wishes, at=NOW)
        make(ben, at=NOW + 3 * HOUR)
        outbox.deliver_due(at=NOW + 3 * HOUR)
        assert Delivery.objects.get(kind="reports").next_attempt_at == NOW + 6 * HOUR

    def test_analysts_get_it_by_email_if_they_want(self, nia: User, omar: User) -> None:
        assert [settings_of(user).by_email("reports") for user in (omar, nia)] == ["at_once", "never"]

    def test_who_is_a_rep_by_now_is_not_told(self, ben: User, suggested: QueueItem) -> None:
        make(ben, at=NOW + 3 * HOUR)
        outbox.deliver_due(at=NOW + 3 * HOUR)
        ben.role = User.Role.REP
        assert not texts.may_be_told(Notification.objects.get(kind="reports"), ben)

    def test_kinds_that_are_offered(self, ana: Rep, ben: User, omar: User) -> None:
        assert ana.user is not None
        offered = [{"reports", "alarms"} & set(kinds_for(user)) for user in (ana.user, ben, omar)]
        assert offered == [set(), {"reports"}, {"reports", "alarms"}]


class TestPages:
    def test_own_ones_only(self, ben: User, omar: User, as_user: Callable[[User], Client]) -> None:
        make(ben)
        report = Report.objects.get()
        page = as_user(ben).get(f"/analytics/reports/{report.pk}/")
        assert page.status_code == 200
        assert "Nobody over capacity" in page.content.decode()
        assert as_user(omar).get(f"/analytics/reports/{report.pk}/").status_code == 404

    def test_reps_have_none(self, ana: Rep, as_user: Callable[[User], Client]) -> None:
        assert ana.user is not None
        assert as_user(ana.user).get("/analytics/reports/").status_code == 403

    def test_with_a_broken_cursor_is_404(self, ben: User, as_user: Callable[[User], Client]) -> None:
        assert as_user(ben).get("/analytics/reports/?at=x").status_code == 404

    def test_without_any_says_when_they_come(self, ben: User, as_user: Callable[[User], Client]) -> None:
        page = as_user(ben).get("/analytics/reports/").content.decode()
        assert "No report yet" in page
        assert "Made at 08:00 in UTC." in page

    @pytest.mark.parametrize("number", [1, 30])
    def test_lists_one_or_thirty_in_as_many_queries(
        self, ben: User, as_user: Callable[[User], Client], number: int, django_assert_num_queries: Any
    ) -> None:
        for place in range(number):
            make(ben, at=AT_8 + place * DAY)
        browser = as_user(ben)
        browser.get("/analytics/reports/")
        with django_assert_num_queries(8):
            page = browser.get("/analytics/reports/")
        assert page.content.decode().count(">nothing to do<") == number
