"""API tokens: made in the browser, shown once, revoked at any time."""

from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect
from django.views.decorators.http import require_POST

from reps.forms.tokens import TokenForm
from reps.pages import say, show
from reps.permissions import SignedIn, requires
from reps.queries.tokens import tokens_visible_to
from reps.services.tokens import make_token, revoke_token


@requires("make_tokens")
def token_list(request: SignedIn) -> HttpResponse:
    """The tokens there are, and a form for a new one. The new one is shown in this answer only."""
    form = TokenForm(request.POST or None)
    secret = ""
    if request.method == "POST" and form.is_valid():
        _, secret = make_token(
            user=request.user, name=form.cleaned_data["name"], days=form.cleaned_data["days"]
        )
        form = TokenForm()
    status = 422 if form.is_bound and not secret else 200
    context = {"form": form, "secret": secret, "tokens": tokens_visible_to(request.user)}
    response = show(request, "reps/tokens.html", context, status=status)
    response["Cache-Control"] = "no-store"
    return response


@require_POST
@requires("make_tokens")
def token_revoke(request: SignedIn, digest: str) -> HttpResponse:
    token = get_object_or_404(tokens_visible_to(request.user), pk=digest)
    revoke_token(token=token)
    say(request, f"The token “{token.name}” is revoked.")
    return redirect("tokens")
