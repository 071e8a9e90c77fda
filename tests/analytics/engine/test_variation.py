"""A configuration with one policy changed."""

import pytest

from analytics.engine.variation import NoSuchPolicy, PolicyChange

CONTENT = {
    "rules": [{"id": 1}],
    "policies": [
        {"name": "Inbound", "threshold": 50, "application": "suggest", "fallback": ["hold"]},
        {"name": "Others", "threshold": 50, "application": "suggest", "fallback": ["hold"]},
    ],
}


def test_only_what_is_named_is_other() -> None:
    changed = PolicyChange("Others", {"threshold": 60, "exploration_share": 0.1}).applied(CONTENT)
    assert changed == {
        "rules": [{"id": 1}],
        "policies": [
            CONTENT["policies"][0],
            {"name": "Others", "threshold": 60, "application": "suggest", "fallback": ["hold"],
             "exploration_share": 0.1},
        ],
    }  # fmt: skip
    assert CONTENT["policies"][1]["threshold"] == 50  # what was given stays as it was


def test_a_policy_that_is_not_there_is_refused_by_name() -> None:
    with pytest.raises(NoSuchPolicy, match="no policy “Gone”"):
        PolicyChange("Gone", {"threshold": 1}).applied(CONTENT)


def test_other_fields_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="only application, threshold"):
        PolicyChange("Others", {"condition": {}})


def test_says_what_is_changed() -> None:
    change = PolicyChange(
        "Inbound",
        {
            "application": "assign",
            "threshold": 60.0,
            "exploration_share": 0.05,
            "fallback": ["manager", "hold"],
        },
    )
    assert change.said == (
        "“Inbound” assigning, confident from a score of 60, exploring 5 %, falling back to the manager, then the queue"
    )
    assert PolicyChange("Inbound", {"exploration_share": 0.0}).said == "“Inbound” without exploring"
