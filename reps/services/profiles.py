"""Rep profiles: expertise tags, limits, standing. Each change leaves its line in the profile's history."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from django.core.exceptions import PermissionDenied, ValidationError
from django.db import transaction
from django.db.models import Max, Q
from django.db.models.functions import Lower
from django.utils import timezone

from reps.models import CertificationDepth, Organisation, ProfileChange, Rep, RoleTemplate, Skill, User
from reps.permissions import may
from reps.queries.people import organisation
from reps.services.edits import lock_unchanged


@dataclass(frozen=True)
class Tag:
    """One expertise tag as a person states it."""

    kind: str
    name: str
    proficiency: int = Skill.Proficiency.SOLID
    valid_until: date | None = None


@transaction.atomic
def save_rep(*, rep: Rep, seen: datetime | None = None, by: User) -> Rep:
    """Create or change a rep's team, limits and standing. Expertise has a service of its own."""
    before = field_words(lock_unchanged(rep, seen=seen)) if rep.pk else {}
    rep.save()
    note_changes(rep=rep, before=before, after=field_words(rep), by=by)
    return rep


def own_edits_of(rep: Rep, user: User) -> str:
    """What the user may do with this expertise: `Organisation.OwnEdits`, or "" for nothing. Those who edit profiles
    change any at once; whose it may be is decided in the look-ups."""
    if may(user, "edit_profiles"):
        return Organisation.OwnEdits.AT_ONCE
    own = rep.user_id == user.pk and may(user, "edit_own_profile")
    return organisation().own_profile_edits if own else ""


@transaction.atomic
def save_expertise(
    *, rep: Rep, tags: Iterable[Tag], seen: datetime | None = None, by: User, note: str = ""
) -> Rep:
    """Save the rep's profile fields with these as all the tags; deals counted behind a tag that stays are kept. Raises
    PermissionDenied where the organisation lets reps not change the own expertise at once."""
    if own_edits_of(rep, by) != Organisation.OwnEdits.AT_ONCE:
        raise PermissionDenied("Your organisation lets managers change the expertise of reps.")
    stored_rep = lock_unchanged(rep, seen=seen)
    stored = {(skill.kind, skill.name.lower()): skill for skill in rep.skills.all()}
    wanted = {(tag.kind, tag.name.lower()): tag for tag in tags}
    before = {**field_words(stored_rep), **tag_words(stored.values())}
    for key, skill in stored.items():
        if key not in wanted:
            skill.delete()
    for key, tag in wanted.items():
        skill = stored.get(key) or Skill(rep=rep, kind=tag.kind)
        skill.name, skill.proficiency, skill.valid_until = tag.name, tag.proficiency, tag.valid_until
        skill.save()
    rep.technical_depth = technical_depth(rep, today=timezone.localdate())
    rep.save()
    after = {**field_words(rep), **tag_words(rep.skills.all())}
    note_changes(rep=rep, before=before, after=after, by=by, note=note)
    return rep


def technical_depth(rep: Rep, *, today: date) -> int:
    """The depth of the deepest certification that holds today; 0 where none is mapped."""
    held = rep.skills.filter(kind=Skill.Kind.CERTIFICATION).filter(
        Q(valid_until__isnull=True) | Q(valid_until__gte=today)
    )
    names = held.annotate(lower=Lower("name")).values_list("lower", flat=True)
    mapped = CertificationDepth.objects.annotate(lower=Lower("certification")).filter(lower__in=list(names))
    return mapped.aggregate(deepest=Max("depth"))["deepest"] or 0


@transaction.atomic
def save_certification_depth(
    *, mapping: CertificationDepth, seen: datetime | None = None, by: User
) -> CertificationDepth:
    """Say how technical a certification makes a rep; every holder's depth follows."""
    names = {mapping.certification.lower()}
    if mapping.pk:
        names.add(lock_unchanged(mapping, seen=seen).certification.lower())
    mapping.save()
    refresh_depths(names)
    return mapping


@transaction.atomic
def delete_certification_depth(*, mapping: CertificationDepth, by: User) -> None:
    names = {mapping.certification.lower()}
    mapping.delete()
    refresh_depths(names)


@transaction.atomic
def expire_depths(*, today: date) -> None:
    """What a certification gave whose last day is over goes."""
    expired = Skill.objects.filter(kind=Skill.Kind.CERTIFICATION, valid_until__lt=today)
    refresh_depths({name.lower() for name in expired.values_list("name", flat=True)})


def refresh_depths(names: Iterable[str]) -> None:
    holders = Skill.objects.annotate(lower=Lower("name")).filter(
        kind=Skill.Kind.CERTIFICATION, lower__in=list(names)
    )
    for rep in (
        Rep.objects.filter(pk__in=holders.values("rep"))
        .order_by("pk")
        .select_for_update(no_key=True, of=("self",))
    ):
        depth = technical_depth(rep, today=timezone.localdate())
        if depth != rep.technical_depth:
            rep.technical_depth = depth
            rep.save(update_fields=["technical_depth", "updated_at"])


@transaction.atomic
def save_role_template(*, template: RoleTemplate, seen: datetime | None = None, by: User) -> RoleTemplate:
    """Create or change limits by kind of job; reps without own limits follow at once."""
    if template.pk:
        lock_unchanged(template, seen=seen)
    if template.is_default:
        RoleTemplate.objects.filter(is_default=True).exclude(pk=template.pk).update(is_default=False)
    template.save()
    return template


@transaction.atomic
def delete_role_template(*, template: RoleTemplate, by: User) -> None:
    """Remove a template that nobody has. Raises ValidationError."""
    count = template.reps.count()
    if count:
        who = "A rep has" if count == 1 else f"{count} reps have"
        raise ValidationError(f"{who} this role template. Give another one first.")
    template.delete()


# --- history -------------------------------------------------------------------------------------------------------

TOLD = (
    "name", "email", "team", "role_template", "deal_size_min", "deal_size_max", "selling_style", "seniority", "tier",
    "own_max_open", "own_max_new_per_week", "own_max_new_per_day", "own_max_pipeline_value", "turn_weight",
    "time_zone", "country", "subdivision", "working_hours", "left_at",
)  # fmt: skip


def field_words(rep: Rep) -> dict[str, Any]:
    """The fields as people read them, by label."""
    words = {}
    for name in TOLD:
        field = Rep._meta.get_field(name)
        shown = getattr(rep, f"get_{name}_display", None)
        value = shown() if shown else getattr(rep, name)
        words[str(getattr(field, "verbose_name", name))] = (
            value if isinstance(value, dict) else str(value or "")
        )
    return words


def tag_words(skills: Iterable[Skill]) -> dict[str, str]:
    words: dict[str, list[str]] = {}
    for skill in skills:
        until = f", until {skill.valid_until}" if skill.valid_until else ""
        words.setdefault(skill.get_kind_display(), []).append(
            f"{skill.name} ({skill.get_proficiency_display().lower()}{until})"
        )
    return {kind: ", ".join(sorted(names)) for kind, names in words.items()}


def note_changes(
    *, rep: Rep, before: Mapping[str, Any], after: Mapping[str, Any], by: User, note: str = ""
) -> None:
    changes = {
        label: [before.get(label, ""), after.get(label, "")]
        for label in {**before, **after}
        if before.get(label, "") != after.get(label, "")
    }
    if changes:
        ProfileChange.objects.create(rep=rep, changed_by=by, changes=changes, note=note[:400])
