"""Who is here, and whom a reader may see. Every look-up of a person or a team starts from these."""

from datetime import date, datetime

from django.db.models import Count, Exists, IntegerField, OuterRef, Prefetch, Q, QuerySet, Sum
from django.db.models.functions import Coalesce

from reps.models import Absence, Organisation, ProfileChange, Rep, RoleTemplate, Skill, Team, User

SEES_EVERYBODY = (User.Role.OPS, User.Role.ANALYST, User.Role.ADMIN)


def organisation() -> Organisation:
    """The one row, made with its defaults when it is first asked for."""
    return Organisation.objects.get_or_create(pk=1)[0]


def users() -> QuerySet[User]:
    return User.objects.select_related("rep__team").prefetch_related("managed_teams")


def users_matching(*, words: str, role: str, include_inactive: bool) -> QuerySet[User]:
    found = users()
    if words:
        found = found.filter(Q(name__icontains=words) | Q(email__icontains=words))
    if role:
        found = found.filter(role=role)
    return found if include_inactive else found.filter(is_active=True)


def teams_visible_to(user: User) -> QuerySet[Team]:
    """Everybody's for ops, analysts and admins; a manager's own; a rep's own."""
    if user.role in SEES_EVERYBODY:
        return Team.objects.all()
    if user.role == User.Role.MANAGER:
        return Team.objects.filter(managers=user)
    return Team.objects.filter(reps__user=user)


def teams_with_figures(user: User) -> QuerySet[Team]:
    """Teams with the number of their reps and what those carry."""
    active = Q(reps__left_at__isnull=True)
    ceiling = Coalesce("reps__own_max_open", "reps__role_template__max_open", output_field=IntegerField())
    ids = teams_visible_to(user).values("pk")
    return (
        Team.objects.filter(pk__in=ids)
        .prefetch_related("managers")
        .annotate(
            rep_count=Count("reps", filter=active),
            load=Coalesce(Sum("reps__load", filter=active), 0),
            max_open=Coalesce(Sum(ceiling, filter=active), 0),
        )
        .order_by("name")
    )


def reps_visible_to(user: User) -> QuerySet[Rep]:
    """Everybody for ops, analysts and admins; a manager's own teams and the manager; a rep only the own profile."""
    reps = Rep.objects.select_related("team", "role_template", "user")
    if user.role in SEES_EVERYBODY:
        return reps
    if user.role == User.Role.MANAGER:
        return reps.filter(Q(team__in=Team.objects.filter(managers=user)) | Q(user=user))
    return reps.filter(user=user)


def reps_matching(
    reps: QuerySet[Rep], *, words: str, team: Team | None, tier: str, state: str, now: datetime
) -> QuerySet[Rep]:
    """`state`: "" for who is here, "away" for who is away now, "left" for who has left."""
    if words:
        tagged = Skill.objects.filter(rep=OuterRef("pk"), name__icontains=words)
        reps = reps.filter(Q(name__icontains=words) | Q(email__icontains=words) | Exists(tagged))
    if team:
        reps = reps.filter(team=team)
    if tier:
        reps = reps.filter(tier=tier)
    if state == "away":
        reps = reps.filter(Exists(absences_at(now).filter(rep=OuterRef("pk"))))
    return reps.filter(left_at__isnull=state != "left")


def not_over(at: datetime) -> Q:
    """Of absences: those that end after the moment, or without an end."""
    return Q(ends_at__isnull=True) | Q(ends_at__gt=at)


def absences_at(now: datetime) -> QuerySet[Absence]:
    return Absence.objects.filter(not_over(now), starts_at__lte=now)


def with_profile(reps: QuerySet[Rep], *, now: datetime) -> QuerySet[Rep]:
    """With the tags as `tags` and the absences that are not over as `time_off`."""
    ahead = Absence.objects.filter(not_over(now)).select_related("covering")
    return reps.prefetch_related(
        Prefetch("skills", Skill.objects.order_by("kind", "name"), to_attr="tags"),
        Prefetch("absences", ahead, to_attr="time_off"),
    )


def valid_on(day: date) -> QuerySet[Skill]:
    """Tags without those whose certification has expired."""
    return Skill.objects.filter(Q(valid_until__isnull=True) | Q(valid_until__gte=day))


def role_templates() -> QuerySet[RoleTemplate]:
    return RoleTemplate.objects.annotate(rep_count=Count("reps", filter=Q(reps__left_at__isnull=True)))


def roles_in_use() -> QuerySet[RoleTemplate]:
    """Those that somebody here has."""
    held = Rep.objects.filter(role_template=OuterRef("pk"), left_at__isnull=True)
    return role_templates().filter(Exists(held)).order_by("name")


def recent_changes(rep: Rep, *, limit: int = 20) -> list[ProfileChange]:
    return list(rep.changes.select_related("changed_by")[:limit])


def skill_names(kind: str, *, limit: int = 300) -> list[str]:
    """Names in use, offered while somebody types a tag."""
    names = Skill.objects.filter(kind=kind).order_by("name").values_list("name", flat=True).distinct()
    return list(names[:limit])
