"""Pages of people: who sees what, what a form refuses and keeps, two editors at once, and lists that stay quick."""

import datetime
from collections.abc import Callable
from typing import Any

import pytest
from django.test import Client
from django.urls import reverse
from django.utils import timezone

from reps.models import Absence, CertificationDepth, ProfileChange, Rep, RoleTemplate, Skill, Team, User

SignIn = Callable[[User], Client]
REGION = {"HX-Request": "true"}  # without the frame, whose navigation counts for itself
MakeRep = Callable[..., Rep]

# URL name, arguments from the cast, and the roles that get the page. Everybody else gets 403 or 404.
PAGES = [
    ("users", (), {"admin"}),
    ("user_new", (), {"admin"}),
    ("teams", (), {"ops", "manager", "rep", "analyst", "admin"}),
    ("team", ("east",), {"ops", "manager", "rep", "analyst", "admin"}),
    ("team_new", (), {"ops", "admin"}),
    ("team_edit", ("east",), {"ops", "admin"}),
    ("team", ("west",), {"ops", "analyst", "admin"}),
    ("reps", (), {"ops", "manager", "rep", "analyst", "admin"}),
    ("rep", ("ana",), {"ops", "manager", "rep", "analyst", "admin"}),
    ("rep", ("cara",), {"ops", "analyst", "admin"}),
    ("rep_new", (), {"ops", "manager", "admin"}),
    ("rep_edit", ("ana",), {"ops", "manager", "admin"}),
    ("rep_edit", ("cara",), {"ops", "admin"}),
    ("rep_expertise", ("ana",), {"ops", "manager", "rep", "admin"}),
    ("rep_expertise", ("cara",), {"ops", "admin"}),
    ("role_templates", (), {"ops", "manager", "rep", "analyst", "admin"}),
    ("role_template_new", (), {"ops", "manager", "admin"}),
    ("certifications", (), {"ops", "manager", "rep", "analyst", "admin"}),
    ("certification_new", (), {"ops", "manager", "admin"}),
]


@pytest.mark.parametrize(("name", "arguments", "roles"), PAGES)
def test_pages_open_for_their_roles_only(
    name: str,
    arguments: tuple[str, ...],
    roles: set[str],
    client: Client,
    ana: Rep,
    ben: User,
    cara: Rep,
    omar: User,
    nia: User,
    ada: User,
    request: pytest.FixtureRequest,
) -> None:
    address = reverse(name, args=[request.getfixturevalue(argument).pk for argument in arguments])
    opened = set()
    for user in (ana.user, ben, omar, nia, ada):
        assert user is not None
        client.force_login(user)
        answer = client.get(address)
        assert answer.status_code in (200, 403, 404)
        if answer.status_code == 200:
            opened.add(user.role)
    assert opened == roles


def test_signed_out_readers_are_asked_to_sign_in(client: Client, db: None) -> None:
    answer = client.get("/reps/")
    assert answer.status_code == 302
    assert answer["Location"] == "/login/?next=/reps/"


def test_sign_in_by_email_whatever_its_case(client: Client, omar: User) -> None:
    answer = client.post("/login/", {"login": "OMAR@example.com", "password": "correct horse battery"})
    assert answer.status_code == 302


def test_wrong_password_says_so_beside_a_kept_email(client: Client, omar: User) -> None:
    page = client.post("/login/", {"login": "omar@example.com", "password": "no"}).content.decode()
    assert 'value="omar@example.com"' in page
    assert "Not saved yet" not in page


@pytest.mark.parametrize(("name", "queries"), [("users", 5), ("teams", 5), ("reps", 9)])
def test_lists_take_the_same_queries_for_1_row_and_30(
    name: str,
    queries: int,
    ada: User,
    as_user: SignIn,
    make_rep: MakeRep,
    django_assert_num_queries: Callable[[int], object],
) -> None:
    client = as_user(ada)
    fill(make_rep, count=1)
    client.get(reverse(name), headers=REGION)
    with django_assert_num_queries(queries):  # type: ignore[attr-defined]
        client.get(reverse(name), headers=REGION)
    fill(make_rep, count=30)
    with django_assert_num_queries(queries):  # type: ignore[attr-defined]
        client.get(reverse(name), headers=REGION)


def fill(make_rep: MakeRep, *, count: int) -> None:
    for number in range(count):
        word = f"{count}-{number}"
        manager = User.objects.create_user(
            f"m{word}@example.com", name=f"Manager {word}", role=User.Role.MANAGER
        )
        team = Team.objects.create(name=f"Team {word}")
        team.managers.add(manager)
        user = User.objects.create_user(f"r{word}@example.com", name=f"Rep {word}")
        rep = make_rep(
            f"Rep {word}", team=team, user=user, skills={"industry": ["Health"], "language": ["English"]}
        )
        Absence.objects.create(rep=rep, starts_at=timezone.now())


def test_rep_list_pages_by_position_without_losing_or_doubling_anybody(
    ada: User, as_user: SignIn, make_rep: MakeRep
) -> None:
    for number in range(120):
        make_rep(f"Rep {number % 40:03}")  # equal names, so that the id has to decide
    client = as_user(ada)
    seen: list[int] = []
    address, pages = "/reps/", 0
    while address:
        page = client.get(address).context["page"]
        seen += [rep.pk for rep in page.rows]
        address, pages = f"/reps/?at={page.after}" if page.after else "", pages + 1
    assert (len(seen), len(set(seen)), pages) == (120, 120, 3)
    back = client.get(f"/reps/?at={client.get(f'/reps/?at={page.before}').context['page'].before}").context[
        "page"
    ]
    assert [rep.pk for rep in back.rows] == seen[:50]


def test_made_up_cursor_is_not_found(ada: User, as_user: SignIn) -> None:
    client = as_user(ada)
    for cursor in ("x", "W10", "WzAsICJzIiwgW10sIDFd", "\u00e9"):
        assert client.get("/reps/", {"at": cursor}).status_code == 404


def test_rep_list_filters_by_words_team_and_absence(
    ana: Rep, cara: Rep, omar: User, as_user: SignIn, west: Team
) -> None:
    client = as_user(omar)
    Absence.objects.create(rep=cara, starts_at=timezone.now() - datetime.timedelta(days=1))

    def found(**filters: Any) -> list[Rep]:
        return [rep for rep, _ in client.get("/reps/", filters).context["rows"]]

    assert found() == [ana, cara]
    assert found(q="healthcare") == [ana]
    assert found(team=west.pk) == [cara]
    assert found(state="away") == [cara]
    assert found(state="left") == []


def test_htmx_gets_the_region_and_a_plain_reader_the_page(omar: User, as_user: SignIn, ana: Rep) -> None:
    client = as_user(omar)
    region = client.get("/reps/", headers={"HX-Request": "true", "HX-Target": "reps"})
    assert region.content.decode().strip().startswith('<section class="card" id="reps"')
    assert "HX-Request" in region["Vary"]
    other = client.get("/reps/", headers={"HX-Request": "true", "HX-Target": "something-else"})
    assert "<!doctype html>" in other.content.decode()


def rep_form(rep: Rep, **changes: object) -> dict[str, object]:
    form = {
        "name": rep.name,
        "team": rep.team_id,
        "role_template": rep.role_template_id,
        "seniority": rep.seniority,
        "tier": rep.tier,
        "tier_source": rep.tier_source,
        "turn_weight": rep.turn_weight,
        "time_zone": "UTC",
        "user": rep.user_id or "",
        "hours_mon": "09:00-17:00",
        "seen_at": rep.updated_at.isoformat(),
    }
    return {**form, **changes}


def test_limits_are_saved_with_their_history(ana: Rep, ben: User, as_user: SignIn) -> None:
    answer = as_user(ben).post(
        reverse("rep_edit", args=[ana.pk]),
        rep_form(ana, own_max_open=12, tier="top", hours_mon="9-12, 13-17:30"),
    )
    assert answer.status_code == 302
    ana.refresh_from_db()
    assert (ana.own_max_open, ana.tier, ana.tier_source) == (12, "top", "hand")
    assert ana.working_hours["mon"] == [["09:00", "12:00"], ["13:00", "17:30"]]
    change = ProfileChange.objects.get(rep=ana)
    assert change.changed_by == ben
    assert change.changes["tier"] == ["Standard", "Top performers"]


def test_saving_limits_leaves_load_and_turns_alone(ana: Rep, ben: User, as_user: SignIn) -> None:
    page = as_user(ben).get(reverse("rep_edit", args=[ana.pk]))
    assert page.status_code == 200
    Rep.objects.filter(pk=ana.pk).update(load=5, pending=2, turns_taken=9)
    as_user(ben).post(reverse("rep_edit", args=[ana.pk]), rep_form(ana))
    ana.refresh_from_db()
    assert (ana.load, ana.pending, ana.turns_taken) == (5, 2, 9)


def test_second_editor_is_told_and_keeps_what_was_typed(
    ana: Rep, ben: User, omar: User, client: Client
) -> None:
    address = reverse("rep_edit", args=[ana.pk])
    both = rep_form(ana)
    client.force_login(omar)
    client.post(address, {**both, "own_max_open": 20})
    client.force_login(ben)
    answer = client.post(address, {**both, "own_max_open": 9})
    assert answer.status_code == 422
    page = answer.content.decode()
    assert "Somebody else saved Ana while you were editing." in page
    assert 'value="9"' in page
    assert "<dd>20</dd>" in page
    ana.refresh_from_db()
    assert ana.own_max_open == 20
    again = client.post(address, {**both, "own_max_open": 9, "seen_at": ana.updated_at.isoformat()})
    assert again.status_code == 302
    ana.refresh_from_db()
    assert ana.own_max_open == 9


def test_wrong_hours_stand_beside_their_day(ana: Rep, ben: User, as_user: SignIn) -> None:
    answer = as_user(ben).post(reverse("rep_edit", args=[ana.pk]), rep_form(ana, hours_tue="17-9"))
    assert answer.status_code == 422
    page = answer.content.decode()
    assert 'href="#id_hours_tue"' in page
    assert 'value="17-9"' in page


def tag_data(**rows: list[tuple[str, int]]) -> dict[str, object]:
    data: dict[str, object] = {}
    for kind in Skill.Kind:
        named = rows.get(kind, [])
        data |= {f"{kind}-TOTAL_FORMS": len(named), f"{kind}-INITIAL_FORMS": 0}
        for number, (name, proficiency) in enumerate(named):
            data |= {f"{kind}-{number}-name": name, f"{kind}-{number}-proficiency": proficiency}
    return data


def test_a_rep_edits_the_own_expertise_and_evidence_stays(ana: Rep, as_user: SignIn) -> None:
    Skill.objects.filter(rep=ana).update(evidence_won=9, evidence_closed=14)
    CertificationDepth.objects.create(certification="Solutions Engineer", depth=4)
    assert ana.user
    answer = as_user(ana.user).post(
        reverse("rep_expertise", args=[ana.pk]),
        {
            **tag_data(
                industry=[("Healthcare", 3), ("  ", 2)],
                language=[("Spanish", 2), ("spanish", 1)],
                certification=[("solutions engineer", 2)],
            ),
            "deal_size_min": "50000",
            "deal_size_max": "250000",
            "seen_at": ana.updated_at.isoformat(),
        },
    )
    assert answer.status_code == 302
    ana.refresh_from_db()
    found = {(skill.kind, skill.name): (skill.proficiency, skill.evidence_won) for skill in ana.skills.all()}
    assert found == {
        ("certification", "solutions engineer"): (2, 0),
        ("industry", "Healthcare"): (3, 9),
        ("language", "Spanish"): (2, 0),
    }
    assert ana.technical_depth == 4


def test_a_deal_range_that_runs_backwards_is_refused_and_kept(ana: Rep, ben: User, as_user: SignIn) -> None:
    answer = as_user(ben).post(
        reverse("rep_expertise", args=[ana.pk]),
        {**tag_data(industry=[("Energy", 2)]), "deal_size_min": "9", "deal_size_max": "5"},
    )
    assert answer.status_code == 422
    assert 'value="Energy"' in answer.content.decode()
    assert [skill.name for skill in ana.skills.all()] == ["Healthcare"]


def test_technical_depth_follows_the_mapping(ana: Rep, ben: User, as_user: SignIn) -> None:
    Skill.objects.create(rep=ana, kind="certification", name="MEDDIC")
    client = as_user(ben)
    client.post(reverse("certification_new"), {"certification": "meddic", "depth": 3})
    ana.refresh_from_db()
    assert ana.technical_depth == 3
    mapping = CertificationDepth.objects.get()
    client.post(reverse("certification_delete", args=[mapping.pk]))
    ana.refresh_from_db()
    assert ana.technical_depth == 0


def test_role_template_in_use_is_not_deleted(ana: Rep, omar: User, as_user: SignIn) -> None:
    answer = as_user(omar).post(reverse("role_template_delete", args=[ana.role_template_id]), follow=True)
    assert "A rep has this role template" in answer.content.decode()
    assert RoleTemplate.objects.filter(pk=ana.role_template_id).exists()


def test_one_default_team(east: Team, omar: User, as_user: SignIn, ben: User) -> None:
    before = Team.objects.filter(is_default=True).first()
    answer = as_user(omar).post(
        reverse("team_edit", args=[east.pk]),
        {"name": "East", "managers": [ben.pk], "is_default": "on", "seen_at": east.updated_at.isoformat()},
    )
    assert answer.status_code == 302
    assert list(Team.objects.filter(is_default=True)) == [east]
    assert before != east
    assert list(east.managers.all()) == [ben]


def test_deactivating_offers_undo(ada: User, nia: User, as_user: SignIn) -> None:
    client = as_user(ada)
    page = client.post(reverse("user_deactivate", args=[nia.pk]), follow=True).content.decode()
    assert f'action="{reverse("user_activate", args=[nia.pk])}"' in page
    nia.refresh_from_db()
    assert not nia.is_active
    client.post(reverse("user_activate", args=[nia.pk]))
    nia.refresh_from_db()
    assert nia.is_active


def test_the_last_admin_stays(ada: User, as_user: SignIn) -> None:
    client = as_user(ada)
    page = client.post(reverse("user_deactivate", args=[ada.pk]), follow=True).content.decode()
    assert "You cannot deactivate yourself." in page
    fields = {
        "name": "Ada",
        "email": ada.email,
        "role": "rep",
        "time_zone": "UTC",
        "seen_at": ada.updated_at.isoformat(),
    }
    answer = client.post(reverse("user", args=[ada.pk]), fields)
    assert "This is the last active admin." in answer.content.decode()
    ada.refresh_from_db()
    assert (ada.role, ada.is_active) == ("admin", True)


def test_changes_need_a_post(ada: User, nia: User, as_user: SignIn) -> None:
    assert as_user(ada).get(reverse("user_deactivate", args=[nia.pk])).status_code == 405


def test_navigation_offers_only_what_the_role_may_see(ana: Rep, ada: User, client: Client) -> None:
    def offered(user: User) -> set[str]:
        client.force_login(user)
        navigation = client.get("/reps/").context["navigation"]
        return {item.label for section in navigation for item in section.items}

    assert ana.user
    assert {"Users", "Organisation", "Rep Profiles"} <= offered(ada)
    assert {"Users", "Organisation", "Vocabulary", "Routing Rules"} & offered(ana.user) == set()
