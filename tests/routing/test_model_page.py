"""The model page: sentences from a model's report, for the roles that may; training, roll-back."""

import csv
import datetime
import io
from collections.abc import Callable
from typing import Any

import pytest
from django.contrib.staticfiles import finders
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from crm.models import CustomField, Opportunity
from reps.models import Job, Rep, User
from reps.services.jobs import STOPPED_AFTER
from routing.models import ModelEvent, ModelSettings, ModelVersion
from routing.queries.model_page import forecast, load_model_page, told_apart
from routing.queries.model_quality import measures
from routing.queries.model_segments import Cell, Search, table_of
from routing.queries.model_words import words_of
from routing.queries.models import Readiness
from routing.services.training import open_training, train_at_once
from tests.routing.model_reports import QUALITY, REPORT, learned

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
PAGE_QUERIES = 12
SEGMENT_QUERIES = 6
HISTORY_QUERIES = 7


def text(response: Any) -> str:
    return " ".join(response.content.decode().split())


class TestWhoDecides:
    def test_too_few_deals_says_how_many_are_missing_and_leads_to_imports(
        self, omar: User, ana: Rep, as_user: SignIn
    ) -> None:
        now = timezone.now()
        Opportunity.objects.create(name="Won one", stage="won", owner=ana, opened_at=now, closed_at=now)
        page = text(as_user(omar).get(reverse("analytics_model")))
        assert "Rules decide" in page
        assert "1 won and lost deal in 12 months; 99 more are needed before a model can be learned." in page
        assert f'href="{reverse("import_new")}"' in page
        assert "plotly" not in page

    def test_analyst_is_not_sent_to_imports(self, nia: User, as_user: SignIn) -> None:
        page = text(as_user(nia).get(reverse("analytics_model")))
        assert "100 more are needed" in page
        assert reverse("import_new") not in page

    def test_learned_model_decides_and_promises_the_lower_end(
        self, omar: User, ana: Rep, as_user: SignIn
    ) -> None:
        learned([ana])
        page = text(as_user(omar).get(reverse("analytics_model")))
        assert "Model 2 decides" in page
        assert "It has learned from 420 won and lost deals" in page
        assert "expect at least 6.3 more wins in 100 leads" in page
        assert "plotly.min.js" in page

    def test_rejected_model_keeps_its_report(self, nia: User, ana: Rep, as_user: SignIn) -> None:
        learned([ana], state="rejected")
        page = text(as_user(nia).get(reverse("model_version", args=[2])))
        assert "Model 2 was rejected" in page
        assert "It has never decided anything." in page
        assert "What it was made of" in page

    def test_unknown_number_is_not_found(self, omar: User, as_user: SignIn) -> None:
        assert as_user(omar).get(reverse("model_version", args=[77])).status_code == 404

    @pytest.mark.parametrize("count", [1, 30])
    def test_queries_do_not_grow(
        self,
        count: int,
        omar: User,
        make_rep: Callable[..., Rep],
        as_user: SignIn,
        django_assert_num_queries: Any,
    ) -> None:
        learned([make_rep(f"Rep {number}") for number in range(count)])
        client = as_user(omar)
        client.get(reverse("analytics_model"))
        with django_assert_num_queries(PAGE_QUERIES):
            client.get(reverse("analytics_model"))
        with django_assert_num_queries(SEGMENT_QUERIES):
            client.get(reverse("model_segments", args=[2]))


class TestReport:
    def test_what_it_was_made_of(self, omar: User, ana: Rep) -> None:
        CustomField.objects.create(key="budget", label="Budget", is_model_input=True)
        page = load_model_page(learned([ana]), user=omar, ready=Readiness(420, 100), months=12)
        made = dict(page.made_of)
        assert made["Lost"] == "280"
        assert made["Without dates"] == "7 deals; they count in full, however old they may be"
        assert made["Season"] == "too little history for seasons"
        assert made["Rejected suggestions"].startswith("Wrong expertise 3 and Knows the customer better 1.")
        assert "as much as 1 lost deal," in made["Rejected suggestions"]
        assert made["Own fields"] == "Budget"
        assert made["Not among the inputs"].startswith("Company size, Product, Region,")

    def test_measures_in_words(self) -> None:
        found = {one.name: one for one in measures(QUALITY)}
        assert found["Log loss"].sentence == (
            "It predicts better than the base rate: a log loss of 0.596 against 0.667, lower is better."
        )
        assert found["Log loss"].interval == "better by 0.071; 95 %: 0.060 to 0.082"
        assert found["Log loss without reps"].sentence.startswith(
            "Whether knowing the rep helps cannot be told"
        )
        assert found["AUC"].value == "71 of 100"
        assert found["Concordance"].sentence.startswith("Cannot be told: 30 pairs")
        assert found["Calibration error"].value == "1.7 points"
        assert found["Calibration slope"].sentence.startswith("It is too sure of itself")

    def test_worse_than_the_base_rate_is_said(self) -> None:
        worse = QUALITY | {
            "better_than_base": {"mean": -0.02, "standard_error": 0.005, "low": -0.03, "high": -0.01}
        }
        found = measures(worse)[0]
        assert found.sentence.startswith("It predicts worse than the base rate")
        assert found.interval == "worse by 0.020; 95 %: 0.010 to 0.030"

    @pytest.mark.parametrize(
        ("needed", "words"),
        [(2600, "It would take about 2,600 deals"), (None, "nobody can say how many deals it would take")],
    )
    def test_reps_not_told_apart(self, needed: int | None, words: str) -> None:
        found = told_apart(REPORT["reps_apart"] | {"deals_needed": needed}, words_of({}, {}))
        assert found.sentences[0].startswith("Reps cannot be told apart with this data yet")
        assert words in found.sentences[0]

    def test_what_can_be_told_apart(self) -> None:
        verdict = {"p_value": 0.0001, "distinguishable": True, "affinity": True, "deals": 900, "deals_needed": 500,
                   "crossed": {"industry": 0.001, "size": 0.5}}  # fmt: skip
        found = told_apart(verdict, words_of({}, {}))
        assert found.distinguishable
        assert found.sentences[1] == "Who suits which leads can be told as well: by industry."

    def test_nothing_is_promised_where_the_lower_end_is_nothing(self) -> None:
        found = forecast({"gain": 0.03, "gain_low": -0.004, "ratio": 0.0})
        assert (found.low, found.high) == ("0.0", "3.0")
        assert "promises nothing yet" in found.sentence

    def test_effects_as_odds_with_what_could_be_nothing(self, omar: User, ana: Rep) -> None:
        page = load_model_page(learned([ana]), user=omar, ready=Readiness(420, 100), months=12)
        territory, load = page.pairs.first
        assert (territory.odds, territory.interval, territory.effect, territory.prior) == (
            "× 1.69", "1.23 to 2.31", "+0.52", "+0.15",
        )  # fmt: skip
        assert territory.sentence == "raises the odds of winning by 69 %"
        assert (load.name, load.odds, load.is_clear) == ("Each 10 points of load above 80 %", "× 0.96", False)
        assert page.pairs.sentence.startswith("Clear so far: covers the territory personally.")
        assert [row.name for row in page.leads] == ["Industry: Healthcare"]
        assert page.reps.sentence == "Clearly above the average: Ana."

    def test_drift_names_the_movers(self, omar: User, ana: Rep) -> None:
        drift = {"against": 1, "leads": 80, "correlation": 0.52, "mean_change": 0.1, "same_first_choice": 0.4,
                 "movers": [[ana.pk, 0.0, 0.2], [999, 0.0, 0.1]]}  # fmt: skip
        page = load_model_page(learned([ana], drift=drift), user=omar, ready=Readiness(420, 100), months=12)
        assert page.drift is not None
        assert page.drift.sentence.startswith(
            "It thinks quite otherwise than model 1 did: on 80 recent leads"
        )
        assert [(mover.name, mover.was, mover.now) for mover in page.drift.movers] == [
            ("Ana", "× 1.00", "× 1.22")
        ]

    def test_manager_reads_of_the_own_teams_only(
        self, ben: User, ana: Rep, cara: Rep, as_user: SignIn
    ) -> None:
        learned([ana, cara])
        client = as_user(ben)
        for address in (reverse("analytics_model"), reverse("model_segments", args=[2])):
            page = text(client.get(address))
            assert "Ana" in page
            assert "Cara" not in page
        assert "Cara" not in b"".join(client.get(reverse("model_segments_csv", args=[2]))).decode()

    def test_a_real_training_fills_the_page(
        self, omar: User, ana: Rep, bo: Rep, publish: Callable[[], int], as_user: SignIn
    ) -> None:
        now = timezone.now()
        Opportunity.objects.bulk_create(
            Opportunity(
                name=f"Deal {i}", stage="won" if (i * 7) % 10 < 4 else "lost", owner=(ana, bo)[i % 2],
                industry=("Healthcare", "Retail")[i % 3 == 0], opened_at=now - datetime.timedelta(days=90 + i),
                closed_at=now - datetime.timedelta(days=1 + i),
            )
            for i in range(130)
        )  # fmt: skip
        version = train_at_once(as_of=timezone.localdate() + datetime.timedelta(days=1), at=now)
        page = text(as_user(omar).get(reverse("model_version", args=[version.number])))
        assert "130 won and lost, of 2 reps" in page
        assert "It predicts" in page or "Whether it predicts" in page
        assert "Stated and actual chances" in page


class TestSegments:
    def cell(self, rep: str, deals: int, cycle: float | None) -> Cell:
        return Cell("industry", "Retail", 1, rep, deals, deals // 2, 0.4, cycle, None)

    def test_order_search_and_pages(self) -> None:
        every = [self.cell(f"Rep {i:02}", i, None if i == 3 else float(i)) for i in range(1, 61)]
        table = table_of(every, Search("industry", "", "-cycle", 2))
        assert (table.total, table.pages, table.before, table.after) == (60, 2, 1, None)
        assert [row.rep for row in table.rows][-2:] == ["Rep 01", "Rep 03"]  # unknown times come last
        assert [row.rep for row in table_of(every, Search("industry", "rep 07")).rows] == ["Rep 07"]
        assert table_of(every, Search("industry", "retail")).total == 60
        assert table_of(every, Search("industry", page=99)).page == 2
        assert table_of(every, Search("size")).rows == ()

    def test_page_shows_segments_by_their_names(self, omar: User, ana: Rep, as_user: SignIn) -> None:
        learned([ana])
        address = reverse("model_segments", args=[2])
        page = text(as_user(omar).get(address, {"category": "industry"}))
        assert "Healthcare" in page
        assert "9 of 14" in page
        assert "50 %" in page
        nonsense = {"category": "x", "order": "y", "page": "-3"}
        assert "12 of 30" in text(as_user(omar).get(address, nonsense))

    def test_csv_has_every_category(self, omar: User, ana: Rep, as_user: SignIn) -> None:
        Rep.objects.filter(pk=ana.pk).update(name="=Ana")
        learned([ana])
        response = as_user(omar).get(reverse("model_segments_csv", args=[2]))
        rows = list(csv.reader(io.StringIO(b"".join(response).decode().removeprefix("\ufeff"))))
        assert rows[1] == ["All deals", "All deals", "'=Ana", "30", "12", "0.4000", "0.3800", "41.0", "3.5"]
        assert rows[2][:2] == ["Industry", "Healthcare"]

    def test_rules_have_no_table(self, omar: User, as_user: SignIn) -> None:
        assert "Rules learn from no deals" in text(as_user(omar).get(reverse("model_segments", args=[1])))


class TestTraining:
    def test_train_now_is_for_those_who_may(
        self, omar: User, nia: User, ben: User, ana: Rep, as_user: SignIn
    ) -> None:
        assert "Train now" not in text(as_user(omar).get(reverse("analytics_model")))  # too few deals yet
        learned([ana])
        assert "Train now" in text(as_user(omar).get(reverse("analytics_model")))
        for user in (nia, ben):
            assert "Train now" not in text(as_user(user).get(reverse("analytics_model")))
            assert as_user(user).post(reverse("model_train")).status_code == 403

    def test_second_request_says_so(self, omar: User, ada: User, as_user: SignIn) -> None:
        first = text(as_user(omar).post(reverse("model_train"), follow=True))
        assert "The training is on its way" in first
        assert "Waiting for a worker" in first
        second = text(as_user(ada).post(reverse("model_train"), follow=True))
        assert "A training is under way already, asked for by Omar" in second
        assert Job.objects.filter(kind="training").count() == 1

    def running(self, **values: Any) -> Job:
        job = open_training(by=None)
        now = timezone.now()
        Job.objects.filter(pk=job.pk).update(state="running", started_at=now, heartbeat_at=now, **values)
        return job

    def test_progress_can_be_found_again(self, nia: User, as_user: SignIn) -> None:
        self.running(stage="Fitting", done=2, total=7)
        region = as_user(nia).get(reverse("model_training"), headers={"HX-Request": "true"})
        assert "Fitting: 2 of 7" in text(region)
        assert "<html" not in text(region)
        assert "Fitting: 2 of 7" in text(as_user(nia).get(reverse("model_training")))

    def test_stopped_training_is_seen_and_said_to_be_restarted(self, nia: User, as_user: SignIn) -> None:
        job = self.running()
        Job.objects.filter(pk=job.pk).update(heartbeat_at=timezone.now() - 2 * STOPPED_AFTER)
        assert "It is restarted by itself" in text(as_user(nia).get(reverse("analytics_model")))
        Job.objects.filter(pk=job.pk).update(result={"restarts": 3})
        assert "given up" in text(as_user(nia).get(reverse("analytics_model")))

    def test_restarted_training_says_which_attempt_it_is(self, nia: User, as_user: SignIn) -> None:
        self.running(result={"restarts": 1})
        assert "Training a model, second attempt" in text(as_user(nia).get(reverse("analytics_model")))

    @pytest.mark.parametrize(
        ("values", "words"),
        [
            ({"state": "failed", "error": "“Loss reason” gives the outcome away."}, "gives the outcome away"),
            ({"state": "done", "result": {"model": 1, "state": "rejected", "why": "Worse."}}, "was rejected"),
        ],
    )
    def test_outcome_is_told(self, values: dict[str, Any], words: str, nia: User, as_user: SignIn) -> None:
        job = self.running()
        Job.objects.filter(pk=job.pk).update(finished_at=timezone.now(), **values)
        assert words in text(as_user(nia).get(reverse("analytics_model")))

    def test_settings_are_saved(self, omar: User, as_user: SignIn) -> None:
        ModelSettings.objects.update_or_create(pk=1, defaults={"left_out": ["custom.budget"]})
        address = reverse("model_settings")
        values = {"months": "18", "override_weight": "0.5", "tag_trust": "2", "left_out": ["source", "value"]}
        assert "The next training learns by these settings" in text(
            as_user(omar).post(address, values, follow=True)
        )
        saved = ModelSettings.objects.get()
        assert (saved.months, saved.override_weight, saved.tag_trust) == (18, 0.5, 2)
        assert saved.left_out == ["source", "value", "custom.budget"]
        refused = as_user(omar).post(address, values | {"months": "2"})
        assert refused.status_code == 422
        assert ModelSettings.objects.get().months == 18


class TestRollBack:
    def test_dialog_says_what_happens_and_it_happens(self, omar: User, ana: Rep, as_user: SignIn) -> None:
        learned([ana])
        client = as_user(omar)
        assert "nothing learned from deals" in text(client.get(reverse("model_version", args=[1])))
        address = reverse("model_roll_back", args=[1])
        assert "It takes effect with the next decision." in text(client.get(address))
        page = text(client.post(address, {"note": "Odd choices"}, follow=True))
        assert "Model 1 decides from now on." in page
        assert "Rules decide" in page
        event = ModelEvent.objects.first()
        assert (event.kind, event.by, event.note) == ("rolled_back", omar, "Odd choices")
        history = text(client.get(reverse("model_history")))
        assert "Odd choices" in history
        assert "Roll back to model 2" in history

    def test_rejected_model_cannot_decide(self, omar: User, ana: Rep, as_user: SignIn) -> None:
        learned([ana], state="rejected")
        address = reverse("model_roll_back", args=[2])
        assert "has never decided" in text(as_user(omar).get(address))
        assert "has never decided" in text(as_user(omar).post(address, follow=True))
        assert ModelVersion.objects.get(state="champion").number == 1

    def test_readers_have_no_button(self, nia: User, ana: Rep, as_user: SignIn) -> None:
        learned([ana])
        assert "Roll back" not in text(as_user(nia).get(reverse("model_version", args=[1])))
        assert "Roll back" not in text(as_user(nia).get(reverse("model_history")))
        assert as_user(nia).post(reverse("model_roll_back", args=[1])).status_code == 403


class TestHistory:
    @pytest.mark.parametrize("count", [1, 30])
    def test_queries_do_not_grow(
        self, count: int, omar: User, ana: Rep, as_user: SignIn, django_assert_num_queries: Any
    ) -> None:
        for number in range(count):
            learned([ana], number=number + 2)
        client = as_user(omar)
        client.get(reverse("model_history"))
        with django_assert_num_queries(HISTORY_QUERIES):
            page = text(client.get(reverse("model_history")))
        assert "0.0640 lower" in page
        assert "420" in page


def test_the_old_address_of_valuations_leads_to_backtests(nia: User, as_user: SignIn) -> None:
    assert as_user(nia).get(reverse("model_value"))["Location"] == "/analytics/backtests/"


def test_plotly_is_served_from_its_package_alone() -> None:
    assert finders.find("plotly/package_data/plotly.min.js").endswith("plotly/package_data/plotly.min.js")
    assert finders.find("plotly/package_data/widgetbundle.js") is None
