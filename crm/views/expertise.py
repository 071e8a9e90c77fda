"""Expertise where it meets opportunities: the form with the organisation's words, the deals behind, the matrix."""

from typing import Any

from django.core.exceptions import PermissionDenied
from django.http import Http404, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone

from crm.forms.expertise import MatrixFilter
from crm.queries.expertise import DEMAND_DAYS, evidence_of, names_offered, unknown_names
from crm.queries.skills_matrix import Matrix, MatrixSearch, matrix_lines, skills_matrix
from reps.engine.tables import csv_lines
from reps.forms.profiles import ExpertiseForm, TagForms
from reps.models import Organisation, ProfileProposal, Rep, Skill
from reps.pages import say, show, show_form
from reps.permissions import SignedIn, requires
from reps.queries import organisation, reps_visible_to, teams_visible_to
from reps.queries.pages import BadCursor, Page, page_of
from reps.queries.profiles import open_proposal_of
from reps.queries.tags import tag_review_settings
from reps.services.profiles import own_edits_of, save_expertise
from reps.services.proposals import laid_over, lay_fields_over, propose_expertise

READ_ONLY = "Your organisation lets managers keep the expertise of reps. Tell your manager what has changed."
ROWS = 100


@requires("edit_own_profile")
def rep_expertise(request: SignedIn, pk: int) -> HttpResponse:
    """The seven fields: changed at once, or proposed where the organisation wants a manager to confirm."""
    rep = get_object_or_404(reps_visible_to(request.user), pk=pk)
    edits = own_edits_of(rep, request.user)
    if not edits:
        raise Http404
    if edits == Organisation.OwnEdits.READ_ONLY:
        raise PermissionDenied(READ_ONLY)
    proposes = edits == Organisation.OwnEdits.CONFIRMED
    waiting = open_proposal_of(rep) if proposes else None
    form, tags = _forms(request, rep, waiting)
    if request.method == "POST" and _all_valid(form, tags):
        proposals: list[ProfileProposal | None] = []
        if form.saves(lambda: _save(request, rep, form, tags, proposals)):
            _say_saved(request, rep, tags, proposals)
            return redirect("rep", pk=pk)
    context = _form_context(rep, tags) | {"proposes": proposes, "waiting": waiting}
    return show_form(request, "reps/expertise_form.html", form, context)


def _forms(request: SignedIn, rep: Rep, waiting: ProfileProposal | None) -> tuple[ExpertiseForm, TagForms]:
    """As stored; or with what the rep proposed already, so that a second change does not drop the first."""
    skills = list(rep.skills.all())
    if waiting is not None:
        skills = laid_over(skills, waiting.difference)
        if request.method != "POST":
            lay_fields_over(rep, waiting.difference)
    data = request.POST or None
    return ExpertiseForm(data, instance=rep), TagForms(skills, today=timezone.localdate(), data=data)


def _all_valid(form: ExpertiseForm, tags: TagForms) -> bool:
    """Both are asked, so that both show their errors."""
    answers = [form.is_valid(), tags.is_valid()]
    return all(answers)


def _save(
    request: SignedIn,
    rep: Rep,
    form: ExpertiseForm,
    tags: TagForms,
    proposals: list[ProfileProposal | None],
) -> None:
    if own_edits_of(rep, request.user) == Organisation.OwnEdits.CONFIRMED:
        proposals.append(
            propose_expertise(rep=rep, tags=tags.tags(), seen=form.seen, by=request.user, at=timezone.now())
        )
    else:
        save_expertise(rep=rep, tags=tags.tags(), seen=form.seen, by=request.user)


def _say_saved(request: SignedIn, rep: Rep, tags: TagForms, proposals: list[ProfileProposal | None]) -> None:
    if proposals:
        say(
            request,
            "Your manager is asked to confirm the changes. Until then your profile stays as it is."
            if proposals[0]
            else "Nothing is changed, so that there is nothing to confirm.",
        )
        return
    say(request, f"The expertise of {rep} is saved.")
    if repeated := tags.repeated():
        say(request, f"Stated twice, counted once as stated first: {', '.join(repeated[:5])}.", tone="warn")
    if unknown := unknown_names(rep):
        more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
        say(
            request,
            f"No opportunity carries {', '.join(f'“{name}”' for name in unknown[:5])}{more}. It is kept, and does "
            f"nothing until one does; look whether it is spelt as in your records.",
            tone="warn",
        )


def _form_context(rep: Rep, tags: TagForms) -> dict[str, Any]:
    return {
        "rep": rep,
        "tags": tags,
        "wrong_tags": tags.wrong(),
        "names": names_offered(),
        "currency": organisation().base_currency,
    }


@requires("see_people")
def rep_evidence(request: SignedIn, pk: int) -> HttpResponse:
    """The deals behind each tag beside those of the team; fetched after the profile, and a page of its own."""
    rep = get_object_or_404(reps_visible_to(request.user), pk=pk)
    months = tag_review_settings().window_months
    rows = evidence_of(rep, at=timezone.now(), months=months)
    context = {"rep": rep, "rows": rows, "months": months, "days": DEMAND_DAYS}
    return show(request, "crm/rep_evidence.html", context, regions=["rep-evidence"])


# --- the matrix ------------------------------------------------------------------------------------------------------


@requires("compare_profiles")
def matrix_page(request: SignedIn) -> HttpResponse:
    filters = MatrixFilter(request.GET, teams=teams_visible_to(request.user))
    search = filters.search()
    matrix = _matrix(request, search)
    page = _rep_page(request, search)
    context = {
        "filters": filters,
        "search": search,
        "kinds": Skill.Kind.choices,
        "matrix": matrix,
        "page": page,
        "rows": matrix.rows(page.rows),
        "words": page.words("rep", "reps"),
        "days": DEMAND_DAYS,
    }
    return show(request, "crm/skills_matrix.html", context, regions=["skills-matrix"])


def _reps(request: SignedIn, search: MatrixSearch) -> Any:
    found = reps_visible_to(request.user).filter(left_at__isnull=True)
    return found.filter(team=search.team) if search.team else found


def _matrix(request: SignedIn, search: MatrixSearch) -> Matrix:
    reps = _reps(request, search).order_by("name", "pk")
    return skills_matrix(reps, search, user=request.user, ours=organisation(), at=timezone.now())


def _rep_page(request: SignedIn, search: MatrixSearch) -> Page[Rep]:
    try:
        return page_of(_reps(request, search), key="name", cursor=request.GET.get("at", ""), size=ROWS)
    except BadCursor as error:
        raise Http404 from error


@requires("compare_profiles")
def matrix_csv(request: SignedIn) -> StreamingHttpResponse:
    search = MatrixFilter(request.GET, teams=teams_visible_to(request.user)).search()
    lines = csv_lines(matrix_lines(_matrix(request, search)))
    response = StreamingHttpResponse(lines, content_type="text/csv; charset=utf-8")
    response["Content-Disposition"] = f'attachment; filename="skills by {search.kind}.csv"'
    return response
