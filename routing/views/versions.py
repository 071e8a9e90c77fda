"""Every published configuration: what changed with it, who published it, and making it the draft again."""

from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from reps.pages import say, show
from reps.permissions import SignedIn, requires
from reps.queries.pages import BadCursor, page_of
from routing.models import ConfigurationVersion
from routing.queries.changes import changes_between, unpublished_changes
from routing.queries.configuration import live_version
from routing.queries.versions import listed_versions, version_before
from routing.services.restore import restore_version


@requires("see_configuration")
def versions(request: SignedIn) -> HttpResponse:
    """All of them, the newest first."""
    try:
        page = page_of(listed_versions(), key="number", descending=True, cursor=request.GET.get("at", ""))
    except BadCursor as error:
        raise Http404 from error
    context = {"page": page, "words": page.words("version", "versions"), "live": live_version().number}
    return show(request, "routing/versions.html", context)


@requires("see_configuration")
def version(request: SignedIn, number: int) -> HttpResponse:
    """What this version changed against the one before, and how it differs from what is live."""
    found = get_object_or_404(ConfigurationVersion.objects.select_related("published_by"), number=number)
    before, live = version_before(found), live_version()
    context = {
        "version": found,
        "is_live": found.number == live.number,
        "changed": changes_between(before.content, found.content) if before else [],
        "before": before,
        "against_live": changes_between(live.content, found.content),
        "live": live.number,
        "unpublished": unpublished_changes(),
    }
    return show(request, "routing/version.html", context)


@require_POST
@requires("edit_configuration")
def version_restore(request: SignedIn, number: int) -> HttpResponse:
    """Makes it the draft; nothing takes effect before that is published."""
    found = get_object_or_404(ConfigurationVersion, number=number)
    restored = restore_version(version=found)
    say(request, f"The draft is version {number} again. Look at it, then publish it.")
    for sentence in restored.left_out[:5]:
        say(request, sentence, tone="warn")
    return redirect("rules")
