"""Many items of the queue at once: the loads before it is done, what somebody else decided meanwhile, and Undo."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from crm.models import Opportunity
from reps.models import Rep, User
from routing.engine.bulk import Shift, shifts
from routing.models import Override, OverrideReason, Policy, QueueItem
from routing.queries.deals import _feedback
from routing.queries.invariants import check_invariants
from routing.queries.reasons import reasons_with_counts
from routing.services import queue
from routing.services.automation import pause
from routing.services.decisions import route
from tests.conftest import NOW

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]


def text(response: Any) -> str:
    return " ".join(response.content.decode().split())


@pytest.fixture
def suggested(
    one_policy: None, publish: Callable[[], int], make_opportunity: Callable[..., Opportunity]
) -> Callable[[int], list[QueueItem]]:
    Policy.objects.update(first_touch_target_minutes=60)
    publish()

    def waiting(count: int) -> list[QueueItem]:
        found = []
        for number in range(count):
            opportunity = make_opportunity(f"Lead {number}", industry="Healthcare")
            route(opportunity_id=opportunity.pk, at=NOW)
            found.append(QueueItem.objects.get(opportunity=opportunity))
        return found

    return waiting


def ids(items: list[QueueItem]) -> list[int]:
    return [item.pk for item in items]


def states() -> list[str]:
    pending = (
        QueueItem.objects.filter(state="pending").select_related("opportunity").order_by("opportunity__pk")
    )
    return [f"{item.opportunity.name}: {item.kind}" for item in pending]


def test_shifts_of_loads() -> None:
    items = [(1, 10.0), (1, 5.0), (None, 2.0)]
    assert shifts(items, "approve") == {1: Shift(2, -2, 15.0)}
    assert shifts(items, "give", 2) == {1: Shift(0, -2), 2: Shift(3, 0, 17.0)}
    assert shifts(items, "give", 1) == {1: Shift(3, -2, 17.0)}
    assert shifts(items, "reject") == shifts(items, "anew") == {1: Shift(0, -2)}


class TestPreview:
    def test_selecting_shows_the_loads_before_anything_is_done(
        self, ana: Rep, ben: User, suggested: Callable[[int], list[QueueItem]], as_user: SignIn
    ) -> None:
        Rep.objects.update(own_max_open=4, own_max_new_per_week=30)
        items = suggested(3)
        client = as_user(ben)
        answer = client.post(reverse("queue_many"), {"item": ids(items)})
        assert answer.status_code == 302
        page = text(client.get(answer.headers["Location"]))
        assert "Decide 3 at once" in page
        assert '<td class="num" data-label="Open">0</td>' in page
        assert '<span>3<span class="faint"> of 4</span></span>' in page
        assert "3 → 0 suggested" in page
        assert QueueItem.objects.filter(state="pending").count() == 3

    def test_says_which_limits_would_be_passed(
        self, ana: Rep, bo: Rep, ben: User, suggested: Callable[[int], list[QueueItem]], as_user: SignIn
    ) -> None:
        items = suggested(3)
        Rep.objects.filter(pk=bo.pk).update(own_max_open=2, own_max_new_per_week=1, own_max_pipeline_value=0)
        Opportunity.objects.update(value_base=5, value=5, currency="USD")
        bo.absences.create(starts_at=timezone.now() - datetime.timedelta(hours=1))
        asked = [("item", pk) for pk in ids(items)] + [("rep", bo.pk)]
        page = text(as_user(ben).get(reverse("queue_many"), [*asked, ("action", "give")]))
        for words in (
            "is away now", "past the maximum of 2", "3 in seven days, past the weekly cap of 1",
            "past the cap of the pipeline’s value",
        ):  # fmt: skip
            assert words in page

    def test_queries_do_not_grow(
        self,
        ana: Rep,
        ben: User,
        suggested: Callable[[int], list[QueueItem]],
        as_user: SignIn,
        django_assert_num_queries: Any,
    ) -> None:
        Rep.objects.update(own_max_open=100, own_max_new_per_week=100)
        items = suggested(30)
        client, address = as_user(ben), reverse("queue_many")
        client.get(address, {"item": ids(items)[:1]})
        for count in (1, 30):
            with django_assert_num_queries(11):
                client.get(address, {"item": ids(items)[:count]})

    @pytest.mark.parametrize(
        "asked", [{}, {"item": "x"}, {"item": "999999"}, {"item": "1", "action": "burn"}]
    )
    def test_bad_addresses_are_no_errors(self, asked: dict[str, str], ben: User, as_user: SignIn) -> None:
        client = as_user(ben)
        assert client.get(reverse("queue_many"), asked).status_code in (200, 302)
        assert client.post(reverse("queue_many"), asked).status_code in (302, 422)


class TestDeciding:
    def test_rejects_all_and_undo_brings_them_back(
        self, ana: Rep, ben: User, suggested: Callable[[int], list[QueueItem]], as_user: SignIn
    ) -> None:
        items = suggested(2)
        client, reason = as_user(ben), OverrideReason.objects.filter(is_active=True)[0]
        OverrideReason.objects.filter(pk=reason.pk).update(is_about_fit=True)
        asked = {"item": ids(items), "action": "reject", "reason": reason.pk, "note": "Not now"}
        page = text(client.post(reverse("queue_many"), asked, follow=True))
        assert "2 rejected: they wait for a person." in page
        assert states() == ["Lead 0: manager", "Lead 1: manager"]
        assert set(Override.objects.values_list("reason", "note")) == {(reason.pk, "Not now")}
        ana.refresh_from_db()
        assert ana.pending == 0
        undo = f"{reverse('queue_undo_many')}?item={items[0].pk}&item={items[1].pk}"
        assert undo.replace("&", "&amp;") in page
        assert "2 wait again." in text(client.post(undo, follow=True))
        assert states() == ["Lead 0: suggestion", "Lead 1: suggestion"]
        assert not Override.objects.filter(undone_at__isnull=True).exists()
        assert {count for _, count in reasons_with_counts()} == {0}
        assert list(_feedback(NOW.date() + datetime.timedelta(days=999), 1.0)) == []
        ana.refresh_from_db()
        assert ana.pending == 2
        assert check_invariants().violations == []

    def test_undo_leads_back_to_the_list_as_it_was(
        self, ana: Rep, ben: User, suggested: Callable[[int], list[QueueItem]], as_user: SignIn
    ) -> None:
        items, client = suggested(2), as_user(ben)
        client.post(reverse("queue_many"), {"item": ids(items), "action": "reject"})
        undo = f"{reverse('queue_undo_many')}?item={items[0].pk}&item={items[1].pk}"
        shown = {
            "HX-Request": "true",
            "HX-Current-URL": "http://testserver/queue/?kind=suggestion&order=value",
        }
        answer = client.post(undo, headers=shown)
        assert (answer.status_code, answer["HX-Redirect"]) == (204, "/queue/?kind=suggestion&order=value")
        assert states() == ["Lead 0: suggestion", "Lead 1: suggestion"]

    def test_gives_all_to_one_and_names_what_somebody_else_decided(
        self,
        ana: Rep,
        bo: Rep,
        ben: User,
        omar: User,
        suggested: Callable[[int], list[QueueItem]],
        as_user: SignIn,
    ) -> None:
        items = suggested(3)
        queue.approve(item_id=items[0].pk, by=omar, at=NOW)
        asked = {"item": ids(items), "action": "give", "rep": bo.pk}
        page = text(as_user(ben).post(reverse("queue_many"), asked, follow=True))
        assert "2 given away." in page
        assert "Lead 0: Omar gave it to Ana already." in page
        bo.refresh_from_db()
        assert bo.load == 2
        assert check_invariants().violations == []

    def test_approves_all_and_undo_takes_it_back(
        self, ana: Rep, ben: User, suggested: Callable[[int], list[QueueItem]], as_user: SignIn
    ) -> None:
        items = suggested(2)
        client = as_user(ben)
        page = client.post(reverse("queue_many"), {"item": ids(items), "action": "approve"}, follow=True)
        assert "2 approved." in text(page)
        client.post(f"{reverse('queue_undo_many')}?item={items[0].pk}&item={items[1].pk}")
        ana.refresh_from_db()
        assert (ana.load, ana.pending) == (0, 2)

    def test_lets_the_router_choose_anew(
        self, ana: Rep, bo: Rep, ben: User, suggested: Callable[[int], list[QueueItem]], as_user: SignIn
    ) -> None:
        items = suggested(2)
        ana.absences.create(starts_at=timezone.now() - datetime.timedelta(hours=1))
        asked = {"item": ids(items), "action": "anew"}
        assert "2 decided anew." in text(as_user(ben).post(reverse("queue_many"), asked, follow=True))
        pending = QueueItem.objects.filter(state="pending").values_list("rep__name", flat=True)
        assert list(pending) == ["Bo", "Bo"]
        notes = QueueItem.objects.filter(state="withdrawn").values_list("note", flat=True)
        assert set(notes) == {"Ben let the router choose anew"}

    def test_nobody_chooses_while_automation_is_paused(
        self, ana: Rep, ben: User, omar: User, suggested: Callable[[int], list[QueueItem]], as_user: SignIn
    ) -> None:
        items = suggested(1)
        pause(by=omar, at=NOW)
        asked = {"item": ids(items), "action": "anew"}
        assert "Automation is paused" in text(as_user(ben).post(reverse("queue_many"), asked, follow=True))
        assert states() == ["Lead 0: suggestion"]

    def test_giving_needs_a_rep_and_keeps_what_was_typed(
        self, ana: Rep, ben: User, suggested: Callable[[int], list[QueueItem]], as_user: SignIn
    ) -> None:
        asked = {"item": ids(suggested(1)), "action": "give", "note": "Holiday cover"}
        answer = as_user(ben).post(reverse("queue_many"), asked)
        assert answer.status_code == 422
        assert "Choose a rep to give them to." in text(answer)
        assert 'value="Holiday cover"' in text(answer)

    def test_what_is_not_there_leads_back_to_the_queue(
        self, ana: Rep, ben: User, suggested: Callable[[int], list[QueueItem]], as_user: SignIn
    ) -> None:
        for wrong in ("999999", "-1", "x"):
            answer = as_user(ben).get(
                reverse("queue_many"), {"item": [*ids(suggested(1)), wrong]}, follow=True
            )
            assert answer.redirect_chain == [(reverse("queue"), 302)]
            assert "Something that was selected is not in the queue any more." in text(answer)

    def test_others_items_are_not_there(
        self, ana: Rep, cara: Rep, suggested: Callable[[int], list[QueueItem]], as_user: SignIn
    ) -> None:
        from tests.conftest import user_of

        items = suggested(1)
        wes = user_of("Wes", User.Role.MANAGER)
        cara.team.managers.add(wes)
        answer = as_user(wes).post(reverse("queue_many"), {"item": ids(items), "action": "approve"})
        assert answer.status_code == 422
        assert states() == ["Lead 0: suggestion"]


class TestUndoOfARejection:
    def test_is_offered_and_brings_the_suggestion_back_with_its_turn(
        self, ana: Rep, ben: User, suggested: Callable[[int], list[QueueItem]], as_user: SignIn
    ) -> None:
        (item,) = suggested(1)
        client = as_user(ben)
        page = text(client.post(reverse("queue_reject", args=[item.pk]), follow=True))
        assert reverse("queue_undo", args=[item.pk]) in page
        client.post(reverse("queue_undo", args=[item.pk]))
        again = QueueItem.objects.get(state="pending")
        assert (again.kind, again.rep, again.touch_due_at) == ("suggestion", ana, item.touch_due_at)
        assert again.waiting_since == item.waiting_since
        assert check_invariants().violations == []

    @pytest.mark.parametrize("meanwhile", ["given", "left", "somebody else"])
    def test_is_too_late(
        self,
        meanwhile: str,
        ana: Rep,
        bo: Rep,
        ben: User,
        omar: User,
        suggested: Callable[[int], list[QueueItem]],
    ) -> None:
        (item,) = suggested(1)
        left = queue.reject(item_id=item.pk, by=ben, at=NOW)
        if meanwhile == "given":
            queue.give_to(item_id=left.pk, rep_id=bo.pk, by=omar, at=NOW)
        if meanwhile == "left":
            Rep.objects.filter(pk=ana.pk).update(left_at=NOW)
        by = omar if meanwhile == "somebody else" else ben
        with pytest.raises(queue.AlreadyDecided, match="no longer be undone"):
            queue.undo(item_id=item.pk, by=by, at=NOW)


class TestAgeAgainstTarget:
    def test_is_shown_sorted_by_and_filtered_by(
        self, ana: Rep, ben: User, suggested: Callable[[int], list[QueueItem]], as_user: SignIn
    ) -> None:
        now = timezone.now()
        fresh, late, none = suggested(3)
        minute = datetime.timedelta(minutes=1)
        for item, since, due in (
            (fresh, now - 15 * minute, now + 45 * minute),
            (late, now - 90 * minute, now - 30 * minute),
            (none, now - 99 * minute, None),
        ):
            QueueItem.objects.filter(pk=item.pk).update(waiting_since=since, touch_due_at=due)
        client = as_user(ben)
        page = text(client.get(reverse("queue"), {"order": "due"}))
        assert "25 %" in page
        assert "150 %" in page
        places = [page.index(f'id="item-{item.pk}"') for item in (late, fresh, none)]
        assert places == sorted(places)
        filtered = text(client.get(reverse("queue"), {"target": "late"}))
        assert f'id="item-{late.pk}"' in filtered
        assert f'id="item-{fresh.pk}"' not in filtered
