"""Routing rules: what the services refuse, the pages for every role, and conditions that a form keeps as they are."""

import datetime
import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.test import Client
from django.urls import reverse
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from crm.engine.conditions import MANY_VALUES, NO_VALUE, OPERATORS, compile_condition, condition_fields
from crm.forms.condition_tree import Group, nodes, of_data, of_json, to_json
from crm.forms.conditions import ConditionWidget
from crm.models import Account, CustomField
from reps.models import Rep, Team, User
from reps.services.edits import EditConflict
from routing.models import Rule
from routing.queries.changes import unpublished_changes
from routing.services import ordered
from routing.services import rules as services

pytestmark = pytest.mark.django_db
SignIn = Callable[[User], Client]
PAGE_QUERIES = 26
FORM_QUERIES = 14
BIG: dict[str, Any] = {"field": "value", "op": "over", "value": 100_000}


def text(response: Any) -> str:
    """Without what marks the values in sentences."""
    return " ".join(re.sub("</?b[^>]*>", "", response.content.decode()).split())


@pytest.fixture
def make_rule(ana: Rep, omar: User) -> Callable[..., Rule]:
    def make(name: str = "Big ones", **values: Any) -> Rule:
        excluded = values.pop("excluded", ())
        rule = Rule(**{"name": name, "action": "route_to_rep", "rep": ana, "condition": BIG} | values)
        return services.save_rule(rule=rule, excluded=excluded, by=omar)

    return make


def form_data(tree: Group, name: str = "condition") -> dict[str, Any]:
    """What the builder's inputs send for a tree."""
    data: dict[str, Any] = {f"{name}-kind": tree.kind, f"{name}-nodes": []}
    if tree.is_bare:
        data[f"{name}-bare"] = "1"
    for node in list(nodes(tree))[1:]:
        data[f"{name}-nodes"].append(node.key)
        prefix = f"{name}-{node.key}"
        if isinstance(node, Group):
            data[f"{prefix}-kind"] = node.kind
        else:
            data |= {f"{prefix}-field": node.field, f"{prefix}-op": node.op, f"{prefix}-value": node.values}
    return data


def sent(condition: Mapping[str, Any], **values: Any) -> dict[str, Any]:
    """A whole form with this condition."""
    widget = ConditionWidget()
    widget.fields = condition_fields(list(CustomField.objects.values("key", "label", "type", "choices")))
    tree = widget.tree_of(condition)
    return {"name": "Big ones", "action": "route_to_rep", "is_active": "on"} | form_data(tree) | values


# --- conditions are kept as they are ---------------------------------------------------------------------------------

VALUES: dict[str, list[Any]] = {
    "text": ["Healthcare", "a, b", "“quoted”", "São Paulo"],
    "number": [100_000, 0, -5, 0.25, 1e15],
    "boolean": [True, False],
    "date": ["2026-03-02", "2027-01-01"],
    "list": ["Dynamics", "SAP & co"],
}
FIELD_OF = {"text": "industry", "number": "value", "boolean": "custom.trial", "date": "custom.renewal"} | {
    "list": "competitors",
    "reference": "account_id",
}


def every_test(ids: list[int]) -> Iterator[dict[str, Any]]:
    """A test for each operator of each type, with one value and with several."""
    for kind, operators in OPERATORS.items():
        values = VALUES.get(kind, ids)
        for op in operators:
            plain: dict[str, Any] = {"field": FIELD_OF[kind], "op": op}
            if op in NO_VALUE:
                yield plain
            elif op == "between":
                yield plain | {
                    "value": sorted(values[:2], key=lambda v: v.casefold() if isinstance(v, str) else v)
                }
            elif op in MANY_VALUES:
                yield plain | {"value": values[:1]}
                yield plain | {"value": values}
            else:
                yield from (plain | {"value": value} for value in values)


@pytest.fixture
def own_fields(db: None) -> None:
    CustomField.objects.create(key="trial", label="Trial", type="boolean")
    CustomField.objects.create(key="renewal", label="Renewal", type="date")
    CustomField.objects.create(key="plan", label="Plan", type="choice", choices=["Gold", "Silver"])


def test_every_operator_survives_the_form(
    omar: User, make_rule: Callable[..., Rule], ana: Rep, own_fields: None, as_user: SignIn
) -> None:
    """Through the page: what the inputs of the form show is sent back and stored."""
    ids = [Account.objects.create(name=name).pk for name in ("Northwind", "Contoso", "Contoso")]
    plan = [
        {"field": "custom.plan", "op": op, "value": v} for op, v in (("is", "Gold"), ("in", ["Gold", "Old"]))
    ]
    tests = [*every_test(ids), *plan]
    condition = {"any": [{"all": tests}, {"none": [{"any": [{"none": [BIG]}, BIG]}]}]}
    compile_condition(
        condition, condition_fields(list(CustomField.objects.values("key", "label", "type", "choices")))
    )
    rule = make_rule(condition=condition)
    client = as_user(omar)
    page = client.get(reverse("rule", args=[rule.pk]))
    data = of_inputs(page.content.decode())
    assert client.post(reverse("rule", args=[rule.pk]), data).status_code == 302
    rule.refresh_from_db()
    assert rule.condition == condition


def of_inputs(html: str) -> dict[str, list[str]]:
    """What a browser would send for the form of this page."""
    from html.parser import HTMLParser

    class Inputs(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.data: dict[str, list[str]] = {}
            self.select, self.first, self.area, self.chosen = "", "", "", False
            self.inside = False

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            a = dict(attrs)
            self.inside = (
                (self.inside or "rule-form" in (a.get("class") or "")) if tag == "form" else self.inside
            )
            name = a.get("name") or ""
            if not self.inside:
                return
            ticked = a.get("type") not in ("checkbox", "radio") or "checked" in a
            if tag == "input" and name and ticked:
                self.data.setdefault(name, []).append(a.get("value") or "")
            elif tag == "select":
                self.select, self.first, self.chosen = name, "", False
            elif tag == "option" and self.select:
                if "selected" in a:
                    self.data.setdefault(self.select, []).append(a.get("value") or "")
                    self.chosen = True
                self.first = self.first or a.get("value") or "-"
            elif tag == "textarea":
                self.area = name

        def handle_data(self, text: str) -> None:
            if self.area:
                self.data.setdefault(self.area, []).append(text)

        def handle_endtag(self, tag: str) -> None:
            if tag == "form":
                self.inside = False
            self.select = "" if tag == "select" else self.select
            self.area = "" if tag == "textarea" else self.area

    parser = Inputs()
    parser.feed(html)
    return {name: ["".join(v)] if name.endswith("-lines") else v for name, v in parser.data.items()}


TESTS = st.sampled_from(list(every_test([7, 12])))
TREES = st.recursive(
    TESTS,
    lambda inner: st.builds(
        lambda kind, members: {kind: members},
        st.sampled_from(["all", "any", "none"]),
        st.lists(inner, min_size=1, max_size=4),
    ),
    max_leaves=12,
)


@settings(max_examples=80, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(TREES)
def test_any_tree_survives_being_sent(own_fields: None, condition: dict[str, Any]) -> None:
    widget = ConditionWidget()
    widget.fields = condition_fields(list(CustomField.objects.values("key", "label", "type", "choices")))
    widget.accounts = {7: "Northwind #7", 12: "Contoso #12"}
    data = QueryDict(mutable=True)
    for name, value in form_data(of_json(condition, widget.words)).items():
        data.setlist(name, value if isinstance(value, list) else [value])
    assert to_json(of_data(data, "condition"), widget.value_of) == condition


# --- services --------------------------------------------------------------------------------------------------------


class TestRefusals:
    def refused(self, make_rule: Callable[..., Rule], **values: Any) -> dict[str, list[str]]:
        with pytest.raises(ValidationError) as refusal:
            make_rule(**values)
        assert not Rule.objects.exists()
        return refusal.value.message_dict

    def test_team_without_reps(self, make_rule: Callable[..., Rule], west: Team) -> None:
        found = self.refused(make_rule, action="route_to_team", team=west)
        assert found == {"team": ["West has no reps: nobody could get what the rule matches."]}

    def test_rep_who_has_left(self, make_rule: Callable[..., Rule], make_rep: Callable[..., Rep]) -> None:
        gone = make_rep("Gus", left_at=datetime.datetime(2026, 1, 1, tzinfo=datetime.UTC))
        assert self.refused(make_rule, rep=gone) == {"rep": ["Gus has left: nothing could be routed there."]}

    def test_action_without_its_object(self, make_rule: Callable[..., Rule]) -> None:
        assert list(self.refused(make_rule, rep=None)) == ["rep"]
        assert list(self.refused(make_rule, action="route_to_team")) == ["team"]
        assert list(self.refused(make_rule, action="exclude_reps")) == ["excluded"]
        assert list(self.refused(make_rule, action="require")) == ["required_field"]

    @pytest.mark.parametrize(
        ("field", "value", "says"),
        [
            ("certification", "", "Say which certification is required."),
            ("seniority", "senior", "Seniority is a number: “senior” is not one."),
            ("tier", "", "Say which tier is required."),
            ("tier", "gold", "“gold” is no tier: use one of Standard, Top performers."),
            ("seniority", "7", "“7” is no seniority: use one of Junior, Mid, Senior, Principal."),
            ("technical_depth", "6", "Technical depth goes up to 5."),
            (
                "deal_size",
                "5",
                "Leave this empty: the rep’s deal sizes have to cover the opportunity’s value.",
            ),
        ],
    )
    def test_requirement_that_nobody_can_meet(
        self, field: str, value: str, says: str, make_rule: Callable[..., Rule]
    ) -> None:
        found = self.refused(make_rule, action="require", required_field=field, required_value=value)
        assert found == {"required_value": [says]}

    def test_ends_before_it_starts(self, make_rule: Callable[..., Rule]) -> None:
        day = datetime.datetime(2026, 3, 2, tzinfo=datetime.UTC)
        assert self.refused(make_rule, starts_at=day, ends_at=day) == {
            "ends_at": ["The rule would end before it starts."]
        }

    def test_name_twice(self, make_rule: Callable[..., Rule]) -> None:
        make_rule()
        with pytest.raises(ValidationError, match="There is a rule of this name"):
            make_rule("BIG ONES")

    def test_condition_that_cannot_be(self, make_rule: Callable[..., Rule]) -> None:
        assert self.refused(make_rule, condition={"any": []}) == {"condition": ["“any of” is empty"]}


class TestOrder:
    def names(self) -> list[str]:
        rules = Rule.objects.order_by("position")
        assert [rule.position for rule in rules] == list(range(1, len(rules) + 1))
        return [rule.name for rule in rules]

    def test_moving_closes_up(self, make_rule: Callable[..., Rule], omar: User) -> None:
        a, b, c = (make_rule(name) for name in "ABC")
        assert ordered.move(Rule, pk=c.pk, to=1) == 1
        assert self.names() == ["C", "A", "B"]
        assert ordered.move(Rule, pk=c.pk, to=99) == 3
        assert ordered.step(Rule, pk=b.pk, by_places=-1) == 1
        assert ordered.step(Rule, pk=b.pk, by_places=-1) == 1
        assert self.names() == ["B", "A", "C"]
        assert Rule.objects.get(pk=a.pk).updated_at == a.updated_at

    def test_copy_stands_behind_and_is_off(self, make_rule: Callable[..., Rule], omar: User, bo: Rep) -> None:
        first = make_rule("A", action="exclude_reps", excluded=[bo])
        make_rule("B")
        copy = ordered.copy(Rule, pk=first.pk)
        ordered.copy(Rule, pk=first.pk)
        assert self.names() == ["A", "A (copy 2)", "A (copy)", "B"]
        assert not copy.is_active
        assert list(copy.excluded.all()) == [bo]

    def test_deleting_and_undoing(
        self, make_rule: Callable[..., Rule], omar: User, publish: Callable[[], int]
    ) -> None:
        rules = [make_rule(name) for name in "ABC"]
        publish()
        kept = ordered.delete(Rule, pk=rules[1].pk)
        assert kept is not None
        assert self.names() == ["A", "C"]
        assert [str(one) for one in unpublished_changes()] == ["Rule “B” removed"]
        ordered.bring_back(Rule, kept=kept)
        assert self.names() == ["A", "B", "C"]
        assert unpublished_changes() == []
        with pytest.raises(ValidationError, match="back already"):
            ordered.bring_back(Rule, kept=kept)
        assert ordered.delete(Rule, pk=999) is None

    def test_what_cannot_be_is_not_switched_on(
        self, make_rule: Callable[..., Rule], omar: User, ana: Rep
    ) -> None:
        rule = make_rule(is_active=False)
        Rep.objects.filter(pk=ana.pk).update(left_at=rule.updated_at)
        with pytest.raises(ValidationError, match="Big ones cannot be switched on"):
            services.set_rule_active(rule_id=rule.pk, active=True, by=omar)
        Rep.objects.filter(pk=ana.pk).update(left_at=None)
        assert services.set_rule_active(rule_id=rule.pk, active=True, by=omar).is_active

    def test_second_of_two_is_told(self, make_rule: Callable[..., Rule], omar: User) -> None:
        rule = make_rule()
        seen = rule.updated_at
        services.set_rule_active(rule_id=rule.pk, active=False, by=omar)
        with pytest.raises(EditConflict):
            services.save_rule(rule=rule, seen=seen, by=omar)


# --- pages -----------------------------------------------------------------------------------------------------------


class TestPages:
    def test_who_may_what(
        self,
        make_rule: Callable[..., Rule],
        ana: Rep,
        ben: User,
        nia: User,
        omar: User,
        ada: User,
        client: Client,
    ) -> None:
        rule = make_rule()
        addresses = [reverse(f"rule_{verb}", args=[rule.pk]) for verb in ("move", "switch", "copy", "delete")]
        for user, sees, edits in ((ana.user, 403, 403), (ben, 200, 403), (nia, 200, 403)):
            assert user is not None
            client.force_login(user)
            page = client.get(reverse("rules"))
            assert page.status_code == sees
            assert b"Add Rule" not in page.content
            assert {client.post(one, {"to": "1"}).status_code for one in addresses} == {edits}
            assert client.get(reverse("rule_new")).status_code == edits
            assert client.get(reverse("rule", args=[rule.pk])).status_code == edits
        for user in (omar, ada):
            client.force_login(user)
            assert "Add Rule" in text(client.get(reverse("rules")))
            assert client.get(reverse("rule", args=[rule.pk])).status_code == 200

    def test_new_rule_is_the_draft(self, omar: User, ana: Rep, as_user: SignIn) -> None:
        client = as_user(omar)
        assert "Choose a field" in text(client.get(reverse("rule_new")))
        condition = {
            "all": [BIG, {"any": [{"field": "industry", "op": "in", "value": ["Healthcare", "Energy"]}]}]
        }
        page = client.post(reverse("rule_new"), sent(condition, rep=ana.pk), follow=True)
        assert "Big ones is saved. It decides once it is published." in text(page)
        assert "When value is over $100,000 and industry is Healthcare or Energy, route to Ana" in text(
            page
        ).replace("is one of", "is")
        assert "Not published yet: 1 change" in text(page)
        assert Rule.objects.get().condition == condition

    def test_words_beside_each_wrong_test(self, omar: User, ana: Rep, as_user: SignIn) -> None:
        wrong = {
            "all": [
                {"field": "industry", "op": "over", "value": 5},
                {"field": "value", "op": "over", "value": "plenty"},
                {"field": "custom.gone", "op": "is", "value": "x"},
                {"field": "industry", "op": "in", "value": []},
                {"any": []},
                {"field": "value", "op": "between", "value": [9, 5]},
                {"field": "account_id", "op": "is", "value": 99},
                {"field": "", "op": ""},
            ]
        }
        response = as_user(omar).post(reverse("rule_new"), sent(wrong, rep=ana.pk, name=""))
        page = text(response)
        assert response.status_code == 422
        beside = {
            "0": "Choose how industry is compared: “is over” is nothing to ask of a text.",
            "1": "Value is a number: “plenty” is not one.",
            "2": "There is no field “custom.gone” any more. Choose another one.",
            "3": "Give at least one value.",
            "5": "Value: the lower bound is above the upper one.",
            "6": "There is no account “#99”. Choose one of those offered.",
            "7": "Choose a field, or remove this test.",
        }
        for key, words in beside.items():
            assert f'id="id_condition-{key}_error"><li>{words}</li>' in page
            assert f'<a href="#id_condition-{key}">When: {words}</a>' in page
        assert "When: This group is empty: add a test to it, or remove it." in page
        assert 'value="plenty"' in page
        assert '<a href="#id_name">Name: This field is required.</a>' in page

    def test_refusal_stands_at_its_field(self, omar: User, west: Team, as_user: SignIn) -> None:
        response = as_user(omar).post(reverse("rule_new"), sent(BIG, action="route_to_team", team=west.pk))
        assert response.status_code == 422
        assert '<a href="#id_team">Team: West has no reps' in text(response)

    def test_buttons_keep_what_was_typed(self, omar: User, as_user: SignIn) -> None:
        client = as_user(omar)
        data = sent(BIG, name="") | {"condition-do": "add-group:"}
        response = client.post(reverse("rule_new"), data)
        page = text(response)
        assert response.status_code == 200
        assert 'value="100000"' in page
        assert 'name="condition-1_0-field"' in page
        assert "This field is required" not in page
        region = client.post(
            reverse("rule_new"), data, headers={"HX-Request": "true", "HX-Target": "condition"}
        ).content.decode()
        assert region.strip().startswith('<div id="condition">')
        assert not Rule.objects.exists()

    def test_country_by_name_is_the_code(self, omar: User, ana: Rep, as_user: SignIn) -> None:
        condition = {"all": [{"field": "country", "op": "in", "value": ["Germany", "us"]}]}
        as_user(omar).post(reverse("rule_new"), sent(condition, rep=ana.pk))
        assert Rule.objects.get().condition["all"][0]["value"] == ["DE", "us"]

    def test_account_by_its_name(self, omar: User, ana: Rep, as_user: SignIn) -> None:
        account = Account.objects.create(name="Northwind")
        data = sent({"field": "account_id", "op": "is", "value": account.pk}, rep=ana.pk)
        as_user(omar).post(reverse("rule_new"), data | {"condition-0-value": "northwind"})
        assert Rule.objects.get().condition == {"field": "account_id", "op": "is", "value": account.pk}

    def test_requirement_by_its_word(self, omar: User, as_user: SignIn) -> None:
        client = as_user(omar)
        senior = sent(BIG, action="require", required_field="seniority", required_value="senior")
        client.post(reverse("rule_new"), senior)
        rule = Rule.objects.get()
        assert rule.required_value == "3"
        assert 'value="Senior"' in text(client.get(reverse("rule", args=[rule.pk])))

    def test_accounts_are_read_out_by_name(
        self, make_rule: Callable[..., Rule], nia: User, as_user: SignIn
    ) -> None:
        account = Account.objects.create(name="Northwind")
        make_rule(condition={"any": [BIG, {"field": "account_id", "op": "in", "value": [account.pk, 99]}]})
        page = text(as_user(nia).get(reverse("rules")))
        assert "account is Northwind or account #99" in page

    @settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        st.dictionaries(
            st.builds(
                lambda key, part: f"condition-{key}{part}",
                st.sampled_from(["", "0-", "1-", "0_0-", "9_9-"]),
                st.sampled_from(["kind", "field", "op", "value", "lines", "more", "do", "nodes", "bare"]),
            ),
            st.lists(
                st.sampled_from(
                    ["", "0", "1", "0_0", "all", "none", "value", "account_id", "in", "between", "is", "remove:0",
                     "remove:", "add-group:0", "#12", "#99999999999999999999", "x\x00", "9" * 40, "1e999", "nan"]
                ),
                max_size=3,
            ),
            max_size=14,
        )
    )  # fmt: skip
    def test_anything_sent_is_answered(
        self, omar: User, ana: Rep, client: Client, data: dict[str, list[str]]
    ) -> None:
        client.force_login(omar)
        whole = {
            "name": "Any",
            "action": "route_to_rep",
            "rep": str(ana.pk),
            "condition-nodes": ["0", "0_0", "1"],
        }
        response = client.post(reverse("rule_new"), whole | data)
        assert response.status_code in (200, 302, 422)
        Rule.objects.all().delete()

    def test_two_people_at_once(
        self, make_rule: Callable[..., Rule], omar: User, ana: Rep, as_user: SignIn
    ) -> None:
        rule = make_rule()
        client = as_user(omar)
        data = sent(BIG, name="Mine", rep=ana.pk, seen_at=rule.updated_at.isoformat())
        rule.condition = {"field": "industry", "op": "is", "value": "Energy"}
        services.save_rule(rule=rule, by=omar)
        response = client.post(reverse("rule", args=[rule.pk]), data)
        assert response.status_code == 422
        assert "Somebody else saved Big ones while you were editing." in text(response)
        assert "<dt>When, now</dt><dd>industry is Energy</dd>" in text(response)
        again = data | {"seen_at": Rule.objects.get().updated_at.isoformat()}
        assert client.post(reverse("rule", args=[rule.pk]), again).status_code == 302
        assert Rule.objects.get().name == "Mine"

    def test_delete_and_undo(self, make_rule: Callable[..., Rule], omar: User, as_user: SignIn) -> None:
        rule, client = make_rule(), as_user(omar)
        page = text(client.post(reverse("rule_delete", args=[rule.pk]), follow=True))
        assert "Big ones is deleted." in page
        assert f'action="{reverse("rule_restore")}"' in page
        assert "Big ones is back." in text(client.post(reverse("rule_restore"), follow=True))
        assert "nothing to bring back" in text(client.post(reverse("rule_restore"), follow=True))
        assert Rule.objects.get() == rule

    def test_move_switch_and_copy(self, make_rule: Callable[..., Rule], omar: User, as_user: SignIn) -> None:
        rules, client = [make_rule(name) for name in "AB"], as_user(omar)
        move = reverse("rule_move", args=[rules[1].pk])
        assert "B is number 1 now." in text(client.post(move, {"to": "1"}, follow=True))
        region = client.post(move, {"step": "down"}, headers={"HX-Request": "true", "HX-Target": "ladder"})
        assert region.content.decode().strip().startswith('<div class="ladder" id="ladder">')
        assert "B is number 2 now." in region["HX-Trigger"]
        assert client.post(move, {"to": "x"}).status_code == 404
        client.post(reverse("rule_switch", args=[rules[0].pk]), {"to": "off"})
        assert not Rule.objects.get(pk=rules[0].pk).is_active
        copied = client.post(reverse("rule_copy", args=[rules[0].pk]))
        assert copied.headers["Location"] == reverse("rule", args=[Rule.objects.get(name="A (copy)").pk])

    @pytest.mark.parametrize("count", [1, 30])
    def test_queries_do_not_grow(
        self,
        count: int,
        omar: User,
        make_rule: Callable[..., Rule],
        as_user: SignIn,
        own_fields: None,
        bo: Rep,
        django_assert_num_queries: Any,
    ) -> None:
        own = {"field": "custom.trial", "op": "is", "value": True}
        for number in range(count):
            made = make_rule(
                f"Rule {number}", condition={"all": [BIG, own]}, action="exclude_reps", excluded=[bo]
            )
        client = as_user(omar)
        client.get(reverse("rules"))
        with django_assert_num_queries(PAGE_QUERIES):
            client.get(reverse("rules"))
        with django_assert_num_queries(FORM_QUERIES):
            client.get(reverse("rule", args=[made.pk]))
