"""The pages of suggested tags: who sees and decides what, bulk, undo, filters, settings, equal queries."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone
from rest_framework.test import APIClient

from reps.models import (
    Job,
    ProfileChange,
    Rep,
    Skill,
    TagReview,
    TagReviewSettings,
    TagSuggestion,
    Team,
    User,
)
from routing.services import outbox
from tests.conftest import NOW
from tests.routing.test_tag_reviews import close, review, specialist, suggestion_of

__all__ = ["specialist"]
SignIn = Callable[[User], Client]
MakeRep = Callable[..., Rep]
REGION = {"HX-Request": "true", "HX-Target": "tag-suggestions"}
LIST = "/reps/suggested-tags/"
pytestmark = pytest.mark.django_db


def rows_of(client: Client, **filters: Any) -> list[str]:
    return [
        f"{row.suggestion.rep.name} {row.suggestion.name}"
        for row in client.get(LIST, filters).context["rows"]
    ]


def test_from_fifteen_wins_to_the_profile(specialist: Rep, ben: User, as_user: SignIn) -> None:
    review()
    client = as_user(ben)
    page = client.get(LIST).content.decode()
    assert "Won 15 of 20 Healthcare deals in 12 months; by chance about 6" in page
    assert '<span id="count-reps">1</span>' in page
    pk = TagSuggestion.objects.get().pk
    answer = client.post(reverse("tag_suggestions_decide"), {"approve": pk}, follow=True)
    text = answer.content.decode()
    assert "Healthcare is in the profile of Bo now." in text
    assert f"{reverse('tag_suggestions_undo')}?s={pk}" in text
    profile = client.get(reverse("rep", args=[specialist.pk])).content.decode()
    assert "won 15 of 20" in profile
    assert "From a suggestion: won 15 of 20 Healthcare deals" in profile


def test_the_deals_behind_are_one_click_away(specialist: Rep, omar: User, as_user: SignIn) -> None:
    review()
    client = as_user(omar)
    (row,) = client.get(LIST).context["rows"]
    page = client.get(row.deals_url).context["page"]
    assert page.total == 20
    assert {deal.owner_id for deal in page.rows} == {specialist.pk}


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        ({"kind": "deal_size", "name": "10,000 to 50,000", "low": 10_000, "high": 50_000}, 3),
        ({"kind": "competitor", "name": "acme"}, 2),
        ({"kind": "language", "name": "German"}, 5),
    ],
)
def test_the_deals_behind_every_kind(
    values: dict[str, Any], expected: int, bo: Rep, omar: User, as_user: SignIn
) -> None:
    close(bo, "Retail", won=3, lost=0, value_base=10_000, language="german")
    close(bo, "Retail", won=0, lost=2, value_base=50_000, competitors=["Acme"], language="German")
    suggestion_of(bo, **values)
    client = as_user(omar)
    (row,) = client.get(LIST).context["rows"]
    assert client.get(row.deals_url).context["page"].total == expected


def test_a_manager_sees_and_decides_the_own_teams_only(
    bo: Rep, cara: Rep, ben: User, omar: User, client: Client
) -> None:
    ours, theirs = suggestion_of(bo), suggestion_of(cara)
    client.force_login(ben)
    assert rows_of(client) == ["Bo Healthcare"]
    client.post(reverse("tag_suggestions_decide"), {"approve": theirs.pk})
    client.post(reverse("tag_suggestions_decide"), {"dismiss": "ticked", "suggestion": [theirs.pk, ours.pk]})
    theirs.refresh_from_db()
    ours.refresh_from_db()
    assert (theirs.state, ours.state) == ("open", "dismissed")
    client.force_login(omar)
    assert rows_of(client) == ["Cara Healthcare"]
    client.post(reverse("tag_suggestions_decide"), {"dismiss": theirs.pk})
    client.force_login(ben)
    client.post(reverse("tag_suggestions_undo") + f"?s={theirs.pk}")
    theirs.refresh_from_db()
    assert theirs.state == "dismissed"


def test_an_analyst_reads(bo: Rep, nia: User, as_user: SignIn) -> None:
    one = suggestion_of(bo)
    client = as_user(nia)
    page = client.get(LIST).content.decode()
    assert "Won 15 of 20" in page
    assert 'name="approve"' not in page
    assert "Review now" not in page
    assert 'id="count-reps"' not in page
    assert client.post(reverse("tag_suggestions_decide"), {"approve": one.pk}).status_code == 403
    assert client.post(reverse("tag_review_start")).status_code == 403
    assert client.get(reverse("tag_review_settings")).status_code == 403


def test_a_rep_reads_the_own_in_the_profile(bo: Rep, ana: Rep, as_user: SignIn) -> None:
    one = suggestion_of(bo)
    assert bo.user
    client = as_user(bo.user)
    assert client.get(LIST).status_code == 403
    profile = client.get(reverse("rep", args=[bo.pk])).content.decode()
    assert "Your manager decides" in profile
    assert "Won 15 of 20 Healthcare deals" in profile
    assert "Approve" not in profile
    assert client.post(reverse("tag_suggestions_decide"), {"approve": one.pk}).status_code == 403
    assert not bo.skills.exists()


def test_bulk_approval_tells_what_could_not_be(
    ana: Rep, bo: Rep, make_rep: MakeRep, ben: User, as_user: SignIn
) -> None:
    ids = [suggestion_of(rep).pk for rep in (ana, bo, make_rep("Dan"))]
    answer = as_user(ben).post(
        reverse("tag_suggestions_decide"), {"approve": "ticked", "suggestion": ids}, follow=True
    )
    page = answer.content.decode()
    assert "2 suggestions are approved." in page
    assert "Ana: Healthcare is in the profile by now." in page
    assert Skill.objects.filter(name="Healthcare").count() == 3


def test_htmx_gets_the_list_and_a_toast_with_undo(bo: Rep, ben: User, as_user: SignIn) -> None:
    one, other = suggestion_of(bo), suggestion_of(bo, name="Energy")
    client = as_user(ben)
    answer = client.post(
        reverse("tag_suggestions_decide") + "?kind=industry",
        {"dismiss": one.pk, "reason": "no"},
        headers=REGION,
    )
    page = answer.content.decode()
    assert page.strip().startswith('<section class="card" id="tag-suggestions"')
    assert f'value="{other.pk}"' in page
    assert f'value="{one.pk}"' not in page
    assert reverse("tag_suggestions_undo") in answer["HX-Trigger"]
    undone = client.post(reverse("tag_suggestions_undo") + f"?s={one.pk}", headers={"HX-Request": "true"})
    assert undone["HX-Redirect"] == LIST
    one.refresh_from_db()
    assert one.state == "open"


@pytest.mark.parametrize(
    "data",
    [
        {},
        {"approve": "x"},
        {"approve": "ticked"},
        {"dismiss": "ticked", "suggestion": ["", "-1", "²", "9" * 40]},
        {"approve": "999999"},
    ],
)
def test_nonsense_changes_nothing(data: dict[str, Any], bo: Rep, ben: User, as_user: SignIn) -> None:
    suggestion_of(bo)
    page = as_user(ben).post(reverse("tag_suggestions_decide"), data, follow=True).content.decode()
    assert "Select at least one suggestion first." in page
    assert TagSuggestion.objects.get().state == "open"
    assert not ProfileChange.objects.exists()


def test_the_dismissed_stay_to_be_read_and_undone(bo: Rep, ben: User, as_user: SignIn) -> None:
    one = suggestion_of(bo)
    client = as_user(ben)
    client.post(reverse("tag_suggestions_decide"), {"dismiss": one.pk, "reason": "Moves to Energy soon"})
    assert rows_of(client) == []
    page = client.get(LIST, {"state": "dismissed"}).content.decode()
    assert "Moves to Energy soon" in page
    assert "Dismissed by Ben" in page
    client.post(reverse("tag_suggestions_undo"), {"s": one.pk})
    assert rows_of(client) == ["Bo Healthcare"]


def test_filters(bo: Rep, ana: Rep, cara: Rep, omar: User, west: Team, as_user: SignIn) -> None:
    suggestion_of(bo)
    suggestion_of(ana, action="remove")
    suggestion_of(cara, kind="product", name="Suite")
    client = as_user(omar)
    assert rows_of(client) == ["Ana Healthcare", "Bo Healthcare", "Cara Suite"]
    assert rows_of(client, team=west.pk) == ["Cara Suite"]
    assert rows_of(client, rep=bo.pk) == ["Bo Healthcare"]
    assert rows_of(client, kind="product") == ["Cara Suite"]
    assert rows_of(client, action="remove") == ["Ana Healthcare"]
    assert rows_of(client, kind="nonsense", rep="x") == ["Ana Healthcare", "Bo Healthcare", "Cara Suite"]
    assert client.get(LIST, {"at": "nonsense"}).status_code == 404


def test_empty_lists_say_why(omar: User, ana: Rep, as_user: SignIn) -> None:
    client = as_user(omar)
    assert "Nobody has looked yet" in client.get(LIST).content.decode()
    review()
    page = client.get(LIST).content.decode()
    assert "could say nothing: fewer than 30 deals were closed in 12 months" in page
    TagReview.objects.update(unavailable="", deals=1204, reps=9)
    page = client.get(LIST).content.decode()
    assert "went over 1,204 deals of 9 reps" in page


def test_a_review_is_asked_for_once(ben: User, omar: User, client: Client) -> None:
    client.force_login(ben)
    page = client.post(reverse("tag_review_start"), follow=True).content.decode()
    assert "The review is on its way." in page
    assert "Reviewing the expertise" in page
    client.force_login(omar)
    page = client.post(reverse("tag_review_start"), follow=True).content.decode()
    assert "A review is under way already, asked for by Ben." in page
    job = Job.objects.get()
    progress = client.get(reverse("tag_review"), headers={"HX-Request": "true"})
    assert f'id="job-{job.pk}"' in progress.content.decode()
    Job.objects.update(state="failed", error="No worker took it up.", finished_at=NOW)
    assert client.get(reverse("tag_review"), headers={"HX-Request": "true"})["HX-Redirect"] == LIST
    assert "No worker took it up." in client.get(LIST).content.decode()


SETTINGS = {
    "months_between": 3,
    "window_months": 12,
    "least_wins": 4,
    "least_language_wins": 3,
    "least_lift": 1.2,
    "plenty_wins": 15,
    "false_share_pct": 25,
    "stale_after_months": 6,
    "least_deals_to_remove": 10,
    "silent_after_months": 18,
    "least_deals_while_silent": 20,
    "dismissed_growth_pct": 50,
    "dismissed_months": 12,
}


def test_settings_are_saved(omar: User, as_user: SignIn) -> None:
    client = as_user(omar)
    assert client.get(reverse("tag_review_settings")).status_code == 200
    answer = client.post(reverse("tag_review_settings"), SETTINGS | {"least_wins": 6, "months_between": 1})
    assert answer.status_code == 302
    stored = TagReviewSettings.objects.get()
    assert (stored.least_wins, stored.months_between) == (6, 1)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"silent_after_months": 6}, "At least as long as the months of deals that are looked at (12)."),
        ({"plenty_wins": 3}, "At least the fewest wins that can be enough (4)."),
        ({"months_between": 5}, "5 is not one of the available choices"),
        ({"false_share_pct": 0}, "greater than or equal to 1"),
        ({"least_lift": "many"}, "Enter a number."),
        ({"window_months": ""}, "This field is required."),
    ],
)
def test_wrong_settings_are_said_beside_their_field(
    changes: dict[str, Any], message: str, omar: User, as_user: SignIn
) -> None:
    answer = as_user(omar).post(reverse("tag_review_settings"), SETTINGS | changes)
    assert answer.status_code == 422
    page = answer.content.decode()
    assert message in page
    assert f'href="#id_{next(iter(changes))}"' in page


@pytest.mark.parametrize("state", ["open", "dismissed"])
def test_the_list_takes_the_same_queries_for_1_row_and_30(
    state: str,
    omar: User,
    as_user: SignIn,
    make_rep: MakeRep,
    django_assert_num_queries: Callable[[int], Any],
) -> None:
    client = as_user(omar)
    found = TagReview.objects.create(trigger="schedule", at=NOW, window_start=NOW)

    def fill(count: int) -> None:
        for number in range(count):
            decided = {"decided_by": omar, "decided_at": NOW} if state == "dismissed" else {}
            suggestion_of(make_rep(f"Rep {count}-{number}"), state=state, review=found, **decided)

    fill(1)
    address = f"{LIST}?state={state}" if state != "open" else LIST
    client.get(address, headers=REGION)
    with django_assert_num_queries(8):
        client.get(address, headers=REGION)
    fill(29)
    with django_assert_num_queries(8):
        client.get(address, headers=REGION)


def test_the_api_lists_and_decides(
    bo: Rep, ana: Rep, cara: Rep, ben: User, nia: User, api: Callable[[User], APIClient]
) -> None:
    ours, theirs, held = suggestion_of(bo), suggestion_of(cara), suggestion_of(ana)
    client, url = api(ben), "/api/v1/tag-suggestions/"
    listed = client.get(f"{url}?state=open").json()["results"]
    assert [row["id"] for row in listed] == [held.pk, ours.pk]
    assert listed[1]["rep"] == {"id": bo.pk, "name": "Bo"}
    assert client.get(f"{url}?state=x").json()["fields"] == {
        "state": ["One of open, approved, dismissed, superseded is expected."]
    }
    assert client.post(f"{url}{ours.pk}/approve/").json()["state"] == "approved"
    assert bo.skills.get().name == "Healthcare"
    again = client.post(f"{url}{ours.pk}/dismiss/", {"reason": "no"}, format="json")
    assert (again.status_code, again.json()["error"]) == (409, "Bo, Healthcare: Ben has approved it already.")
    taken = client.post(f"{url}{held.pk}/approve/")
    assert (taken.status_code, taken.json()["error"]) == (409, "Ana: Healthcare is in the profile by now.")
    for key in (theirs.pk, "x", "ext:1", "9" * 30):
        assert client.post(f"{url}{key}/dismiss/", {}, format="json").status_code == 404
    wrong = client.post(f"{url}{ours.pk}/dismiss/", {"why": "no"}, format="json")
    assert wrong.json()["fields"] == {"why": ["There is no such field."]}
    assert api(nia).get(f"{url}{theirs.pk}/").json()["wins"] == 15
    assert api(nia).post(f"{url}{theirs.pk}/approve/").status_code == 403
    assert bo.user
    assert api(bo.user).get(url).status_code == 403


def test_a_review_that_nobody_takes_up_can_be_asked_for_again(omar: User, as_user: SignIn) -> None:
    client = as_user(omar)
    client.post(reverse("tag_review_start"))
    assert "Review now" not in client.get(LIST).content.decode()
    Job.objects.update(created_at=timezone.now() - datetime.timedelta(hours=1))
    page = client.get(LIST).content.decode()
    assert "No worker has taken up the review" in page
    assert "Review now" in page
    client.post(reverse("tag_review_start"))
    assert sorted(Job.objects.values_list("state", flat=True)) == ["failed", "queued"]


def test_a_notification_leads_to_the_list(specialist: Rep, ben: User, as_user: SignIn) -> None:
    review()
    outbox.deliver_due(at=timezone.now())
    page = as_user(ben).get(reverse("my_work")).content.decode()
    assert f'<a href="{LIST}">1 suggestion waits for your team: 1 tag to add.</a>' in page
