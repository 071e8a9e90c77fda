"""Editing routing rules: the form with its condition builder, order, switch, copy, delete and undo."""

from django.core.exceptions import ValidationError
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from crm.queries.records import account_names
from reps.pages import say, show, show_form, tell
from reps.permissions import SignedIn, requires
from routing.forms.rules import RuleForm
from routing.models import Rule
from routing.queries.rules import rules_page
from routing.services import rules as services

DELETED = "deleted_rule"  # in the session, until it is undone or another one is deleted


@requires("edit_configuration")
def rule_form(request: SignedIn, pk: int | None = None) -> HttpResponse:
    """A new rule or one that is there; buttons of the condition show the form again."""
    rule = get_object_or_404(Rule, pk=pk) if pk else Rule()
    form = RuleForm(request.POST or None, instance=rule, user=request.user)
    context = {"form": form, "rule": Rule.objects.filter(pk=pk).first() if pk else None}
    if form.is_building:
        return show(request, "routing/rule_form.html", context, regions=["condition"])

    def act() -> None:
        chosen = form.cleaned_data["excluded"]
        services.save_rule(rule=rule, excluded=list(chosen), seen=form.seen if pk else None, by=request.user)

    if request.method == "POST" and form.saves(act):
        say(request, f"{rule.name} is saved. It decides once it is published.")
        return redirect("rules")
    return show_form(request, "routing/rule_form.html", form, context)


def changed(request: SignedIn, text: str, *, undo: str = "", tone: str = "good") -> HttpResponse:
    """The ladder as it is now, where htmx asked; else its page, with what was done."""
    if request.htmx:
        response = show(request, "routing/rules.html", rules_page(timezone.now()), regions=["ladder"])
        return tell(response, text, undo=undo, tone=tone)
    say(request, text, undo=undo, tone=tone)
    return redirect("rules")


@require_POST
@requires("edit_configuration")
def rule_move(request: SignedIn, pk: int) -> HttpResponse:
    """`to` is a place, 1 being the first; `step` is up or down."""
    rule = get_object_or_404(Rule, pk=pk)
    step, to = {"up": -1, "down": 1}.get(request.POST.get("step", "")), request.POST.get("to", "")
    if step:
        place = services.step_rule(rule_id=pk, by_places=step, by=request.user)
    elif to.isascii() and to.isdigit() and len(to) < 9:
        place = services.move_rule(rule_id=pk, to=int(to), by=request.user)
    else:
        raise Http404
    return changed(request, f"{rule.name} is number {place} now.")


@require_POST
@requires("edit_configuration")
def rule_switch(request: SignedIn, pk: int) -> HttpResponse:
    """`to` says which, so that two who press at once do not undo each other."""
    rule = get_object_or_404(Rule, pk=pk)
    active = request.POST.get("to") == "on"
    try:
        services.set_rule_active(rule_id=pk, active=active, by=request.user)
    except ValidationError as refusal:
        return changed(request, " ".join(refusal.messages), tone="bad")
    return changed(request, f"{rule.name} is {'on' if active else 'off'}, once this is published.")


@require_POST
@requires("edit_configuration")
def rule_copy(request: SignedIn, pk: int) -> HttpResponse:
    copy = services.copy_rule(rule=get_object_or_404(Rule, pk=pk), by=request.user)
    say(request, f"This is “{copy.name}”, switched off until you are done.")
    return redirect("rule", copy.pk)


@require_POST
@requires("edit_configuration")
def rule_delete(request: SignedIn, pk: int) -> HttpResponse:
    kept = services.delete_rule(rule_id=pk, by=request.user)
    if kept is None:
        raise Http404
    request.session[DELETED] = kept
    say(request, f"{kept['name']} is deleted.", undo=reverse("rule_restore"))
    return redirect("rules")


@require_POST
@requires("edit_configuration")
def rule_restore(request: SignedIn) -> HttpResponse:
    kept = request.session.pop(DELETED, None)
    if kept is None:
        return changed(request, "There is nothing to bring back.", tone="warn")
    try:
        rule = services.restore_rule(kept=kept, by=request.user)
    except ValidationError as refusal:
        return changed(request, " ".join(refusal.messages), tone="bad")
    return changed(request, f"{rule.name} is back.")


@requires("edit_configuration")
def condition_accounts(request: SignedIn) -> HttpResponse:
    """Accounts offered to a test while somebody types; the input's own name says which test, so any value is meant."""
    words = str(next(iter(request.GET.values()), "")).replace("\x00", "").strip()
    names = account_names(request.user, words=words) if len(words) > 1 else []
    return show(request, "crm/account_suggestions.html", {"accounts": names})
