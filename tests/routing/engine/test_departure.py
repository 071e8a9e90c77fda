"""A configuration without somebody who leaves: worked examples."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from routing.engine.departure import names_rep, without_rep

ANA, BO, CARA = 1, 2, 3


def rule(name: str, rep_id: int | None = None, excluded: tuple[int, ...] = ()) -> dict[str, Any]:
    return {"name": name, "rep_id": rep_id, "excluded": list(excluded)}


def cover(rep_id: int | None, starts_on: str | None = None) -> dict[str, Any]:
    return {"rep_id": rep_id, "team_id": None if rep_id else 9, "starts_on": starts_on, "ends_on": None}


CONTENT = {
    "rules": [
        rule("to Ana", ANA), rule("to Bo", BO), rule("not Ana", excluded=(ANA,)),
        rule("not both", excluded=(ANA, BO)),
    ],
    "territories": [
        {"name": "Texas", "coverage": [cover(ANA), cover(None)]},
        {"name": "Utah", "coverage": [cover(ANA), cover(BO)]},
        {"name": "Ohio", "coverage": [cover(CARA)]},
    ],
    "policies": ["untouched"],
}  # fmt: skip


def test_nobody_takes_over() -> None:
    found = without_rep(CONTENT, ANA)
    assert [(one["name"], one["excluded"]) for one in found.content["rules"]] == [
        ("to Bo", []),
        ("not both", [BO]),
    ]
    assert [one["coverage"] for one in found.content["territories"]] == [
        [cover(None)],
        [cover(BO)],
        [cover(CARA)],
    ]
    assert found.routes == ("to Ana",)
    assert found.exclusions == ("not Ana", "not both")
    assert found.territories == ("Texas", "Utah")
    assert found.content["policies"] == ["untouched"]


def test_somebody_takes_over_each() -> None:
    found = without_rep(CONTENT, ANA, rules_to=CARA, territories_to=BO)
    assert found.content["rules"][0] == rule("to Ana", CARA)
    assert [one["name"] for one in found.content["rules"]] == ["to Ana", "to Bo", "not both"]
    texas, utah, _ = found.content["territories"]
    assert texas["coverage"] == [cover(None), cover(BO)]
    assert utah["coverage"] == [cover(BO)]  # covers already, once


def test_whose_dates_differ_covers_both() -> None:
    content = {"territories": [{"name": "Utah", "coverage": [cover(ANA, "2026-01-01"), cover(BO)]}]}
    found = without_rep(content, ANA, territories_to=BO)
    assert found.content["territories"][0]["coverage"] == [cover(BO), cover(BO, "2026-01-01")]


def test_who_is_named_nowhere_changes_nothing() -> None:
    found = without_rep(CONTENT, 77)
    assert not found.changed
    assert found.content == CONTENT


ids = st.integers(1, 4)
rules = st.lists(
    st.builds(lambda r, e: rule("x", r, tuple(e)), st.none() | ids, st.lists(ids, max_size=3, unique=True))
)
covers = st.lists(st.builds(cover, st.none() | ids))


@given(rules, st.lists(covers), ids, st.none() | ids)
def test_nothing_names_the_rep_afterwards(
    some: list[dict[str, Any]], areas: list[list[dict[str, Any]]], rep: int, to: int | None
) -> None:
    to = None if to == rep else to
    content = {"rules": some, "territories": [{"name": "t", "coverage": one} for one in areas]}
    found = without_rep(content, rep, rules_to=to, territories_to=to).content
    assert not any(names_rep(one, rep) for one in found["rules"])
    assert not any(one["rep_id"] == rep for area in found["territories"] for one in area["coverage"])
    assert without_rep(found, rep, rules_to=to, territories_to=to).content == found
