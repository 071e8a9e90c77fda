"""Web forms, and the HTML that a website takes over."""

from dataclasses import dataclass

from django.db.models import QuerySet

from routing.engine.web_forms import FIELDS
from routing.models import WebForm

TYPES = {"person.email": "email", "person.phone": "tel", "employees": "number"}


def web_forms() -> QuerySet[WebForm]:
    return WebForm.objects.select_related("acts_as")


@dataclass(frozen=True)
class Input:
    """One field of the HTML."""

    label: str
    name: str
    type: str


def inputs(form: WebForm) -> list[Input]:
    """In the order of our fields."""
    theirs = {ours: name for name, ours in form.mapping.items()}
    return [
        Input(label, theirs[path], TYPES.get(path, "text"))
        for path, (label, _) in FIELDS.items()
        if path in theirs
    ]
