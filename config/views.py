"""The start page, and the page that shows every component to those who build pages."""

from datetime import timedelta
from typing import Any

from django import forms
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone

from config.navigation import navigation
from reps.models import User
from reps.permissions import SignedIn


def home(request: SignedIn) -> HttpResponse:
    """The page a person starts with: a rep's own work, everybody else's first page of the navigation."""
    offered = navigation(request)
    tabs = offered["tabs"] if request.user.role == User.Role.REP else ()
    items = [*tabs, *(item for section in offered["navigation"] for item in section.items)]
    return redirect(items[0].url if items else "password_change")


class ExampleForm(forms.Form):
    name = forms.CharField(help_text="As people call it.")
    value = forms.DecimalField(required=False, min_value=0)
    stage = forms.ChoiceField(choices=[("open", "Open"), ("won", "Won")])
    languages = forms.MultipleChoiceField(
        choices=[("en", "English"), ("de", "German")], widget=forms.CheckboxSelectMultiple, required=False
    )
    note = forms.CharField(widget=forms.Textarea, required=False)
    notify = forms.BooleanField(required=False, label="Tell the owner")


def styleguide(request: HttpRequest) -> HttpResponse:
    if not settings.DEBUG:
        raise Http404
    form = ExampleForm({"value": "-3", "stage": "open", "notify": "on"})
    now = timezone.now()
    context: dict[str, Any] = {
        "form": form,
        "times": [now - timedelta(minutes=4), now - timedelta(hours=3), now - timedelta(days=9)],
        "bands": [("available", 11), ("near capacity", 19), ("at capacity", 24), ("over capacity", 27)],
        "people": ["Ana Moreno", "Bo Okafor", "Chen Li", "Dana Popov"],
        "page": {"before": "x", "after": "y"},
        "words": "4,811 accounts",
        "job": {"pk": 1, "title": "Import of leads.csv", "stage": "Checking rows", "done": 312, "total": 1200,
                "state_label": "running", "tone": "accent", "seconds_left": 40, "time_left": "40 s"},
        "conflict": {"title": "Ben Ito changed this 2 minutes ago.", "differences": [("Industry", "Healthcare")]},
    }  # fmt: skip
    return render(request, "styleguide.html", context)
