"""Your own history: a file in, figures out; the file leaves the database."""

import io
import json
from collections.abc import Callable
from pathlib import Path

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.core.management import CommandError, call_command
from django.test import Client

from reps.models import User
from routing import jobs
from routing.models import HistoryCheck
from tests.routing.engine.test_evaluation import AS_OF, csv, deals

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
URL = "/analytics/model/checks/"


def send(client: Client, content: bytes, day: str = AS_OF.isoformat()) -> object:
    return client.post(URL, {"deals": SimpleUploadedFile("ours.csv", content), "as_of": day})


def test_an_analyst_tries_a_file_and_reads_the_figures(as_user: SignIn, nia: User) -> None:
    client = as_user(nia)
    response = send(client, csv(deals(600)))
    check = HistoryCheck.objects.get()
    assert response.url == f"{URL}{check.pk}/"  # type: ignore[attr-defined]
    assert "Waiting for a worker" in client.get(response.url).content.decode()  # type: ignore[attr-defined]
    jobs.check_history(check.job_id)
    check.refresh_from_db()
    assert (check.content, check.job.state) == (None, "done")
    page = client.get(f"{URL}{check.pk}/").content.decode()
    assert "It predicts better than looking at the lead only, whoever has it." in page
    assert "The same without reps" in page
    assert "ours.csv" in client.get(URL).content.decode()


def test_what_is_wrong_with_the_file_is_said_at_once_beside_the_field(as_user: SignIn, nia: User) -> None:
    client = as_user(nia)
    bad = [row | {"outcome": "maybe"} for row in deals(3)]
    for content, day, said in (
        (csv(bad), AS_OF.isoformat(), "Row 2, outcome: “maybe” is not a stage that is known"),
        (b"", AS_OF.isoformat(), "empty"),
        (b"\x50\x4b\x03\x04 not a csv", AS_OF.isoformat(), "not a CSV"),
        (csv(deals(600)), "2040-01-01", "100 are needed"),
        (csv(deals(600)), "soon", "Enter a valid date"),
    ):
        response = send(client, content, day)
        assert response.status_code == 422  # type: ignore[attr-defined]
        assert said in response.content.decode()  # type: ignore[attr-defined]
    assert not HistoryCheck.objects.exists()


def test_reps_do_not_see_it(as_user: SignIn, ana: object) -> None:
    rep = User.objects.create_user(email="rep@example.com", name="Rep", role="rep", password="x")
    assert as_user(rep).get(URL).status_code == 403


def test_the_command_says_the_same(tmp_path: Path) -> None:
    file = tmp_path / "deals.csv"
    file.write_bytes(csv(deals(600)))
    out = io.StringIO()
    call_command("evaluate_model", "--deals", str(file), "--as-of", AS_OF.isoformat(), "--json", stdout=out)
    found = json.loads(out.getvalue().splitlines()[-1])
    assert found["log_loss"] < found["log_loss_base"]
    assert set(found["models"]) == {"product", "without_reps", "base_rate"}
    plain = io.StringIO()
    call_command("evaluate_model", "--deals", str(file), "--as-of", AS_OF.isoformat(), stdout=plain)
    assert "Reps can be told apart" in plain.getvalue()


def test_the_command_refuses_in_words(tmp_path: Path) -> None:
    file = tmp_path / "deals.csv"
    file.write_bytes(csv([row | {"value": "much"} for row in deals(3)]))
    for path, day, why in (
        (file, AS_OF.isoformat(), "Row 2, value: “much” is not a number"),
        (tmp_path / "none.csv", AS_OF.isoformat(), "cannot be read: No such file"),
        (file, "tomorrow", "“tomorrow” is no date"),
    ):
        with pytest.raises(CommandError, match=why):
            call_command("evaluate_model", "--deals", str(path), "--as-of", day)
