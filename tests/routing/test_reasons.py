"""The reasons people choose when they decide otherwise: kept on past overrides, offered as ops says."""

from collections.abc import Callable

import pytest
from django.core.exceptions import ValidationError
from django.test import Client
from django.urls import reverse

from crm.models import Opportunity
from reps.models import Rep, User
from routing.forms.queue import ReasonForm
from routing.models import Override, OverrideReason
from routing.services import overrides, reasons
from tests.conftest import NOW

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]


def offered() -> list[str]:
    return [str(one) for one in ReasonForm().fields["reason"].queryset]  # type: ignore[attr-defined]


def first() -> OverrideReason:
    return OverrideReason.objects.order_by("position")[0]


def test_added_last_and_offered(omar: User, as_user: SignIn) -> None:
    answer = as_user(omar).post(
        reverse("override_reason_new"), {"label": "Speaks too fast", "is_about_fit": "on"}
    )
    assert answer.status_code == 302
    assert offered()[-1] == "Speaks too fast"
    assert OverrideReason.objects.get(label="Speaks too fast").is_about_fit


@pytest.mark.parametrize(
    ("label", "said"),
    [
        ("", "This field is required."),
        ("overLOADED", "There is this reason already."),
        ("other", "There was this reason; it is retired."),
        ("x" * 81, "at most 80 characters"),
    ],
)
def test_what_cannot_be(label: str, said: str, omar: User, as_user: SignIn) -> None:
    OverrideReason.objects.filter(label="Other").update(is_active=False)
    answer = as_user(omar).post(reverse("override_reason_new"), {"label": label})
    assert answer.status_code == 422
    assert said in answer.content.decode()
    assert label in answer.content.decode()


def test_renamed_on_past_overrides_too(
    ana: Rep, omar: User, as_user: SignIn, make_opportunity: Callable[..., Opportunity]
) -> None:
    reason = first()
    lead = make_opportunity()
    overrides.reassign(opportunity_ids=[lead.pk], rep_id=ana.pk, by=omar, at=NOW, reason=reason)
    client = as_user(omar)
    seen = {"seen_at": reason.updated_at.isoformat()}
    client.post(reverse("override_reason", args=[reason.pk]), {"label": "No expertise", **seen})
    override = Override.objects.select_related("reason").get()
    assert override.reason is not None
    assert (override.reason.label, override.reason.is_about_fit) == ("No expertise", False)
    page = client.get(reverse("override_reasons")).content.decode()
    assert "No expertise" in page


def test_two_people_at_once_are_told(omar: User, as_user: SignIn) -> None:
    reason = first()
    seen = reason.updated_at.isoformat()
    reasons.save_reason(reason=reason, by=omar)
    answer = as_user(omar).post(
        reverse("override_reason", args=[reason.pk]), {"label": "Mine", "seen_at": seen}
    )
    assert answer.status_code == 422
    assert "while you were editing" in answer.content.decode()
    reason.refresh_from_db()
    assert reason.label == "Wrong expertise"


def test_retired_kept_and_offered_again(
    ana: Rep, omar: User, as_user: SignIn, make_opportunity: Callable[..., Opportunity]
) -> None:
    reason, client = first(), as_user(omar)
    overrides.reassign(opportunity_ids=[make_opportunity().pk], rep_id=ana.pk, by=omar, at=NOW, reason=reason)
    page = client.post(reverse("override_reason_retire", args=[reason.pk]), follow=True).content.decode()
    assert f'action="{reverse("override_reason_offer", args=[reason.pk])}"' in page
    assert reason.label not in offered()
    assert Override.objects.get().reason == reason
    client.post(reverse("override_reason_offer", args=[reason.pk]))
    assert offered()[0] == reason.label


def test_the_last_one_stays(omar: User) -> None:
    reason = first()
    OverrideReason.objects.exclude(pk=reason.pk).update(is_active=False)
    with pytest.raises(ValidationError, match="the last reason"):
        reasons.offer_reason(reason_id=reason.pk, offered=False, by=omar)


def test_moved(omar: User, as_user: SignIn) -> None:
    before, client = offered(), as_user(omar)
    move = reverse("override_reason_move", args=[first().pk])
    client.post(move, {"step": "down"})
    assert offered()[:2] == [before[1], before[0]]
    client.post(move, {"step": "up"})
    client.post(move, {"step": "up"})
    assert offered() == before
    assert client.post(move, {"step": "sideways"}).status_code == 404
    second = OverrideReason.objects.order_by("position")[1]
    reasons.offer_reason(reason_id=second.pk, offered=False, by=omar)
    client.post(move, {"step": "down"})
    assert offered()[:2] == [before[2], before[0]]


def test_only_ops_and_admins(ben: User, nia: User, as_user: SignIn) -> None:
    for user in (ben, nia):
        client = as_user(user)
        assert client.get(reverse("override_reasons")).status_code == 403
        assert client.post(reverse("override_reason_retire", args=[first().pk])).status_code == 403
