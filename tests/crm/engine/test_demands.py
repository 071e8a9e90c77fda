"""What is filed under values is what would hold, for any conditions and facts."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from crm.engine.conditions import compile_condition, condition_fields, normalise
from crm.engine.demands import Demand, Filed, demand_of

FIELDS = condition_fields([{"key": "plan", "label": "Plan", "type": "choice"}])
WORDS = st.sampled_from(["Gold", "silver", "Tin"])
TEXTS = ("industry", "country", "custom.plan")
TESTS = st.one_of(
    st.fixed_dictionaries(
        {"field": st.sampled_from(TEXTS), "op": st.sampled_from(["is", "is_not"]), "value": WORDS}
    ),
    st.fixed_dictionaries(
        {
            "field": st.sampled_from(TEXTS),
            "op": st.sampled_from(["in", "not_in"]),
            "value": st.lists(WORDS, min_size=1, max_size=3),
        }
    ),
    st.fixed_dictionaries(
        {"field": st.sampled_from(TEXTS), "op": st.sampled_from(["is_empty", "is_not_empty"])}
    ),
    st.fixed_dictionaries(
        {"field": st.just("value"), "op": st.sampled_from(["is", "over"]), "value": st.integers(0, 3)}
    ),
    st.fixed_dictionaries(
        {
            "field": st.just("account_id"),
            "op": st.just("in"),
            "value": st.lists(st.integers(1, 3), min_size=1),
        }
    ),
)
CONDITIONS = st.recursive(
    TESTS,
    lambda inner: st.builds(
        lambda group, members: {group: members},
        st.sampled_from(["all", "any", "none"]),
        st.lists(inner, min_size=1, max_size=3),
    ),
    max_leaves=8,
)
FACTS = st.fixed_dictionaries(
    {name: st.one_of(st.none(), WORDS) for name in TEXTS}
    | {
        "value": st.one_of(st.none(), st.integers(0, 3)),
        "account_id": st.one_of(st.none(), st.integers(1, 3)),
    }
)


@given(st.lists(st.one_of(st.just({}), CONDITIONS), max_size=8), FACTS)
def test_everything_that_holds_is_possible(conditions: list[dict[str, Any]], values: dict[str, Any]) -> None:
    facts = normalise(values)
    possible = Filed([demand_of(one, FIELDS) for one in conditions]).possible(facts)
    holds = [n for n, one in enumerate(conditions) if compile_condition(one, FIELDS)(facts)]
    assert possible == sorted(set(possible))
    assert set(holds) <= set(possible)


def test_the_rarest_value_is_filed() -> None:
    test = {"field": "industry", "op": "in", "value": ["A", "B"]}
    rare = {"field": "country", "op": "is", "value": "DE"}
    assert demand_of({"all": [test, rare]}, FIELDS) == Demand("country", frozenset({"de"}))
    assert demand_of({"any": [test, {"field": "industry", "op": "is", "value": "C"}]}, FIELDS) == Demand(
        "industry", frozenset({"a", "b", "c"})
    )
    assert demand_of({"any": [test, rare]}, FIELDS) is None
    assert demand_of({"none": [test]}, FIELDS) is None
    assert demand_of({}, FIELDS) is None


def test_only_those_with_the_value_are_asked() -> None:
    demands = [Demand("industry", frozenset({name})) for name in ("a", "b", "c")]
    assert Filed([*demands, None]).possible({"industry": "b"}) == [1, 3]
    assert Filed(demands).possible({}) == []
