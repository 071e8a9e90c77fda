"""The demo's people: users of every role, six teams, the reps with what they declare."""

import datetime
from dataclasses import dataclass

import numpy as np
from django.contrib.auth.hashers import make_password

from reps.models import CertificationDepth, Rep, RoleTemplate, Skill, Team, User
from reps.services.absence import mark_away
from reps.services.people import save_team
from reps.services.profiles import Tag, save_certification_depth, save_expertise, save_rep
from routing.engine.worlds import COMPETITORS, INDUSTRIES, LANGUAGES, PRODUCTS, World
from routing.services.demo.cast import CERTIFICATIONS, PLACES, TEAM_OF_REGION, TEAMS, Cast, email_of

DOMAIN = "demo.example"
ROLES = ("SMB account executive", "Mid-market account executive", "Enterprise account executive")
LIMITS = {ROLES[0]: (32, 18, 6), ROLES[1]: (24, 14, 5), ROLES[2]: (14, 8, 3)}
STYLES = ("transactional", "consultative", "technical")


@dataclass(frozen=True)
class DemoPeople:
    """Who was made. `reps` stand in the order of the world's reps."""

    admin: User
    ops: User
    analyst: User
    managers: dict[str, User]
    reps: list[Rep]


def make_people(world: World, cast: Cast, password: str) -> DemoPeople:
    """Everybody, through the services that the pages use."""
    encoded = make_password(password)  # once: it is slow on purpose
    admin = make_user("Ada Lindqvist", User.Role.ADMIN, encoded, "UTC")
    ops = make_user("Omar Haddad", User.Role.OPS, encoded, "America/New_York")
    analyst = make_user("Nia Okonkwo", User.Role.ANALYST, encoded, "Europe/London")
    managers, teams = make_teams(cast, encoded, admin)
    templates = make_templates()
    for certification, depth in CERTIFICATIONS.items():
        save_certification_depth(
            mapping=CertificationDepth(certification=certification, depth=depth), by=admin
        )
    reps = [make_rep(world, i, cast, encoded, teams, templates, admin) for i in range(world.settings.reps)]
    return DemoPeople(admin, ops, analyst, managers, reps)


def make_user(name: str, role: str, encoded: str, time_zone: str) -> User:
    return User.objects.create(
        email=email_of(name, DOMAIN), name=name, role=role, password=encoded, time_zone=time_zone
    )


def make_teams(cast: Cast, encoded: str, admin: User) -> tuple[dict[str, User], dict[str, Team]]:
    """The six teams with a manager each. The team that a new installation starts with becomes the first of them."""
    managers: dict[str, User] = {}
    teams: dict[str, Team] = {}
    for name in TEAMS:
        place = PLACES[TEAM_OF_REGION.index(name)]
        managers[name] = make_user(cast.person(place.locale), User.Role.MANAGER, encoded, place.time_zone)
        team = (
            Team.objects.filter(reps__isnull=True, is_default=True).first() if not teams else None
        ) or Team()
        team.name, team.is_default = name, not teams
        teams[name] = save_team(team=team, managers=[managers[name]], by=admin)
    return managers, teams


def make_templates() -> dict[str, RoleTemplate]:
    found = {}
    for name, (max_open, per_week, per_day) in LIMITS.items():
        found[name], _ = RoleTemplate.objects.update_or_create(
            name=name,
            defaults={"max_open": max_open, "max_new_per_week": per_week, "max_new_per_day": per_day},
        )
    return found


def make_rep(
    world: World,
    i: int,
    cast: Cast,
    encoded: str,
    teams: dict[str, Team],
    templates: dict[str, RoleTemplate],
    admin: User,
) -> Rep:
    truth = world.reps
    region = int(np.flatnonzero(truth.regions[i])[0])
    place = PLACES[region]
    name = cast.person(place.locale)
    seniority = int(truth.seniority[i])
    role = ROLES[0] if seniority == 1 else ROLES[1] if seniority == 2 else ROLES[2 if i % 2 else 1]
    low, high = {ROLES[0]: (None, 30_000), ROLES[1]: (10_000, 120_000), ROLES[2]: (50_000, None)}[role]
    rep = Rep(
        user=make_user(name, User.Role.REP, encoded, place.time_zone),
        name=name,
        email=email_of(name, DOMAIN),
        external_id=f"R-{i + 1:03d}",
        team=teams[TEAM_OF_REGION[region]],
        role_template=templates[role],
        seniority=seniority,
        selling_style=STYLES[int(cast.rng.integers(3))],
        deal_size_min=low,
        deal_size_max=high,
        time_zone=place.time_zone,
        country=place.country,
        tier_source=Rep.TierSource.WIN_RATE,
    )
    save_rep(rep=rep, by=admin)
    save_expertise(rep=rep, tags=declared_tags(world, i, cast), by=admin)
    return rep


def declared_tags(world: World, i: int, cast: Cast) -> list[Tag]:
    """What the rep states: the world's declared tags, the languages, some certifications."""
    truth, rng = world.reps, cast.rng
    kinds = (
        (Skill.Kind.INDUSTRY, INDUSTRIES, truth.tagged_industries[i]),
        (Skill.Kind.PRODUCT, PRODUCTS, truth.tagged_products[i]),
        (Skill.Kind.COMPETITOR, COMPETITORS, truth.tagged_competitors[i]),
        (Skill.Kind.LANGUAGE, LANGUAGES, truth.languages[i]),
    )
    tags = [
        Tag(kind, names[int(j)], int(rng.choice([1, 2, 3], p=[0.15, 0.55, 0.3])))
        for kind, names, has in kinds
        for j in np.flatnonzero(has)
    ]
    count = int(rng.integers(0, 3))
    held = rng.choice(list(CERTIFICATIONS), count, replace=False)
    return tags + [Tag(Skill.Kind.CERTIFICATION, str(name)) for name in held]


def make_absences(people: DemoPeople, rng: np.random.Generator, now: datetime.datetime) -> None:
    """Some are away now, some soon."""
    chosen = rng.choice(len(people.reps), min(8, len(people.reps)), replace=False)
    day = datetime.timedelta(days=1)
    for number, index in enumerate(chosen):
        rep = people.reps[int(index)]
        starts = now - day if number < 4 else now + (number - 3) * day / 2
        cover = next((r for r in people.reps if r.team_id == rep.team_id and r.pk != rep.pk), None)
        mark_away(
            rep=rep,
            starts_at=starts,
            ends_at=None if number == 0 else starts + (3 + number) * day,
            reason=("sick", "vacation", "vacation", "focus")[number % 4],
            covering=cover,
            by=people.managers[rep.team.name],
        )
