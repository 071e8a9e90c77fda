"""Who is told about profiles, and that everybody is told once."""

import datetime

import pytest
from django.utils import timezone

from reps.models import ProfileReminder, Rep, User
from reps.queries import organisation
from reps.services.profiles import Tag
from reps.services.proposals import approve_proposal, propose_expertise
from reps.services.reviews import note_review
from routing.models import Notification
from routing.services import outbox
from routing.services.profile_notices import remind_of_reviews, tell_of_proposals

pytestmark = pytest.mark.django_db
FRIDAY = datetime.datetime(2026, 10, 2, 1, tzinfo=datetime.UTC)
DAY = datetime.timedelta(days=1)


@pytest.fixture
def team(ana: Rep, bo: Rep, cara: Rep, ben: User) -> None:
    Rep.objects.update(created_at=FRIDAY - 200 * DAY)


def told(user: User) -> list[tuple[str, str]]:
    outbox.deliver_due(at=timezone.now() + 4000 * DAY)
    return [(note.path, note.text) for note in Notification.objects.filter(user=user).order_by("pk")]


def test_reminded_once_in_a_period_and_not_at_a_weekend(team: None, ana: Rep, ben: User) -> None:
    note_review(rep=ana, by=ben, at=FRIDAY - DAY)
    assert remind_of_reviews(at=FRIDAY + DAY) == 0  # Saturday
    assert remind_of_reviews(at=FRIDAY) == 3  # Ben of Bo; Bo and Cara of their own; Ana was just reviewed
    assert [remind_of_reviews(at=FRIDAY + days * DAY) for days in (0, 3, 60)] == [0, 0, 0]
    ((path, text),) = told(ben)
    assert path == "/reps/review/"
    assert text.startswith("1 of 2 profiles of your team is due for review")
    assert remind_of_reviews(at=FRIDAY + 101 * DAY) == 4  # a Monday of the next quarter
    assert ProfileReminder.objects.count() == 7


def test_who_confirmed_is_not_reminded_of_the_own(team: None, bo: Rep, ben: User) -> None:
    assert bo.user
    note_review(rep=bo, by=bo.user, at=FRIDAY - DAY)
    remind_of_reviews(at=FRIDAY)
    assert told(bo.user) == []
    assert "2 of 2 profiles" in told(ben)[0][1]  # a manager's look is another one


def test_those_due_within_two_weeks_are_counted(ana: Rep, ben: User) -> None:
    note_review(rep=ana, by=ben, at=FRIDAY - 80 * DAY)
    assert remind_of_reviews(at=FRIDAY) == 2
    Rep.objects.update(reviewed_at=FRIDAY)
    assert remind_of_reviews(at=FRIDAY + 95 * DAY) == 2


def test_the_period_follows_the_setting(team: None, ana: Rep) -> None:
    ours = organisation()
    ours.profile_review_months = 1
    ours.save()
    assert remind_of_reviews(at=FRIDAY) == 4
    assert remind_of_reviews(at=FRIDAY + 31 * DAY) == 4


def test_proposals_are_told_to_the_manager_and_the_answer_to_the_rep(ana: Rep, ben: User) -> None:
    ours = organisation()
    ours.own_profile_edits = "confirmed"
    ours.save()
    assert ana.user
    proposal = propose_expertise(rep=ana, tags=[Tag("language", "German")], by=ana.user, at=timezone.now())
    assert proposal
    assert [tell_of_proposals(at=timezone.now()) for _ in range(2)] == [1, 0]
    assert told(ben) == [
        (f"/reps/review/{ana.pk}/", "Ana proposes changes to the own profile (industry, language).")
    ]
    approve_proposal(pk=proposal.pk, by=ben, at=timezone.now())
    assert [tell_of_proposals(at=timezone.now()) for _ in range(2)] == [1, 0]
    assert told(ana.user) == [
        ("/reps/me/", "Your changes to your profile (industry, language) are approved.")
    ]
