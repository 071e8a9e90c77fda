"""The forms of routing rules, policies and capacity settings. Their order, switch and undo: `ladder`."""

from collections.abc import Callable

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect

from reps.pages import say, show, show_form
from reps.permissions import SignedIn, requires
from routing.forms.conditions import ConditionRecordForm
from routing.forms.policies import CapacityForm, PolicyForm
from routing.forms.rules import RuleForm
from routing.models import Policy, Rule
from routing.queries.configuration import capacity_settings
from routing.services import policies, rules


@requires("edit_configuration")
def rule_form(request: SignedIn, pk: int | None = None) -> HttpResponse:
    """A new rule or one that is there; buttons of the condition show the form again."""
    rule = get_object_or_404(Rule, pk=pk) if pk else Rule()
    form = RuleForm(request.POST or None, instance=rule, user=request.user)

    def act() -> None:
        chosen = form.cleaned_data["excluded"]
        rules.save_rule(rule=rule, excluded=list(chosen), seen=form.seen if pk else None, by=request.user)

    stored = Rule.objects.filter(pk=pk).first() if pk else None
    return _on_ladder(request, "routing/rule_form.html", form, stored, act, back="rules")


@requires("edit_configuration")
def policy_form(request: SignedIn, pk: int | None = None) -> HttpResponse:
    """A new policy or one that is there."""
    policy = get_object_or_404(Policy, pk=pk) if pk else Policy()
    form = PolicyForm(request.POST or None, instance=policy, user=request.user)

    def act() -> None:
        policies.save_policy(policy=policy, seen=form.seen if pk else None, by=request.user)

    stored = Policy.objects.filter(pk=pk).first() if pk else None
    return _on_ladder(request, "routing/policy_form.html", form, stored, act, back="policies")


def _on_ladder(
    request: SignedIn,
    template: str,
    form: ConditionRecordForm,
    stored: Rule | Policy | None,
    act: Callable[[], None],
    back: str,
) -> HttpResponse:
    """The form while it is built, then saved; `back` is the page that it came from."""
    context = {"form": form, "record": stored}
    if form.is_building:
        return show(request, template, context, regions=["condition"])
    if request.method == "POST" and form.saves(act):
        say(request, f"{form.instance.name} is saved. It decides once it is published.")
        return redirect(back)
    return show_form(request, template, form, context)


@requires("edit_configuration")
def capacity_form(request: SignedIn) -> HttpResponse:
    settings = capacity_settings()
    form = CapacityForm(request.POST or None, instance=settings)

    def act() -> None:
        policies.save_capacity(settings=settings, seen=form.seen, by=request.user)

    if request.method == "POST" and form.saves(act):
        say(request, "The capacity settings are saved. They count once they are published.")
        return redirect("rules")
    return show_form(request, "routing/capacity_form.html", form)
