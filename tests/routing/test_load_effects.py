"""First touch and win rate by load, through the database and the page."""

import datetime
from collections.abc import Callable

import numpy as np
import pytest
from django.test import Client
from django.urls import reverse

from crm.models import Assignment, Opportunity
from reps.models import Rep, User
from routing.engine.load_effects import Estimate
from routing.models import LoadSample
from routing.queries.load_effects import load_effects, past_assignments, touch_words
from routing.services import load_samples
from routing.services.load_samples import keep_load_samples
from tests.conftest import NOW

pytestmark = pytest.mark.django_db
HOUR, DAY = datetime.timedelta(hours=1), datetime.timedelta(days=1)


def owned(
    rep: Rep, by: User, start: datetime.datetime, *, touch_hours: float | None = None,
    end: datetime.datetime | None = None, stage: str = "open",
) -> Opportunity:  # fmt: skip
    touched = None if touch_hours is None else start + touch_hours * HOUR
    opportunity = Opportunity.objects.create(
        name="Lead", owner=rep, opened_at=start, assigned_at=start, first_touch_at=touched, stage=stage,
        closed_at=end if stage != "open" else None,
    )  # fmt: skip
    Assignment.objects.create(
        opportunity=opportunity, rep=rep, source="person", assigned_by=by, assigned_at=start, ended_at=end
    )
    return opportunity


def test_counts_the_load_back_and_keeps_what_is_not_known_apart(ana: Rep, bo: Rep, omar: User) -> None:
    owned(ana, omar, NOW - 9 * DAY, touch_hours=2)
    owned(ana, omar, NOW - 8 * DAY, touch_hours=5, end=NOW - 6 * DAY, stage="won")
    owned(ana, omar, NOW - 7 * DAY)  # two before it; never touched
    owned(ana, omar, NOW - 5 * DAY, end=NOW - 4 * DAY, stage="lost")  # the won one is over by then
    moved = owned(bo, omar, NOW - 3 * DAY, touch_hours=1)
    Assignment.objects.filter(opportunity=moved).update(ended_at=NOW - 2 * DAY)
    Assignment.objects.create(
        opportunity=moved, rep=ana, source="person", assigned_by=omar, assigned_at=NOW - 2 * DAY
    )
    found = past_assignments(NOW)[ana.role_template_id]
    order = np.argsort(found.touch_hours)
    assert found.load[order].tolist() == [0, 1, 2, 2, 2]
    assert found.touch_hours[order].tolist() == [2.0, 5.0, 24.0, 48.0, 168.0]
    assert found.touched[order].tolist() == [True, True, False, False, False]
    won = found.won[order]
    assert (won[1], won[2]) == (1.0, 0.0)
    assert np.isnan(won[[0, 3, 4]]).all()


def test_an_import_without_first_touches_says_nothing_of_them(
    close_deals: Callable[..., list[Opportunity]], ana: Rep
) -> None:
    close_deals(40)
    Opportunity.objects.update(first_touch_at=None)
    found = past_assignments(NOW)[ana.role_template_id]
    assert len(found) == 40
    assert np.isnan(found.touch_hours).all()
    page = load_effects(NOW, {})[0]
    assert page.verdict.startswith("Too early to say: only 40 assignments")
    assert {line.touch for line in page.loads} == {"not known"}


def test_the_page_tries_another_maximum(
    close_deals: Callable[..., list[Opportunity]], ana: Rep, nia: User, client: Client
) -> None:
    close_deals(240)
    client.force_login(nia)
    page = client.get(reverse("analytics_load")).content.decode()
    assert "If the maximum were" in page
    name = f"max_{ana.role_template_id}"
    tried = client.get(reverse("analytics_load"), {name: "5"})
    role = tried.context["rows"][0][0]
    assert role.tried == 5
    assert role.bands[3].count > 0
    wrong = client.get(reverse("analytics_load"), {name: "0"})
    assert wrong.context["rows"][0][0].tried == ana.role_template.max_open
    assert "greater than or equal to 1" in wrong.content.decode()


def test_hours_are_in_the_unit_that_fits() -> None:
    assert touch_words(Estimate(0.5, 0.25, None, 9)) == "30 min (15 to more)"
    assert touch_words(Estimate(5.0, 4.0, 6.25, 9)) == "5.0 h (4.0 to 6.2)"
    assert touch_words(Estimate(96.0, 72.0, 120.0, 9)) == "4.0 days (3.0 to 5.0)"
    assert touch_words(Estimate(None, None, None, 9)) == "more than half never touched"


def some(rep: Rep, by: User, count: int) -> None:
    for n in range(count):
        owned(rep, by, NOW - (n + 1) * DAY, touch_hours=1 + n % 5)


class TestSamples:
    def test_the_page_is_made_of_what_the_night_counted(self, ana: Rep, omar: User) -> None:
        some(ana, omar, 40)
        live = load_effects(NOW, {})
        keep_load_samples(at=NOW)
        assert [(one.loads, one.bands, one.verdict) for one in load_effects(NOW, {})] == [
            (one.loads, one.bands, one.verdict) for one in live
        ]
        some(ana, omar, 5)
        assert load_effects(NOW, {})[0].assignments == 40
        keep_load_samples(at=NOW)
        assert load_effects(NOW, {})[0].assignments == 45

    def test_of_very_many_it_keeps_some_by_chance(
        self, ana: Rep, omar: User, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(load_samples, "MOST", 30)
        some(ana, omar, 40)
        keep_load_samples(at=NOW)
        sample = LoadSample.objects.get()
        assert (sample.kept, sample.counted) == (30, 40)
        assert load_effects(NOW, {})[0].assignments == 30
