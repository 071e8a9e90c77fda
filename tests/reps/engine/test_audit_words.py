"""Entries of the audit log as sentences."""

from typing import Any

import pytest

from reps.engine.audit_words import Told, lines, sentence, value_words

PLAIN: dict[str, Any] = {
    "way": "person", "user_name": "Omar Haddad", "through": "", "action": "changed", "kind": "rep", "record_id": "7",
    "record_name": "Ana", "of_kind": "", "of_name": "", "changes": {},
}  # fmt: skip
SKILL = {"kind": "skill", "record_name": "Healthcare", "of_kind": "rep", "of_name": "Ana"}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"changes": {"own_max_open": [40, 50]}},
         "Omar Haddad changed rep Ana: maximum of open opportunities from 40 to 50"),
        ({"changes": {"own_max_open": [None, 50]}},
         "Omar Haddad changed rep Ana: maximum of open opportunities from nothing to 50"),
        ({"changes": {"team_id": [{"id": 1, "name": "East"}, {"id": 2, "name": "West"}]}},
         "Omar Haddad changed rep Ana: team from East to West"),
        ({"changes": {"tier": ["top", "standard"], "seniority": [1, 2]}},
         "Omar Haddad changed rep Ana: tier, seniority"),
        ({"kind": "user", "changes": {"password": ["secret", "secret"]}}, "Omar Haddad changed user Ana: password"),
        ({"kind": "rule", "changes": {"is_active": [True, False]}},
         "Omar Haddad changed rule Ana: switched on from yes to no"),
        ({"action": "created"} | SKILL, "Omar Haddad created skill Healthcare of rep Ana"),
        ({"action": "deleted", "kind": "override", "record_name": "Deal", "of_kind": "opportunity", "of_name": "Deal"},
         "Omar Haddad deleted override Deal"),
        ({"way": "token", "through": "Dialer", "action": "created"}, "Omar Haddad (token “Dialer”) created rep Ana"),
        ({"way": "job", "through": "routing.jobs.every_night", "user_name": "", "action": "created"} | SKILL,
         "The job routing.jobs.every_night created skill Healthcare of rep Ana"),
        ({"way": "database", "through": "app", "action": "emptied", "record_name": "", "record_id": ""},
         "The database’s account app, for Omar Haddad emptied rep"),
        ({"way": "visitor", "user_name": "", "action": "sign_in_failed", "record_name": "omar@example.com"},
         "A sign-in as omar@example.com failed"),
        ({"action": "signed_in"}, "Omar Haddad signed in"),
        ({"action": "session_ended", "changes": {"sessions": [2, None]}}, "Omar Haddad ended 2 sessions of Ana"),
        ({"action": "exported", "record_name": "gaps.csv"}, "Omar Haddad downloaded “gaps.csv”"),
        ({"action": "created", "kind": "model", "record_name": "rolled_back"}, "Omar Haddad rolled back a model"),
        ({"action": "created", "kind": "automation", "record_name": "paused"},
         "Omar Haddad set the automation to paused"),
    ],
)  # fmt: skip
def test_sentences(values: dict[str, Any], said: str) -> None:
    assert sentence(Told(**PLAIN | values)) == said


def test_values_in_words() -> None:
    given = [None, "", True, 4, ["a", "b"], {"id": 1, "name": "East"}, {"op": "is"}]
    assert [value_words(one) for one in given] == [
        "nothing",
        "nothing",
        "yes",
        "4",
        "a, b",
        "East",
        '{"op": "is"}',
    ]
    assert value_words("x" * 200) == "x" * 79 + "…"


def test_lines_of_a_table() -> None:
    assert lines({"team_id": [None, 2], "own_max_open": [1, 2]}) == [
        ("maximum of open opportunities", "1", "2"),
        ("team", "nothing", "2"),
    ]
