"""Settings › Team › Rep Profiles: the list, a profile, its forms; role templates and certifications."""

from datetime import datetime
from typing import Any

from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from reps.engine.capacity import band
from reps.forms.profiles import CertificationDepthForm, RepFilter, RepForm, RoleTemplateForm
from reps.models import CertificationDepth, Organisation, Rep, RoleTemplate, Skill
from reps.pages import say, show, show_form
from reps.permissions import SignedIn, may, requires
from reps.queries.calendars import next_days_off
from reps.queries.pages import BadCursor, page_of
from reps.queries.people import (
    organisation,
    recent_changes,
    reps_matching,
    reps_visible_to,
    role_templates,
    skill_names,
    teams_visible_to,
    with_profile,
)
from reps.queries.profiles import (
    completeness_of,
    due_at,
    last_decided_proposal_of,
    open_proposal_of,
    profile_counts,
    reps_by_profile,
    with_completeness,
)
from reps.queries.tags import open_suggestions_of
from reps.services.profiles import (
    delete_certification_depth,
    delete_role_template,
    own_edits_of,
    save_certification_depth,
    save_rep,
    save_role_template,
)


@requires("see_people")
def rep_list(request: SignedIn) -> HttpResponse:
    now, ours, today = timezone.now(), organisation(), timezone.localdate()
    filters = RepFilter(request.GET, teams=teams_visible_to(request.user))
    found = _reps_found(request, filters, now, ours)
    shown = with_completeness(with_profile(found, now=now), today)
    key = "complete_pct" if filters.cleaned_data.get("order") == "complete" else "name"
    try:
        page = page_of(shown, key=key, cursor=request.GET.get("at", ""))
    except BadCursor as error:
        raise Http404 from error
    context = {
        "filters": filters,
        "page": page,
        "rows": [(rep, band(rep.load, rep.max_open, ours.band_bounds).label) for rep in page.rows],
        "now": now,
        "words": page.words("rep", "reps"),
        "counts": profile_counts(found, now=now, ours=ours),
        "is_filtered": any(filters.cleaned_data.values()),
    }
    return show(request, "reps/reps.html", context, regions=["reps"])


def _reps_found(request: SignedIn, filters: RepFilter, now: datetime, ours: Organisation) -> QuerySet[Rep]:
    filters.is_valid()
    chosen = filters.cleaned_data
    found = reps_matching(
        reps_visible_to(request.user),
        words=chosen.get("q", ""),
        team=chosen.get("team"),
        tier=chosen.get("tier", ""),
        state=chosen.get("state", ""),
        now=now,
    )
    return reps_by_profile(found, chosen.get("profile", ""), now=now, ours=ours)


@requires("see_people")
def rep_page(request: SignedIn, pk: int) -> HttpResponse:
    rep = get_object_or_404(with_profile(reps_visible_to(request.user), now=timezone.now()), pk=pk)
    ours = organisation()
    context = {
        "rep": rep,
        "band": band(rep.load, rep.max_open, ours.band_bounds).label,
        "tags": tags_by_kind(rep),
        "suggested": open_suggestions_of(rep),
        "changes": recent_changes(rep),
        "currency": ours.base_currency,
        "now": timezone.now(),
        "may_edit": may_edit_profile(request, rep),
        "feeds": list(rep.feeds.all()),
        "days_off": next_days_off(rep, today=timezone.localdate(), limit=3),
        "may_mark": rep.is_active and may_edit_profile(request, rep) and may(request.user, "mark_away"),
    }
    return show(request, "reps/rep.html", context | profile_state(request, rep, ours))


def profile_state(request: SignedIn, rep: Rep, ours: Organisation) -> dict[str, Any]:
    """How complete and how current the profile is, and what the reader may do about it."""
    is_own = rep.user_id == request.user.pk
    edits = own_edits_of(rep, request.user)
    proposal = open_proposal_of(rep)
    return {
        "complete": completeness_of(rep, ours=ours, today=timezone.localdate()),
        "due_at": due_at(rep, ours),
        "proposal": proposal,
        "decided": None if proposal or not is_own else last_decided_proposal_of(rep),
        "is_own": is_own,
        "edits": "" if edits == Organisation.OwnEdits.READ_ONLY else edits,
        "is_read_only": edits == Organisation.OwnEdits.READ_ONLY,
        "may_decide": may(request.user, "edit_profiles") and not is_own,
        "may_review": rep.is_active and may_edit_profile(request, rep),
    }


def tags_by_kind(rep: Any) -> list[tuple[Skill.Kind, list[Skill]]]:
    """The rep's tags in the order of the profile; `tags` comes from `with_profile`."""
    return [(kind, [tag for tag in rep.tags if tag.kind == kind]) for kind in Skill.Kind]


@requires("edit_own_profile")
def my_profile(request: SignedIn) -> HttpResponse:
    rep = get_object_or_404(reps_visible_to(request.user), user=request.user)
    return redirect("rep", pk=rep.pk)


def may_edit_profile(request: SignedIn, rep: Rep) -> bool:
    own = rep.user_id == request.user.pk
    return may(request.user, "edit_profiles") or (own and may(request.user, "edit_own_profile"))


@requires("edit_profiles")
def rep_new(request: SignedIn) -> HttpResponse:
    template = role_templates().order_by("-is_default").first()
    form = RepForm(
        request.POST or None,
        teams=teams_visible_to(request.user),
        initial={"role_template": template, "time_zone": organisation().time_zone},
    )
    if request.method == "POST" and form.saves(lambda: save_rep(rep=form.instance, by=request.user)):
        say(request, f"{form.instance} is there. Now the expertise.")
        return redirect("rep_expertise", pk=form.instance.pk)
    return show_form(request, "reps/rep_form.html", form)


@requires("edit_profiles")
def rep_edit(request: SignedIn, pk: int) -> HttpResponse:
    rep = get_object_or_404(reps_visible_to(request.user), pk=pk)
    form = RepForm(request.POST or None, instance=rep, teams=teams_visible_to(request.user))
    if request.method == "POST" and form.saves(lambda: save_rep(rep=rep, seen=form.seen, by=request.user)):
        say(request, f"The profile of {rep} is saved.")
        return redirect("rep", pk=pk)
    return show_form(request, "reps/rep_form.html", form, {"rep": get_object_or_404(Rep, pk=pk)})


# --- role templates and certifications ---------------------------------------------------------------------------


@requires("see_people")
def role_template_list(request: SignedIn) -> HttpResponse:
    context = {"templates": list(role_templates()), "currency": organisation().base_currency}
    return show(request, "reps/role_templates.html", context)


@requires("edit_limits")
def role_template_form(request: SignedIn, pk: int | None = None) -> HttpResponse:
    template = get_object_or_404(RoleTemplate, pk=pk) if pk else RoleTemplate()
    form = RoleTemplateForm(request.POST or None, instance=template)
    if request.method == "POST" and form.saves(
        lambda: save_role_template(template=template, seen=form.seen, by=request.user)
    ):
        say(request, f"{template} is saved. Reps without own limits follow it at once.")
        return redirect("role_templates")
    stored = role_templates().filter(pk=pk).first() if pk else None
    return show_form(request, "reps/role_template_form.html", form, {"template": stored})


@require_POST
@requires("edit_limits")
def role_template_delete(request: SignedIn, pk: int) -> HttpResponse:
    template = get_object_or_404(RoleTemplate, pk=pk)
    try:
        delete_role_template(template=template, by=request.user)
    except ValidationError as refusal:
        say(request, " ".join(refusal.messages), tone="bad")
        return redirect("role_template", pk=pk)
    say(request, f"{template} is gone.")
    return redirect("role_templates")


@requires("see_people")
def certification_list(request: SignedIn) -> HttpResponse:
    mapped = list(CertificationDepth.objects.all())
    known = {mapping.certification.lower() for mapping in mapped}
    held = skill_names(Skill.Kind.CERTIFICATION)
    context = {"mapped": mapped, "unmapped": [name for name in held if name.lower() not in known]}
    return show(request, "reps/certifications.html", context)


@requires("edit_limits")
def certification_form(request: SignedIn, pk: int | None = None) -> HttpResponse:
    mapping = get_object_or_404(CertificationDepth, pk=pk) if pk else CertificationDepth()
    initial = {"certification": request.GET.get("certification", "")}
    form = CertificationDepthForm(request.POST or None, instance=mapping, initial=None if pk else initial)
    if request.method == "POST" and form.saves(
        lambda: save_certification_depth(mapping=mapping, seen=form.seen, by=request.user)
    ):
        say(
            request, f"{mapping.certification} counts as depth {mapping.depth}. The holders' profiles follow."
        )
        return redirect("certifications")
    stored = CertificationDepth.objects.filter(pk=pk).first() if pk else None
    return show_form(request, "reps/certification_form.html", form, {"mapping": stored})


@require_POST
@requires("edit_limits")
def certification_delete(request: SignedIn, pk: int) -> HttpResponse:
    mapping = get_object_or_404(CertificationDepth, pk=pk)
    delete_certification_depth(mapping=mapping, by=request.user)
    say(request, f"{mapping.certification} no longer says anything about technical depth.")
    return redirect("certifications")
