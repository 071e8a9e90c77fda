"""Profiles kept current: what reps may do with the own one, completeness, reviews, the matrix, evidence, changes."""

import csv
import datetime
import io
import random
from collections.abc import Callable
from typing import Any

import pytest
from django.core.exceptions import PermissionDenied, ValidationError
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from crm.models import Opportunity
from crm.services.opportunities import create_opportunity
from reps.models import (
    Organisation,
    ProfileChange,
    ProfileProposal,
    ProfileReview,
    Rep,
    Skill,
    TagSuggestion,
    Team,
    User,
)
from reps.queries import organisation
from reps.queries.people import with_profile
from reps.queries.profiles import completeness_of, profiles_to_review, with_completeness
from reps.services.profiles import Tag, save_expertise
from reps.services.proposals import approve_proposal, propose_expertise
from reps.services.reviews import note_review

SignIn = Callable[[User], Client]
MakeRep = Callable[..., Rep]
REGION = {"HX-Request": "true"}
pytestmark = pytest.mark.django_db


def own_edits(mode: str) -> None:
    ours = organisation()
    ours.own_profile_edits = mode
    ours.save()


def tag_data(**rows: list[tuple[Any, ...]]) -> dict[str, object]:
    """A whole expertise form: each kind's (name, proficiency[, valid until])."""
    data: dict[str, object] = {}
    for kind in Skill.Kind:
        named = rows.get(kind, [])
        data |= {f"{kind}-TOTAL_FORMS": len(named), f"{kind}-INITIAL_FORMS": 0}
        for number, (name, proficiency, *until) in enumerate(named):
            data |= {f"{kind}-{number}-name": name, f"{kind}-{number}-proficiency": proficiency}
            data |= {f"{kind}-{number}-valid_until": until[0]} if until else {}
    return data


def asked(industry: str, *, times: int = 1, **values: Any) -> None:
    for number in range(times):
        facts = {"name": f"{industry} {number}", "industry": industry, "opened_at": timezone.now()} | values
        create_opportunity(values=facts, at=timezone.now(), by=None)


# --- what reps may do ------------------------------------------------------------------------------------------------


def test_read_only_is_refused_by_page_and_service(ana: Rep, as_user: SignIn) -> None:
    own_edits("read_only")
    assert ana.user
    client = as_user(ana.user)
    address = reverse("rep_expertise", args=[ana.pk])
    assert client.get(address).status_code == 403
    answer = client.post(address, tag_data(industry=[("Energy", 2)]))
    assert answer.status_code == 403
    assert "Tell your manager what has changed." in answer.content.decode()
    with pytest.raises(PermissionDenied):
        save_expertise(rep=ana, tags=[Tag("industry", "Energy")], by=ana.user)
    with pytest.raises(ValidationError):
        propose_expertise(rep=ana, tags=[Tag("industry", "Energy")], by=ana.user, at=timezone.now())
    assert [skill.name for skill in ana.skills.all()] == ["Healthcare"]
    profile = client.get(reverse("rep", args=[ana.pk])).content.decode()
    assert "Edit expertise" not in profile
    assert "Managers keep the expertise of reps here." in profile


@pytest.mark.parametrize("mode", Organisation.OwnEdits.values)
def test_managers_change_at_once_in_every_mode(mode: str, ana: Rep, ben: User, as_user: SignIn) -> None:
    own_edits(mode)
    as_user(ben).post(reverse("rep_expertise", args=[ana.pk]), tag_data(industry=[("Energy", 3)]))
    assert [skill.name for skill in ana.skills.all()] == ["Energy"]


def test_a_proposal_changes_nothing_until_approved(ana: Rep, ben: User, as_user: SignIn) -> None:
    own_edits("confirmed")
    assert ana.user
    address = reverse("rep_expertise", args=[ana.pk])
    data = tag_data(industry=[("Healthcare", 3)], language=[("German", 2)]) | {"deal_size_min": "50000"}
    page = as_user(ana.user).post(address, data, follow=True).content.decode()
    assert "Your manager is asked to confirm the changes." in page
    assert [(skill.name, skill.proficiency) for skill in ana.skills.all()] == [("Healthcare", 2)]
    proposal = ProfileProposal.objects.get()
    assert proposal.changes["Language"] == ["", "German (solid)"]
    assert 'value="German"' in as_user(ana.user).get(address).content.decode()  # the next change begins there

    Skill.objects.create(rep=ana, kind="product", name="GTX")  # somebody else's, meanwhile
    client = as_user(ben)
    assert "Approve the changes" in client.get(reverse("profile_review", args=[ana.pk])).content.decode()
    client.post(reverse("proposal_approve", args=[proposal.pk]))
    ana.refresh_from_db()
    found = {(skill.name, skill.proficiency) for skill in ana.skills.all()}
    assert found == {("Healthcare", 3), ("German", 2), ("GTX", 2)}
    assert ana.deal_size_min == 50_000
    change = ProfileChange.objects.get()
    assert (change.changed_by, change.note) == (ben, "Proposed by Ana")


def test_declining_needs_a_reason_that_the_rep_reads(ana: Rep, ben: User, as_user: SignIn) -> None:
    own_edits("confirmed")
    assert ana.user
    propose_expertise(rep=ana, tags=[], by=ana.user, at=timezone.now())
    proposal = ProfileProposal.objects.get()
    client = as_user(ben)
    address = reverse("proposal_decline", args=[proposal.pk])
    assert "Say why" in client.post(address, follow=True).content.decode()
    client.post(address, {"reason": "You still sell to hospitals."})
    page = as_user(ana.user).get(reverse("rep", args=[ana.pk])).content.decode()
    assert "You still sell to hospitals." in page
    assert ana.skills.count() == 1
    assert "declined already by Ben" in client_says(as_user(ben), "proposal_approve", proposal.pk)


def client_says(client: Client, name: str, pk: int) -> str:
    return client.post(reverse(name, args=[pk]), follow=True).content.decode()


def test_a_later_proposal_replaces_and_may_be_taken_back(ana: Rep, as_user: SignIn) -> None:
    own_edits("confirmed")
    assert ana.user
    for name in ("Energy", "Retail"):
        propose_expertise(rep=ana, tags=[Tag("industry", name)], by=ana.user, at=timezone.now())
    assert sorted(ProfileProposal.objects.values_list("state", flat=True)) == ["open", "replaced"]
    as_user(ana.user).post(reverse("proposal_withdraw", args=[ProfileProposal.objects.get(state="open").pk]))
    assert not ProfileProposal.objects.filter(state="open").exists()
    assert (
        propose_expertise(rep=ana, tags=[Tag("industry", "Healthcare")], by=ana.user, at=timezone.now())
        is None
    )


def test_proposals_of_others_are_out_of_reach(ana: Rep, cara: Rep, ben: User, as_user: SignIn) -> None:
    own_edits("confirmed")
    assert cara.user
    assert ana.user
    proposal = propose_expertise(rep=cara, tags=[Tag("industry", "X")], by=cara.user, at=timezone.now())
    assert proposal
    for name in ("proposal_approve", "proposal_decline"):
        assert as_user(ben).post(reverse(name, args=[proposal.pk])).status_code == 404
        assert as_user(cara.user).post(reverse(name, args=[proposal.pk])).status_code == 403
    assert as_user(ana.user).post(reverse("proposal_withdraw", args=[proposal.pk])).status_code == 404


def test_a_range_that_would_run_backwards_by_now_is_not_approved(ana: Rep, ben: User) -> None:
    own_edits("confirmed")
    assert ana.user
    ana.deal_size_min = 100
    proposal = propose_expertise(
        rep=ana, tags=[Tag("industry", "Healthcare")], by=ana.user, at=timezone.now()
    )
    assert proposal
    Rep.objects.filter(pk=ana.pk).update(deal_size_max=50)
    with pytest.raises(ValidationError, match="run backwards"):
        approve_proposal(pk=proposal.pk, by=ben, at=timezone.now())


# --- the form --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ({"deal_size_min": "250000", "deal_size_max": "50000"}, "The range begins at 250,000"),
        ({"deal_size_min": "-5"}, "A deal size is not negative."),
        (tag_data(certification=[("MEDDIC", 2, "2020-01-01")]), "1 January 2020 is over"),
        (tag_data(certification=[("MEDDIC", 2, "soon")]), "Write the last day as 2027-06-30."),
        (tag_data(certification=[("", 2, "2099-01-01")]), "Which certification is valid until then?"),
        (tag_data(industry=[("x" * 121, 2)]), "A name has at most 120 characters; this one has 121."),
        (tag_data(industry=[(f"I {n}", 2) for n in range(201)]), "At most 200 names of one kind"),
        (tag_data(industry=[("Energy", 9)]), "Select a valid choice."),
    ],
)
def test_bad_input_is_said_and_nothing_is_written(
    data: dict[str, object], says: str, ana: Rep, ben: User, as_user: SignIn
) -> None:
    answer = as_user(ben).post(reverse("rep_expertise", args=[ana.pk]), tag_data() | data)
    assert answer.status_code == 422
    assert says in answer.content.decode()
    assert [skill.name for skill in ana.skills.all()] == ["Healthcare"]


def test_errors_of_both_halves_are_shown_together(ana: Rep, ben: User, as_user: SignIn) -> None:
    data = tag_data(industry=[("x" * 121, 2)]) | {"deal_size_min": "9", "deal_size_max": "5"}
    page = as_user(ben).post(reverse("rep_expertise", args=[ana.pk]), data).content.decode()
    assert "at most 120 characters" in page
    assert "The range begins at 9" in page


def test_an_expired_certification_stays_while_the_rest_is_edited(
    ana: Rep, ben: User, as_user: SignIn
) -> None:
    Skill.objects.create(rep=ana, kind="certification", name="MEDDIC", valid_until=datetime.date(2020, 1, 1))
    data = tag_data(certification=[("MEDDIC", 2, "2020-01-01")]) | {"certification-INITIAL_FORMS": 1}
    assert as_user(ben).post(reverse("rep_expertise", args=[ana.pk]), data).status_code == 302


def test_unknown_and_repeated_names_are_kept_and_told(ana: Rep, ben: User, as_user: SignIn) -> None:
    asked("Energy")
    data = tag_data(industry=[("ENERGY", 2), ("Enrgy", 2)], language=[("German", 2), ("german", 1)])
    page = as_user(ben).post(reverse("rep_expertise", args=[ana.pk]), data, follow=True).content.decode()
    assert "No opportunity carries “Enrgy”, “German”." in page
    assert "Stated twice, counted once as stated first: German." in page
    assert ana.skills.count() == 3


def test_words_of_the_organisation_are_offered(ana: Rep, ben: User, as_user: SignIn) -> None:
    asked("Aerospace")
    from crm.models import Product, Term

    Term.objects.filter(name="Aerospace").update(is_known=True)
    Product.objects.create(name="GTX Pro")
    page = as_user(ben).get(reverse("rep_expertise", args=[ana.pk])).content.decode()
    assert '<option value="Aerospace">' in page
    assert '<option value="GTX Pro">' in page


# --- completeness ----------------------------------------------------------------------------------------------------


def test_sql_and_engine_say_the_same(make_rep: MakeRep) -> None:
    chance = random.Random(4)
    today = timezone.localdate()
    for number in range(40):
        kinds = [kind for kind in Skill.Kind.values if chance.random() < 0.5]
        rep = make_rep(
            f"R{number}",
            skills={kind: ["A", "B"] for kind in kinds},
            deal_size_max=chance.choice([None, 10]),
            selling_style=chance.choice(["", "technical"]),
        )
        expired = chance.choice([None, today, today - datetime.timedelta(days=1)])
        rep.skills.filter(kind="certification").update(valid_until=expired)
    reps: Any = with_completeness(with_profile(Rep.objects.all(), now=timezone.now()), today)
    both = [(rep.complete_pct, completeness_of(rep, ours=organisation(), today=today).pct) for rep in reps]
    assert [one for one, _ in both] == [other for _, other in both]
    assert len({one for one, _ in both}) > 8


def test_the_list_is_ordered_and_narrowed_by_completeness(
    ana: Rep, bo: Rep, omar: User, as_user: SignIn
) -> None:
    client = as_user(omar)
    full = {kind: ["X"] for kind in ("product", "language")}
    Skill.objects.bulk_create(
        Skill(rep=ana, kind=kind, name=n) for kind, names in full.items() for n in names
    )
    Rep.objects.filter(pk=ana.pk).update(deal_size_min=1)

    def names(**query: str) -> list[str]:
        return [rep.name for rep, _ in client.get(reverse("reps"), query).context["rows"]]

    assert names(order="complete") == ["Bo", "Ana"]
    assert names(profile="incomplete") == ["Bo"]
    assert names(profile="due") == []
    Rep.objects.update(created_at=timezone.now() - datetime.timedelta(days=15))
    assert names(profile="due") == ["Ana", "Bo"]
    assert "2 of 2 are due for review." in client.get(reverse("reps")).content.decode()


def test_my_work_says_what_is_missing(ana: Rep, as_user: SignIn, publish: Callable[[], int]) -> None:
    publish()
    assert ana.user
    page = as_user(ana.user).get(reverse("my_work")).content.decode()
    assert "No product stated" in page


# --- reviews ---------------------------------------------------------------------------------------------------------


def test_looks_right_goes_to_the_next(ana: Rep, bo: Rep, ben: User, as_user: SignIn) -> None:
    Rep.objects.update(created_at=timezone.now() - datetime.timedelta(days=200))
    version = Rep.objects.get(pk=ana.pk).updated_at
    client = as_user(ben)
    page = client.get(reverse("profile_reviews"))
    assert (page.context["rep"], page.context["next"], page.context["total"]) == (ana, bo.pk, 2)
    answer = client.post(
        reverse("rep_reviewed", args=[ana.pk]), {"next": reverse("profile_review", args=[bo.pk])}, follow=True
    )
    assert answer.context["rep"] == bo
    assert answer.context["total"] == 1
    ana.refresh_from_db()
    assert ana.reviewed_by == ben
    assert ana.updated_at == version  # nobody's open form is disturbed
    client.post(reverse("rep_reviewed", args=[bo.pk]))
    assert "Nothing is due" in client.get(reverse("profile_reviews")).content.decode()


def test_due_again_after_the_months_that_are_set(ana: Rep, ben: User) -> None:
    at = timezone.now()
    note_review(rep=ana, by=ben, at=at)
    ours = organisation()

    def due(days: int) -> bool:
        later = at + datetime.timedelta(days=days)
        return profiles_to_review(ben, now=later, ours=ours).exists()

    assert [due(91), due(92)] == [False, True]
    ours.profile_review_months = 6
    assert [due(182), due(183)] == [False, True]


def test_a_rep_confirms_and_does_not_review(ana: Rep, as_user: SignIn) -> None:
    assert ana.user
    as_user(ana.user).post(reverse("rep_reviewed", args=[ana.pk]))
    ana.refresh_from_db()
    assert ana.reviewed_at is None
    assert ana.confirmed_at is not None
    assert ProfileReview.objects.get().is_own


def test_reviews_of_other_teams_are_out_of_reach(cara: Rep, ben: User, nia: User, as_user: SignIn) -> None:
    assert as_user(ben).post(reverse("rep_reviewed", args=[cara.pk])).status_code == 404
    assert as_user(ben).get(reverse("profile_review", args=[cara.pk])).status_code == 404
    assert as_user(nia).post(reverse("rep_reviewed", args=[cara.pk])).status_code == 403
    assert not ProfileReview.objects.exists()


def test_suggested_tags_are_decided_from_the_review(ana: Rep, ben: User, as_user: SignIn) -> None:
    one = TagSuggestion.objects.create(
        rep=ana, kind="industry", name="Energy", action="add", sentence="won 9 of 12", wins=9, deals=12,
        expected=4, p_value=0.01, suggested_at=timezone.now(), found_at=timezone.now(),
    )  # fmt: skip
    here = reverse("profile_review", args=[ana.pk])
    client = as_user(ben)
    assert "Won 9 of 12." in client.get(here).content.decode()
    answer = client.post(reverse("tag_suggestions_decide"), {"approve": one.pk, "next": here})
    assert answer["Location"] == here
    assert ana.skills.filter(name="Energy").exists()


# --- the matrix ------------------------------------------------------------------------------------------------------


def test_matrix_holds_skills_against_demand(
    ana: Rep, bo: Rep, cara: Rep, ben: User, omar: User, as_user: SignIn
) -> None:
    Skill.objects.filter(rep=ana).update(evidence_won=9, evidence_closed=14)
    Skill.objects.create(rep=bo, kind="industry", name="healthcare", proficiency=1)
    Skill.objects.create(rep=cara, kind="industry", name="Energy")
    asked("Healthcare", times=6)
    asked("Retail", times=2)
    asked("Energy", opened_at=timezone.now() - datetime.timedelta(days=100))  # open still
    matrix = as_user(ben).get(reverse("skills_matrix")).context["matrix"]
    found = [
        (one.name, one.held, one.able, one.demand.recent, one.demand.open, one.gap) for one in matrix.columns
    ]
    assert found == [
        ("Healthcare", 2, 1, 6, 6, "one rep only"),
        ("Retail", 0, 0, 2, 2, "nobody"),
        ("Energy", 0, 0, 0, 1, "nobody"),
    ]
    assert [rep.name for rep in matrix.reps] == ["Ana", "Bo"]
    page = as_user(omar).get(reverse("skills_matrix"), {"gaps": "on"})
    assert [one.name for one in page.context["matrix"].columns] == ["Healthcare", "Retail"]
    assert "9/14" in page.content.decode()


def test_matrix_assumes_the_language_of_who_states_none(
    ana: Rep, bo: Rep, omar: User, as_user: SignIn
) -> None:
    Skill.objects.create(rep=ana, kind="language", name="Portuguese")
    asked("Retail", times=14, language="Portuguese")
    matrix = as_user(omar).get(reverse("skills_matrix"), {"kind": "language"}).context["matrix"]
    by_name = {one.name: one for one in matrix.columns}
    assert by_name["Portuguese"].gap == "one rep only"
    assert list(by_name["English"].cells) == [bo.pk]


def test_matrix_says_expired(ana: Rep, omar: User, as_user: SignIn) -> None:
    Skill.objects.create(rep=ana, kind="certification", name="MEDDIC", valid_until=datetime.date(2020, 1, 1))
    page = as_user(omar).get(reverse("skills_matrix"), {"kind": "certification"})
    (column,) = page.context["matrix"].columns
    assert (column.held, column.able) == (0, 0)
    assert "expired 1 Jan 2020" in page.content.decode()


def test_matrix_of_competitors_and_products(ana: Rep, omar: User, as_user: SignIn) -> None:
    from crm.models import Product

    Product.objects.create(name="GTX Pro")
    asked("Retail", product="GTX Pro", competitors=["Acme", "acme", "Globex"])
    client = as_user(omar)
    for kind, names in {"product": ["GTX Pro"], "competitor": ["Acme", "Globex"]}.items():
        matrix = client.get(reverse("skills_matrix"), {"kind": kind}).context["matrix"]
        assert [(one.name, one.demand.recent) for one in matrix.columns] == [(name, 1) for name in names]


def test_matrix_costs_the_same_for_5_and_500(
    make_rep: MakeRep, omar: User, as_user: SignIn, django_assert_num_queries: Any
) -> None:
    client = as_user(omar)
    for number in range(5):
        make_rep(f"A{number}", skills={"industry": [f"I{number}"]})
    asked("I1", times=3)
    client.get(reverse("skills_matrix"), headers=REGION)
    with django_assert_num_queries(9):
        client.get(reverse("skills_matrix"), headers=REGION)
    template = Rep.objects.all()[0]
    Rep.objects.bulk_create(
        Rep(name=f"B{number:03}", team=template.team, role_template=template.role_template)
        for number in range(495)
    )
    Skill.objects.bulk_create(
        Skill(rep=rep, kind="industry", name=f"I{rep.pk % 60}")
        for rep in Rep.objects.filter(name__startswith="B")
    )
    with django_assert_num_queries(9):
        page = client.get(reverse("skills_matrix"), headers=REGION)
    assert page.context["page"].total == 500
    assert len(page.context["matrix"].shown) == 40


def test_matrix_is_downloaded_shielded(ana: Rep, omar: User, as_user: SignIn) -> None:
    Skill.objects.filter(rep=ana).update(name="=1+1", evidence_won=1, evidence_closed=2)
    answer = as_user(omar).get(reverse("skills_matrix_csv"))
    rows = list(csv.reader(io.StringIO(answer.getvalue().decode("utf-8-sig"))))
    assert rows[:2] == [["rep", "team", "'=1+1"], ["Ana", "East", "solid, won 1 of 2"]]


def test_matrix_and_changes_are_not_for_reps(ana: Rep, nia: User, as_user: SignIn) -> None:
    assert ana.user
    for name in ("skills_matrix", "skills_matrix_csv", "profile_changes", "profile_changes_csv"):
        assert as_user(nia).get(reverse(name)).status_code == 200
        assert as_user(ana.user).get(reverse(name)).status_code == 403


def test_a_team_of_others_is_ignored(ana: Rep, west: Team, ben: User, as_user: SignIn) -> None:
    page = as_user(ben).get(reverse("skills_matrix"), {"team": str(west.pk), "kind": "nonsense"})
    assert [rep.name for rep in page.context["matrix"].reps] == ["Ana"]


# --- evidence and changes --------------------------------------------------------------------------------------------


def closed(rep: Rep, *, won: int, lost: int) -> None:
    for number in range(won + lost):
        deal = create_opportunity(values={"name": "D", "industry": "Healthcare"}, at=timezone.now(), by=None)
        stage = "won" if number < won else "lost"
        Opportunity.objects.filter(pk=deal.pk).update(
            owner=rep, stage=stage, closed_at=timezone.now(), routing="none"
        )


def test_evidence_stands_beside_the_team(ana: Rep, bo: Rep, cara: Rep, omar: User, as_user: SignIn) -> None:
    Skill.objects.create(rep=ana, kind="industry", name="Enrgy")
    closed(ana, won=3, lost=1)
    closed(bo, won=1, lost=2)
    closed(cara, won=5, lost=0)  # another team
    client = as_user(omar)
    unknown, known = client.get(reverse("rep_evidence", args=[ana.pk])).context["rows"]
    assert (known.won, known.closed, known.others_pct, known.others_closed) == (3, 4, 33, 3)
    assert (unknown.is_unknown, known.is_unknown) == (True, False)
    assert client.get(known.deals_url).context["page"].total == 4


def test_evidence_of_other_teams_is_out_of_reach(cara: Rep, ana: Rep, ben: User, as_user: SignIn) -> None:
    assert as_user(ben).get(reverse("rep_evidence", args=[cara.pk])).status_code == 404
    assert ana.user
    assert as_user(ana.user).get(reverse("rep_evidence", args=[ana.pk])).status_code == 200


def test_changes_are_listed_narrowed_and_downloaded(ana: Rep, cara: Rep, ben: User, as_user: SignIn) -> None:
    for rep in (ana, cara):
        ProfileChange.objects.create(rep=rep, changed_by=ben, changes={"Industry": ["", "Energy"]})
    ProfileChange.objects.create(rep=ana, changed_by=ben, changes={"team": ["East", "West"]})
    old = ProfileChange.objects.create(rep=ana, changed_by=ben, changes={"Industry": ["Energy", ""]})
    ProfileChange.objects.filter(pk=old.pk).update(changed_at=timezone.now() - datetime.timedelta(days=100))
    client = as_user(ben)

    def total(**query: Any) -> int:
        return int(client.get(reverse("profile_changes"), query).context["page"].total)

    assert [total(), total(field="Industry"), total(days=365), total(rep=cara.pk)] == [2, 1, 3, 2]
    answer = client.get(reverse("profile_changes_csv"), {"field": "Industry"})
    rows = list(csv.reader(io.StringIO(answer.getvalue().decode("utf-8-sig"))))
    assert [row[1:] for row in rows[1:]] == [["Ana", "East", "Ben", "Industry", "", "Energy", ""]]


@pytest.mark.parametrize(("name", "queries"), [("profile_changes", 6), ("profile_reviews", 12)])
def test_lists_cost_the_same_for_1_and_30(
    name: str, queries: int, make_rep: MakeRep, ben: User, as_user: SignIn, django_assert_num_queries: Any
) -> None:
    client = as_user(ben)

    def more(count: int, letter: str) -> None:
        for number in range(count):
            rep = make_rep(f"{letter}{number}", skills={"industry": ["Retail"]})
            ProfileChange.objects.create(rep=rep, changed_by=ben, changes={"Industry": ["", "X"]})
        Rep.objects.update(created_at=timezone.now() - datetime.timedelta(days=200))

    more(1, "A")
    client.get(reverse(name), headers=REGION)
    with django_assert_num_queries(queries):
        client.get(reverse(name), headers=REGION)
    more(29, "B")
    with django_assert_num_queries(queries):
        client.get(reverse(name), headers=REGION)
