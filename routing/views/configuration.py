"""Routing Rules as they stand: the ladder in sentences, what is not published yet, comparing and publishing."""

from django.http import HttpResponse
from django.shortcuts import redirect
from django.utils import timezone
from django.views.decorators.http import require_POST

from reps.pages import say, show, show_form
from reps.permissions import SignedIn, requires
from routing.engine.configuration import ConfigurationError
from routing.forms.publish import PublishForm
from routing.queries.rules import publish_page, rules_page
from routing.services.configuration import DraftChanged, discard_draft, publish_configuration

COMPARE = "routing/publish.html"


@requires("see_configuration")
def rules(request: SignedIn) -> HttpResponse:
    """The four steps of the ladder, in the specification's order."""
    return show(request, "routing/rules.html", rules_page(timezone.now()), regions=["ladder"])


@requires("see_configuration")
def compare(request: SignedIn) -> HttpResponse:
    """What the draft changes, with the form that publishes it."""
    page = publish_page()
    return show(request, COMPARE, {"form": PublishForm(initial={"seen": page["digest"]}), **page})


@requires("edit_configuration")
def publish(request: SignedIn) -> HttpResponse:
    """Exactly the draft that was shown; shows it again where it is another one by now. Who opens the address of a form
    that was sent before comes to its page."""
    if request.method != "POST":
        return redirect("compare")
    form = PublishForm(request.POST)
    if form.is_valid():
        try:
            version, is_new = publish_configuration(by=request.user, at=timezone.now(), **form.values())
        except (ConfigurationError, DraftChanged) as refusal:
            form.add_error(None, f"Nothing was published. {refusal}")
        else:
            say(request, form.told(version, is_new=is_new), tone="good" if is_new else "warn")
            return redirect("version", version.number) if version.is_candidate else redirect("rules")
    page = publish_page()
    return show_form(request, COMPARE, form.seeing(page["digest"]), page)


@require_POST
@requires("edit_configuration")
def discard(request: SignedIn) -> HttpResponse:
    try:
        live = discard_draft(seen=request.POST.get("seen", ""))
    except DraftChanged as refusal:
        say(request, f"Nothing was discarded. {refusal}", tone="bad")
        return redirect("compare")
    say(request, f"The draft is version {live.number} again; what was new in it is switched off.")
    return redirect("rules")
