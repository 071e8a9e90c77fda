"""Routing Rules in a browser: a nested rule by mouse, by keyboard and without scripts; order by drag and by keys."""

import re
from collections.abc import Callable
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from django.urls import reverse
from playwright.sync_api import Page, expect

from crm.models import Account, CustomField
from reps.models import Rep, User
from routing.models import Rule
from routing.services.rules import save_rule
from tests.screens.conftest import PHONE, WIDE

OpenPage = Callable[..., Page]
BIG: dict[str, Any] = {"field": "value", "op": "over", "value": 100_000}
PROMISING = [
    {"field": "industry", "op": "is", "value": "Healthcare"},
    {"field": "lead_score", "op": "at_least", "value": 80},
]
NESTED: dict[str, Any] = {"all": [BIG, {"any": PROMISING}]}


@pytest.fixture
def rules(transactional_db: None, ana: Rep, omar: User) -> list[Rule]:
    reverse("rules")  # loads every page, which would take its time within the first one
    made = [
        Rule(name=name, action="route_to_rep", rep=ana, condition=BIG) for name in ("One", "Two", "Three")
    ]
    return [save_rule(rule=rule, by=omar) for rule in made]


def names() -> list[str]:
    return list(Rule.objects.order_by("position").values_list("name", flat=True))


def problems(page: Page) -> list[str]:
    found = [
        f"{one['id']}: {one['nodes'][0]['html'][:160]}" for one in Axe().run(page).response["violations"]
    ]
    too_wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return found + ([f"{too_wide} px too wide"] if too_wide > 0 else [])


def test_nested_rule_by_mouse(open_page: OpenPage, omar: User, rules: list[Rule]) -> None:
    page = open_page(omar)
    page.goto("/rules/")
    page.get_by_role("link", name="Add Rule").click()
    page.get_by_label("Name").fill("Large or promising")
    page.get_by_label("Field").focus()
    page.get_by_label("Field").select_option("value")
    expect(page.get_by_label("Comparison")).to_be_visible()
    expect(page.get_by_label("Field")).to_be_focused()
    page.get_by_label("Comparison").select_option("over")
    page.get_by_label("Value").fill("100,000")
    page.get_by_role("button", name="Add group").click()
    inner = page.locator("#id_condition-1")
    expect(inner.get_by_label("Field")).to_be_focused()
    inner.get_by_label("Field").select_option("industry")
    inner.get_by_label("Value").fill("Healthcare")
    inner.get_by_role("button", name="Add test").click()
    inner.get_by_label("Field").nth(1).select_option("lead_score")
    inner.get_by_label("Comparison").nth(1).select_option("at_least")
    inner.get_by_label("Value").nth(1).fill("80")
    expect(page.get_by_label("Name")).to_have_value("Large or promising")
    page.get_by_label("Then").select_option("route_to_rep")
    page.get_by_label("Rep", exact=True).select_option(label="Ana")
    expect(page.get_by_label("Team")).to_be_hidden()
    page.get_by_role("button", name="Save").last.click()
    expect(page.get_by_text("Large or promising is saved. It decides once it is published.")).to_be_visible()
    assert Rule.objects.get(name="Large or promising").condition == NESTED


def test_nested_rule_by_keyboard(open_page: OpenPage, omar: User, rules: list[Rule]) -> None:
    page = open_page(omar)
    page.goto("/rules/new/")
    page.get_by_label("Name").focus()
    page.keyboard.type("By keys")
    press = page.keyboard.press
    for _ in range(2):
        press("Tab")  # over the kind of the group to the first field
    expect(page.locator("#id_condition-0")).to_be_focused()
    page.keyboard.type("Industry")
    expect(page.locator("#id_condition-0-value")).to_be_visible()
    for _ in range(2):
        press("Tab")
    expect(page.locator("#id_condition-0-value")).to_be_focused()
    page.keyboard.type("Healthcare")
    page.get_by_role("button", name="Add group").focus()
    press("Enter")
    expect(page.locator("#id_condition-1_0")).to_be_focused()
    page.keyboard.type("Language")
    expect(page.locator("#id_condition-1_0-value")).to_be_visible()
    press("Tab")
    press("Tab")
    page.keyboard.type("German")
    page.get_by_label("Then").focus()
    page.keyboard.type("Exclude")
    page.get_by_role("checkbox", name="Ana").focus()
    press("Space")
    page.get_by_label("Name").focus()
    press("Enter")  # saves; it presses none of the builder's buttons
    expect(page.get_by_text("By keys is saved.")).to_be_visible()
    rule = Rule.objects.get(name="By keys")
    assert rule.condition["all"][1] == {"any": [{"field": "language", "op": "is", "value": "German"}]}
    assert [rep.name for rep in rule.excluded.all()] == ["Ana"]


def test_removing_keeps_the_focus_near(open_page: OpenPage, omar: User, rules: list[Rule]) -> None:
    Rule.objects.filter(pk=rules[0].pk).update(condition=NESTED)
    page = open_page(omar)
    page.goto(f"/rules/{rules[0].pk}/")
    page.get_by_role("button", name="Remove test 2.1").click()
    expect(page.locator("#id_condition-1_0")).to_be_focused()
    expect(page.locator("#id_condition-1_0")).to_have_value("lead_score")
    page.get_by_role("button", name="Remove group").click()
    expect(page.locator("#id_condition-1")).to_have_count(0)


def test_several_values_and_accounts_are_offered(open_page: OpenPage, omar: User, rules: list[Rule]) -> None:
    account = Account.objects.create(name="Northwind Health")
    page = open_page(omar)
    page.goto(f"/rules/{rules[0].pk}/")
    page.get_by_label("Field").select_option("account_id")
    page.get_by_label("Comparison").select_option("in")
    page.locator("#id_condition-0-lines").fill("")
    more = page.get_by_label("One more value")
    more.press_sequentially("north", delay=20)
    option = page.locator("#condition-accounts option")
    expect(option).to_have_attribute("value", f"Northwind Health #{account.pk}")
    more.fill(f"Northwind Health #{account.pk}")
    page.get_by_role("button", name="Add value").click()
    expect(page.locator("#id_condition-0-lines")).to_have_value(f"Northwind Health #{account.pk}")
    expect(page.get_by_label("One more value")).to_be_focused()
    page.get_by_role("button", name="Save").last.click()
    expect(page.get_by_text("One is saved.")).to_be_visible()
    rule = Rule.objects.get(pk=rules[0].pk)
    assert rule.condition == {"field": "account_id", "op": "in", "value": [account.pk]}


def test_errors_lead_to_their_test(open_page: OpenPage, omar: User, rules: list[Rule]) -> None:
    page = open_page(omar)
    page.goto(f"/rules/{rules[0].pk}/")
    page.get_by_label("Value").fill("plenty")
    page.get_by_role("button", name="Save").last.click()
    expect(page.locator(".summary")).to_be_focused()
    page.get_by_role("link", name="When: Value is a number: “plenty” is not one.").click()
    expect(page).to_have_url(re.compile("#id_condition-0$"))
    expect(page.get_by_label("Value")).to_have_value("plenty")
    expect(page.get_by_label("Field")).to_have_attribute("aria-describedby", "id_condition-0_error")
    assert problems(page) == []
    page.complaints.clear()  # type: ignore[attr-defined]  # the 422 was meant


def test_order_by_drag(open_page: OpenPage, omar: User, rules: list[Rule]) -> None:
    page = open_page(omar)
    page.goto("/rules/")
    expect(page.locator(f"#matched-rule-{rules[2].pk}")).to_have_text("0 in 90 days")  # rows grow no more
    grip, target = page.locator(f"#grip-rule-{rules[2].pk}"), page.locator(f"#grip-rule-{rules[0].pk}")
    grip.scroll_into_view_if_needed()
    start, end = grip.bounding_box(), target.bounding_box()
    assert start is not None
    assert end is not None
    page.mouse.move(start["x"] + 8, start["y"] + 8)
    page.mouse.down()
    page.mouse.move(end["x"] + 8, start["y"] - 10, steps=4)
    page.mouse.move(end["x"] + 8, end["y"] - 4, steps=6)
    page.mouse.up()
    expect(page.get_by_text("Three is number 1 now.")).to_be_visible()
    expect(page.locator("[aria-labelledby=team-rules] [data-order-item] .name")).to_have_text(
        ["Three", "One", "Two"]
    )
    assert names() == ["Three", "One", "Two"]


def test_order_by_keyboard_and_switch(open_page: OpenPage, omar: User, rules: list[Rule]) -> None:
    page = open_page(omar)
    page.goto("/rules/")
    page.locator(f"#grip-rule-{rules[2].pk}").focus()
    for place in (2, 1):
        page.keyboard.press("ArrowUp")
        expect(page.get_by_text(f"Three is number {place} now.")).to_be_visible()
        expect(page.locator(f"#grip-rule-{rules[2].pk}")).to_be_focused()
    page.keyboard.press("ArrowUp")  # is first already
    assert names() == ["Three", "One", "Two"]
    page.get_by_role("button", name="Move Three down").click()
    expect(page.locator("[aria-labelledby=team-rules] [data-order-item] .name")).to_have_text(
        ["One", "Three", "Two"]
    )
    page.get_by_role("switch", name="One is active").click()
    expect(page.get_by_role("switch", name="One is active")).to_have_attribute("aria-checked", "false")
    expect(page.get_by_role("switch", name="One is active")).to_be_focused()
    assert not Rule.objects.get(name="One").is_active


def test_delete_and_undo(open_page: OpenPage, omar: User, rules: list[Rule]) -> None:
    page = open_page(omar)
    page.goto("/rules/")
    page.locator("summary[aria-label='More for Two']").click()
    page.get_by_role("button", name="Delete").click()
    expect(page.get_by_text("Two is deleted.")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Two is back.")).to_be_visible()
    assert names() == ["One", "Two", "Three"]


def test_everything_without_script(open_page: OpenPage, omar: User, rules: list[Rule]) -> None:
    page = open_page(omar, script=False)
    page.goto("/rules/new/")
    page.get_by_label("Name").fill("Plain")
    page.get_by_label("Field").select_option("value")
    page.get_by_role("button", name="Show").click()
    page.get_by_label("Comparison").select_option("between")
    page.get_by_role("button", name="Show").click()
    page.get_by_label("From", exact=True).first.fill("1000")
    page.get_by_label("To", exact=True).fill("5000")
    page.get_by_role("button", name="Add group").click()
    page.locator("#id_condition-1_0").select_option("urgency")
    page.get_by_role("button", name="Show").nth(1).click()
    page.locator("#id_condition-1_0-op").select_option("in")
    page.get_by_role("button", name="Show").nth(1).click()
    page.get_by_label("Within a month").check()
    page.get_by_label("Then").select_option("require")
    page.get_by_label("What is required").select_option("seniority")
    page.get_by_label("Which").fill("3")
    page.get_by_role("button", name="Save").last.click()
    expect(page.get_by_text("Plain is saved.")).to_be_visible()
    page.get_by_role("button", name="Move Plain up").click()
    expect(page.get_by_text("Plain is number 3 now.")).to_be_visible()
    page.get_by_role("switch", name="Plain is active").click()
    expect(page.get_by_text("Plain is off, once this is published.")).to_be_visible()
    assert Rule.objects.get(name="Plain").condition == {
        "all": [
            {"field": "value", "op": "between", "value": [1000, 5000]},
            {"any": [{"field": "urgency", "op": "in", "value": ["now"]}]},
        ]
    }


@pytest.mark.parametrize(("width", "dark"), [(WIDE, False), (PHONE, True)])
def test_pages_are_accessible_and_fit(
    width: int, dark: bool, open_page: OpenPage, omar: User, nia: User, rules: list[Rule]
) -> None:
    CustomField.objects.create(key="plan", label="Plan", type="choice", choices=["Gold", "Silver"])
    deep = [
        {"field": "country", "op": "in", "value": ["DE", "FR"]},
        {"field": "custom.plan", "op": "not_in", "value": ["Gold"]},
        {"field": "value", "op": "between", "value": [1000, 5000]},
        {"none": [{"any": [{"field": "competitors", "op": "includes_any", "value": ["Dynamics"]}, NESTED]}]},
    ]
    Rule.objects.filter(pk=rules[0].pk).update(condition={"all": deep})
    page = open_page(omar, width=width, dark=dark)
    for address in ("/rules/", f"/rules/{rules[0].pk}/", "/rules/new/"):
        page.goto(address)
        assert (address, problems(page)) == (address, [])
    page = open_page(nia, width=width, dark=dark)
    page.goto("/rules/")
    assert problems(page) == []
    expect(page.get_by_role("switch")).to_have_count(0)
