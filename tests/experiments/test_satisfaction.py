"""Satisfaction scores by the API and by a file: all or nothing, errors by row and field, repeats change nothing."""

from collections.abc import Callable
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test.utils import CaptureQueriesContext

from crm.models import Opportunity
from experiments.models import SatisfactionScore
from reps.models import Rep, User

pytestmark = pytest.mark.django_db
API, PAGE = "/api/v1/satisfaction-scores/", "/experiments/satisfaction/"
DAY = "2026-03-02T10:00:00Z"


@pytest.fixture
def northwind(make_opportunity: Callable[..., Opportunity]) -> Opportunity:
    return make_opportunity(external_id="N-1")


def stored() -> list[tuple[int, float]]:
    return list(SatisfactionScore.objects.order_by("pk").values_list("opportunity_id", "score"))


class TestApi:
    def test_one_by_our_id_and_one_by_theirs(self, northwind: Opportunity, api: Any, omar: User) -> None:
        one = {"opportunity": northwind.pk, "score": 8, "given_at": DAY}
        other = {"opportunity": "ext:N-1", "score": 9.5, "given_at": DAY, "external_id": "S-2"}
        client = api(omar)
        assert client.post(API, one).json() == {"added": 1, "changed": 0, "unchanged": 0}
        assert client.post(API, [other]).json() == {"added": 1, "changed": 0, "unchanged": 0}
        assert stored() == [(northwind.pk, 8.0), (northwind.pk, 9.5)]

    def test_a_repeat_changes_nothing_and_a_correction_replaces(
        self, northwind: Opportunity, api: Any, omar: User
    ) -> None:
        rows = [
            {"opportunity": str(northwind.pk), "score": 8, "given_at": DAY},
            {"opportunity": str(northwind.pk), "score": 5, "given_at": DAY, "external_id": "S-1"},
        ]
        client = api(omar)
        client.post(API, rows)
        assert client.post(API, rows).json() == {"added": 0, "changed": 0, "unchanged": 2}
        rows[1]["score"] = 6
        assert client.post(API, rows).json() == {"added": 0, "changed": 1, "unchanged": 1}
        assert stored() == [(northwind.pk, 8.0), (northwind.pk, 6.0)]

    @pytest.mark.parametrize(
        ("change", "field", "reason"),
        [
            ({"score": 11}, "score", "from 0 to 10"),
            ({"score": "nan"}, "score", "from 0 to 10"),
            ({"score": 10**400}, "score", "from 0 to 10"),
            ({"score": True}, "score", "from 0 to 10"),
            ({"score": None}, "score", "from 0 to 10"),
            ({"opportunity": "ext:nobody"}, "opportunity", "no such opportunity"),
            ({"opportunity": ""}, "opportunity", "is expected"),
            ({"opportunity": "ext:\x00"}, "opportunity", "no such opportunity"),
            ({"opportunity": "9" * 40}, "opportunity", "no such opportunity"),
            ({"opportunity": {"id": 1}}, "opportunity", "no such opportunity"),
            ({"given_at": "yesterday"}, "given_at", "a moment is expected"),
            ({"given_at": "2026-13-45"}, "given_at", "a moment is expected"),
            ({"given_at": None}, "given_at", "a moment is expected"),
            ({"given_at": "2199-01-01"}, "given_at", "in the future"),
            ({"given_at": "0001-01-01T00:00:00+14:00"}, "given_at", "before 1900"),
            ({"external_id": "x" * 121}, "external_id", "120 characters"),
            ({"external_id": "\x00"}, "external_id", "120 characters"),
            ({"stars": 5}, "stars", "no such field"),
        ],
    )
    def test_says_which_row_and_field_is_wrong_and_keeps_nothing(
        self, northwind: Opportunity, api: Any, omar: User, change: dict[str, Any], field: str, reason: str
    ) -> None:
        good = {"opportunity": str(northwind.pk), "score": 8, "given_at": DAY}
        response = api(omar).post(API, [good, good | change])
        assert response.status_code == 400
        rows = response.json()["rows"]
        assert [(one["row"], one["field"]) for one in rows] == [(1, field)]
        assert reason in rows[0]["reason"]
        assert stored() == []

    @pytest.mark.parametrize("body", [[1], ["x"], [[]], [None], "x", 5])
    def test_other_bodies_are_refused_in_words(self, api: Any, omar: User, body: Any) -> None:
        assert api(omar).post(API, body).status_code == 400

    def test_the_same_id_twice_in_a_list(self, northwind: Opportunity, api: Any, omar: User) -> None:
        row = {"opportunity": str(northwind.pk), "score": 8, "given_at": DAY, "external_id": "S-1"}
        rows = api(omar).post(API, [row, row]).json()["rows"]
        assert rows == [{"row": 1, "field": "external_id", "reason": "Row 0 has it already."}]

    def test_is_for_those_who_import(self, northwind: Opportunity, api: Any, nia: User, ana: Rep) -> None:
        for user in (nia, ana.user):
            assert api(user).post(API, {}).status_code == 403

    @pytest.mark.parametrize("count", [1, 30])
    def test_asks_as_much_for_one_as_for_thirty(
        self, northwind: Opportunity, api: Any, omar: User, count: int
    ) -> None:
        rows = [
            {"opportunity": "ext:N-1", "score": n % 10, "given_at": DAY, "external_id": f"S-{n}"}
            for n in range(count)
        ]
        client = api(omar)
        with CaptureQueriesContext(connection) as queries:
            client.post(API, rows)
        assert len([one for one in queries if "satisfactionscore" in one["sql"]]) == 2


class TestFile:
    def sent(self, client: Any, text: str) -> Any:
        return client.post(PAGE, {"table": SimpleUploadedFile("scores.csv", text.encode())})

    def test_is_kept_as_a_whole(self, northwind: Opportunity, as_user: Any, omar: User) -> None:
        text = f"Opportunity;score;given_at\n{northwind.pk};7,5;2026-03-01\next:N-1;4;2026-03-02T09:30\n"
        response = self.sent(as_user(omar), text)
        assert response.status_code == 302
        assert stored() == [(northwind.pk, 7.5), (northwind.pk, 4.0)]
        assert "2 scores of 1 opportunity" in as_user(omar).get(PAGE).content.decode()

    def test_reports_every_bad_row_and_keeps_nothing(
        self, northwind: Opportunity, as_user: Any, omar: User
    ) -> None:
        text = f"opportunity,score,given_at\n{northwind.pk},8,2026-03-01\n0,12,never\n{northwind.pk},,2026-03-01\n"
        response = self.sent(as_user(omar), text)
        assert response.status_code == 422
        assert [(one.row, one.field) for one in response.context["problems"]] == [
            (3, "opportunity"),
            (3, "score"),
            (3, "given_at"),
            (4, "score"),
        ]
        assert stored() == []

    @pytest.mark.parametrize(
        "text", ["", "opportunity,score\n1,2\n", "PK\x03\x04zip", "opportunity,score,given_at\n"]
    )
    def test_says_what_is_wrong_with_another_file(self, as_user: Any, omar: User, text: str) -> None:
        response = self.sent(as_user(omar), text)
        assert response.status_code == 422
        assert response.context["form"].errors["table"]

    def test_missing_stays_missing(self, northwind: Opportunity, as_user: Any, omar: User) -> None:
        assert "No scores yet" in as_user(omar).get(PAGE).content.decode()
