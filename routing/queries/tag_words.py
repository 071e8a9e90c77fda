"""Suggested tags as their list shows them: by rep, with the deals behind them one click away."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import CharField, Value
from django.db.models.functions import Cast, Concat, LPad
from django.urls import reverse

from reps.models import TagSuggestion

# By name; the id keeps two reps of one name apart.
BY_REP = Concat(
    "rep__name", Value("\t"), LPad(Cast("rep_id", CharField()), 12, Value("0")), output_field=CharField()
)


@dataclass(frozen=True)
class ShownSuggestion:
    """A row. `is_first` of its rep on the page; `deals_url` lists the deals that were counted."""

    suggestion: TagSuggestion
    is_first: bool
    deals_url: str
    numbers: str


def shown_suggestions(suggestions: Sequence[TagSuggestion]) -> list[ShownSuggestion]:
    before = [None, *(one.rep_id for one in suggestions)]
    return [
        ShownSuggestion(one, one.rep_id != previous, _deals_url(one), _numbers(one))
        for one, previous in zip(suggestions, before, strict=False)
    ]


def _deals_url(suggestion: TagSuggestion) -> str:
    """The rep's won and lost deals of the window with the value."""
    query: dict[str, Any] = {"owner": suggestion.rep_id, "where": json.dumps(_condition(suggestion))}
    if suggestion.review is not None:
        query["closed_since"] = suggestion.review.window_start.date().isoformat()
    return f"{reverse('opportunities')}?{urlencode(query)}"


def _condition(suggestion: TagSuggestion) -> dict[str, Any]:
    if suggestion.kind == TagSuggestion.DEAL_SIZE:
        tests = [
            {"field": "value", "op": op, "value": float(bound)}
            for op, bound in (("at_least", suggestion.low), ("under", suggestion.high))
            if bound is not None
        ]
        return {"all": tests}
    if suggestion.kind == "competitor":
        return {"all": [{"field": "competitors", "op": "includes", "value": suggestion.name}]}
    return {"all": [{"field": suggestion.kind, "op": "is", "value": suggestion.name}]}


def _numbers(suggestion: TagSuggestion) -> str:
    """How sure it is, in words."""
    if suggestion.p_value is None:
        return "nothing was won, so that there is nothing to test"
    few = "so many" if suggestion.action == TagSuggestion.Action.ADD else "so few"
    if suggestion.p_value < 0.001:
        return f"chance alone would give {few} less than once in 1,000 times"
    return f"chance alone would give {few} about once in {round(1 / suggestion.p_value):,} times"
