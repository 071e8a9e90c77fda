"""Confirming words, mapping them to known ones, and the spellings that are applied to everything that comes in."""

from typing import Any

from django.core.exceptions import ValidationError
from django.db import transaction
from django.db.models import F, Func, JSONField, TextField, Value
from django.db.models.functions import Cast, Lower

from crm.models import Alias, Opportunity, Product, RegionLanguage, Term
from crm.models.words import WordKind
from crm.queries.words import WHERE_WORDS_ARE
from crm.services.money import reprice
from reps.models import Skill, User

HELD_AS_SKILL = {
    WordKind.INDUSTRY: Skill.Kind.INDUSTRY,
    WordKind.PRODUCT: Skill.Kind.PRODUCT,
    WordKind.LANGUAGE: Skill.Kind.LANGUAGE,
    WordKind.COMPETITOR: Skill.Kind.COMPETITOR,
}


@transaction.atomic
def add_term(*, kind: str, name: str, by: User) -> Term:
    """A known word. One that was only seen so far is confirmed."""
    term = Term.objects.annotate(lower=Lower("name")).filter(kind=kind, lower=name.lower()).first()
    if term is None:
        return Term.objects.create(kind=kind, name=name)
    return confirm_term(term=term, by=by)


@transaction.atomic
def confirm_term(*, term: Term, by: User) -> Term:
    """This word is right as it is: the records that use it are no longer flagged."""
    term.is_known = True
    term.save(update_fields=["is_known"])
    clear_flags(kind=term.kind, name=term.name)
    return term


@transaction.atomic
def map_term(*, term: Term, to: Term, by: User) -> int:
    """`term` means `to`: rename it in the records, keep the spelling as an alias. Returns how many records changed."""
    if to.kind != term.kind or not to.is_known or to.pk == term.pk:
        raise ValidationError("Choose a known word of the same kind.")
    changed = rename_in_records(kind=term.kind, old=term.name, new=to.name)
    rename_skills(kind=term.kind, old=term.name, new=to.name)
    term.delete()
    Alias.objects.filter(kind=term.kind, term__iexact=term.name).update(term=to.name)
    keep_alias(kind=term.kind, spelling=term.name, term=to.name)
    if term.kind == WordKind.CURRENCY:
        reprice(currency=to.name)
    return changed


@transaction.atomic
def keep_alias(*, kind: str, spelling: str, term: str) -> Alias:
    """From now on this spelling means the term. A spelling that meant something else means this one now."""
    alias = Alias.objects.filter(kind=kind, spelling__iexact=spelling).first() or Alias(
        kind=kind, spelling=spelling
    )
    alias.term = term
    alias.save()
    return alias


@transaction.atomic
def delete_alias(*, alias: Alias, by: User) -> None:
    alias.delete()


def rename_in_records(*, kind: str, old: str, new: str) -> int:
    if kind == WordKind.PRODUCT:
        return move_product(old, new)
    if kind == WordKind.COMPETITOR:
        holding = Opportunity.objects.filter(competitors__contains=[old])
        clear_flags(kind=kind, name=old)
        replaced = Func(F("competitors"), Value(old), Value(new), function="array_replace")
        return holding.update(competitors=replaced)
    changed = 0
    for model, field in WHERE_WORDS_ARE.get(kind, ()):
        found = model._default_manager.filter(**{field: old})
        values: dict[str, Any] = {field: new}
        if model is Opportunity:
            values["flags"] = without_flag(kind)
        changed += found.update(**values)
    if kind == WordKind.LANGUAGE:
        RegionLanguage.objects.filter(language=old).update(language=new)
    return changed


def move_product(old: str, new: str) -> int:
    wanted = Product.objects.filter(name__iexact=new).first()
    present = Product.objects.filter(name__iexact=old).first()
    if present is None:
        return 0
    if wanted is None:
        present.name = new
        present.save()
        return clear_flags(kind=WordKind.PRODUCT, name=new)
    moved = present.opportunities.update(product=wanted, flags=without_flag(WordKind.PRODUCT))
    present.delete()
    return moved


def rename_skills(*, kind: str, old: str, new: str) -> None:
    """Reps' tags follow. A rep who has both words keeps one."""
    if kind not in HELD_AS_SKILL:
        return
    skills = Skill.objects.filter(kind=HELD_AS_SKILL[WordKind(kind)])
    have_new = skills.filter(name__iexact=new).values("rep")
    skills.filter(name__iexact=old, rep__in=have_new).delete()
    skills.filter(name__iexact=old).update(name=new)


def without_flag(kind: str) -> Func:
    """The flags without this one: `flags - 'industry'` of jsonb."""
    return Func(
        F("flags"), Cast(Value(str(kind)), TextField()), template="(%(expressions)s)", arg_joiner=" - ",
        output_field=JSONField(),
    )  # fmt: skip


def clear_flags(*, kind: str, name: str) -> int:
    """Take the flag from opportunities whose only unknown word of the kind this was."""
    if kind == WordKind.COMPETITOR:
        others = (
            Term.objects.filter(kind=kind, is_known=False).exclude(name=name).values_list("name", flat=True)
        )
        holding = Opportunity.objects.filter(competitors__contains=[name], flags__contains=[kind])
        return holding.exclude(competitors__overlap=list(others)).update(flags=without_flag(kind))
    fields = [field for model, field in WHERE_WORDS_ARE.get(kind, ()) if model is Opportunity]
    flagged = Opportunity.objects.filter(flags__contains=[kind])
    return sum(
        Opportunity.objects.filter(pk__in=flagged.filter(**{field: name}).values("pk")).update(
            flags=without_flag(kind)
        )
        for field in fields
    )
