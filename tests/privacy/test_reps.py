"""A rep with a user, who went through the whole product and has left, is erased."""

import datetime
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from allauth.socialaccount.models import SocialAccount
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from django_q.models import OrmQ
from django_q.tasks import async_task
from rest_framework.test import APIClient

from analytics.models import Report
from crm.models import Opportunity
from privacy.models import Erasure
from privacy.services.erasing import erase
from reps.models import (
    Absence,
    ApiToken,
    CalendarFeed,
    Invitation,
    ProfileChange,
    Rep,
    SignInRefusal,
    Team,
    User,
)  # fmt: skip
from reps.services.audit import seal
from reps.services.people import save_user
from reps.services.profiles import save_rep
from routing.management.commands.replay_decision import is_identical
from routing.models import ConfigurationVersion, Decision, Delivery, NotificationSettings, Rule
from routing.queries.configuration import content_hash, live_version, working_content
from routing.queries.departures import Choices, plan_departure, ties_of
from routing.queries.invariants import check_invariants
from routing.services import outbox, overrides
from routing.services.departures import let_go
from routing.services.queue import approve
from tests.conftest import NOW, PASSWORD
from tests.privacy.searching import where_is

pytestmark = pytest.mark.django_db
DAY = datetime.timedelta(days=1)
NAME, EMAIL, MAIDEN = "Brannoch Tulverine", "b.tulverine@example.com", "Brannoch Ostrander-Quix"
MARKERS = ("tulverine", "quix", "203.0.113.77")


@pytest.fixture
def tulverine(
    make_rep: Callable[..., Rep], bo: Rep, ben: User, omar: User, ada: User, publish: Callable[[], int],
    make_opportunity: Callable[..., Opportunity], api: Callable[[User], APIClient], east: Team,
) -> Rep:  # fmt: skip
    user = User.objects.create_user(EMAIL, PASSWORD, name=MAIDEN, role=User.Role.REP)
    rep = make_rep(MAIDEN, user=user, email="old.quix@example.com", external_id="EMP-TULVERINE")
    user.name, rep.name, rep.email = NAME, NAME, EMAIL
    save_user(user=user, by=ada)
    save_rep(rep=rep, by=omar)
    sign_in(user)
    use_everything(rep, user, omar)
    Rule.objects.create(
        name=f"Leads for {NAME}", position=1, action="route_to_rep", rep=rep,
        condition={"field": "source", "op": "is", "value": f"Referral by {NAME}"},
    )  # fmt: skip
    publish()
    client = api(omar)
    for source in (f"Referral by {NAME}", "Website"):
        answer = client.post(
            "/api/v1/opportunities/", {"name": f"By {source}", "source": source}, format="json"
        )
        assert answer.status_code == 201
    for item in rep.queue_items.filter(state="pending"):
        approve(item_id=item.pk, by=ben, at=NOW)
    lead = make_opportunity("Plain")
    overrides.reassign(opportunity_ids=[lead.pk], rep_id=rep.pk, by=omar, at=NOW, note=f"{NAME} knows them")
    outbox.deliver_due(at=NOW)
    client.get("/api/v1/reps/", {"q": NAME})
    leave(rep, omar, rules_to=bo.pk)
    return Rep.objects.get(pk=rep.pk)


def sign_in(user: User) -> None:
    browser = Client(REMOTE_ADDR="203.0.113.77", HTTP_USER_AGENT="Tulverine Browser")
    for password in ("wrong", PASSWORD):
        browser.post(reverse("login"), {"login": EMAIL, "password": password})
    browser.get(reverse("my_work"))
    other = Client(REMOTE_ADDR="203.0.113.77")
    other.post(reverse("login"), {"login": EMAIL.upper(), "password": "wrong again"})


def use_everything(rep: Rep, user: User, omar: User) -> None:
    Absence.objects.create(rep=rep, starts_at=NOW, ends_at=NOW + DAY, reason="sick", note="tulverine surgery")
    CalendarFeed.objects.create(
        rep=rep, name="Tulverine home", kind="address", host="tulverine.example", username="tulverine",
        sealed=b"tulverine", updated_at=NOW,
    )  # fmt: skip
    ApiToken.objects.create(user=user, name="Tulverine laptop")
    Authenticator.objects.create(user=user, type="totp", data={"secret": "tulverine"})
    SocialAccount.objects.create(user=user, provider="oidc", uid="tulverine-7", extra_data={"name": NAME})
    EmailAddress.objects.create(user=user, email="private.tulverine@example.org")
    NotificationSettings.objects.create(user=user, chat_hint="tulverine channel", chat_sealed=b"tulverine")
    Invitation.objects.create(
        email=EMAIL,
        name=NAME,
        stamp=uuid.uuid4(),
        invited_at=NOW,
        expires_at=NOW,
        accepted_at=NOW,
        accepted_by=user,
    )
    SignInRefusal.objects.create(at=NOW, email=EMAIL, reason="nobody by this name", groups=["x"])
    ProfileChange.objects.create(
        rep=rep, changed_by=user, changes={"name": [MAIDEN, NAME]}, note="tulverine says"
    )
    Report.objects.create(
        kind="daily", user=user, day=NOW.date(), said="hello tulverine", content={"a": "tulverine"}
    )
    async_task("routing.jobs.send_letter", EMAIL)
    cache.set("limit:b.tulverine@example.com", EMAIL)
    outbox.tell("rep.away", {"rep_id": rep.pk, "text": f"{NAME} is away"}, at=NOW)


def leave(rep: Rep, by: User, **choices: Any) -> None:
    chosen = Choices(opportunities="give", opportunities_to=choices["rules_to"], **choices)
    plan = plan_departure(ties_of(rep, NOW), chosen, by=by, now=NOW)
    let_go(rep_id=rep.pk, choices=chosen, digest=plan.digest, by=by, at=NOW + DAY, reason="tulverine is ill")


def test_nothing_is_left(tulverine: Rep, ada: User) -> None:
    seal()
    found = where_is(*MARKERS)
    assert len(found) > 25, found
    decided = list(Decision.objects.order_by("pk").values_list("pk", "outcome", "rep", "score", "columns"))
    erase(people=[("rep", tulverine.pk)], by=ada, at=NOW, reason="has asked for it")
    seal()
    assert where_is(*MARKERS) == []
    assert (
        list(Decision.objects.order_by("pk").values_list("pk", "outcome", "rep", "score", "columns"))
        == decided
    )
    assert [one.pk for one in Decision.objects.all() if not is_identical(one)] == []
    assert [f"{one.guarantee}: {one.detail}" for one in check_invariants().violations] == []
    tulverine.refresh_from_db()
    user = tulverine.user
    assert user is not None
    assert (tulverine.name, tulverine.email, tulverine.external_id) == (
        f"Former rep {tulverine.pk}",
        "",
        None,
    )
    assert (user.name, user.is_active, user.has_usable_password()) == (
        f"Former rep {tulverine.pk}",
        False,
        False,
    )
    assert user.email == f"erased-user-{user.pk}@erased.invalid"
    assert not Delivery.objects.filter(user=user).exists()
    assert OrmQ.objects.count() == 0 or where_is("tulverine") == []
    version = live_version()
    assert version.content_hash == content_hash(version.content) == content_hash(working_content())
    assert Erasure.objects.get().kind == "rep"
    assert all(one.content_hash == content_hash(one.content) for one in ConfigurationVersion.objects.all())
