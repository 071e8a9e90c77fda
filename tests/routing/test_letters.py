"""Letters of the sign-in: handed to a worker sealed, sent through the organisation's mail server, tried again."""

from collections.abc import Iterator
from typing import Any

import pytest
from django.core.mail import send_mail
from django.test import Client
from django_q.models import OrmQ, Schedule
from django_q.signing import SignedPackage

from reps.models import User
from routing import jobs
from tests.routing.receivers import MailServer, mail_server

pytestmark = pytest.mark.django_db
LINK = "https://routing.example.com/invitation/secret/"


@pytest.fixture
def mail(settings: Any) -> Iterator[MailServer]:
    settings.EMAIL_BACKEND = "routing.services.delivery.letters.EmailBackend"
    with mail_server() as server:
        settings.MAIL_URL = server.url
        yield server


def waiting() -> list[tuple[Any, ...]]:
    """The arguments of the letters that a worker would take."""
    tasks = [SignedPackage.loads(row.payload) for row in OrmQ.objects.order_by("pk")]
    return [task["args"] for task in tasks if task["func"] == "routing.jobs.send_letter"]


def invite() -> tuple[Any, ...]:
    send_mail("You are invited", f"Come in:\n{LINK}\n", None, ["dora@example.com"])
    [arguments] = waiting()
    return arguments


def test_a_letter_arrives_through_the_products_mail_server(mail: MailServer) -> None:
    assert jobs.send_letter(*invite())
    [letter] = mail.letters
    assert (letter["To"], letter["Subject"]) == ("dora@example.com", "You are invited")
    assert LINK in str(letter.get_payload())
    assert letter["Auto-Submitted"] == "auto-generated"


def test_what_waits_tells_neither_address_nor_link(mail: MailServer) -> None:
    arguments = invite()
    assert "dora" not in str(arguments)
    assert "secret" not in str(arguments)
    assert all("dora" not in row.payload for row in OrmQ.objects.all())


def test_a_server_that_is_away_is_tried_again_and_given_up_in_the_end(mail: MailServer) -> None:
    arguments = invite()
    mail.answers["dora@example.com"] = "451 later"
    assert not jobs.send_letter(*arguments)
    again = Schedule.objects.get(func="routing.jobs.send_letter")
    assert again.args.endswith(", 2)")
    Schedule.objects.all().delete()
    assert not jobs.send_letter(arguments[0], 8)
    assert not Schedule.objects.filter(func="routing.jobs.send_letter").exists()


def test_a_mailbox_that_does_not_exist_is_not_tried_again(mail: MailServer) -> None:
    arguments = invite()
    mail.answers["dora@example.com"] = "550 no such mailbox"
    assert not jobs.send_letter(*arguments)
    assert not Schedule.objects.filter(func="routing.jobs.send_letter").exists()


def test_a_letter_of_another_secret_key_is_dropped(mail: MailServer, settings: Any) -> None:
    arguments = invite()
    settings.SECRET_KEY = "another one"
    assert not jobs.send_letter(*arguments)
    assert mail.letters == []


def test_without_a_mail_server_nothing_waits(settings: Any) -> None:
    settings.EMAIL_BACKEND = "routing.services.delivery.letters.EmailBackend"
    settings.MAIL_URL = ""
    assert send_mail("Hello", "there", None, ["dora@example.com"]) == 0
    assert waiting() == []


def test_an_absent_mail_server_tells_nothing_of_accounts(mail: MailServer, settings: Any, omar: User) -> None:
    settings.MAIL_URL = "mailto://127.0.0.1:1?from=routing@example.com"
    answers = [
        Client().post("/login/forgotten/", {"email": email}) for email in (omar.email, "nobody@example.com")
    ]
    assert {answer["Location"] for answer in answers} == {"/login/forgotten/sent/"}
    assert len(waiting()) == 2
