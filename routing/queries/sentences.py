"""Rules, territories and policies read out as sentences."""

from collections.abc import Mapping
from typing import Any

from crm.engine.conditions import BUILT_IN, Field, describe
from crm.models import Account, CustomField
from crm.queries.condition_words import account_labels, accounts_in, with_account_names
from reps.models import Rep
from routing.engine.configuration import condition_fields
from routing.models import Policy, Rule
from territories.models import Territory


def _fields() -> dict[str, Field]:
    return condition_fields(list(CustomField.objects.values("key", "label", "type", "choices")))


def condition_sentence(condition: dict[str, Any], fields: Mapping[str, Field] | None = None) -> str:
    """ "value is over 100,000 and industry is Healthcare". Whoever reads out many gives the `fields`."""
    if fields is None:
        fields = _fields() if "custom." in str(condition) else BUILT_IN
    accounts = accounts_in(condition)
    return describe(
        with_account_names(condition, account_labels(accounts)) if accounts else condition, fields
    )


def _requirement(rule: Rule) -> str:
    if rule.required_field == "seniority" and rule.required_value.isdigit():
        return f"seniority {dict(Rep.Seniority.choices).get(int(rule.required_value), rule.required_value)} or above"
    if rule.required_field == "technical_depth":
        return f"technical depth of {rule.required_value} or more"
    labels: dict[str, str] = dict(Rep.Tier.choices) | dict(Rep.SellingStyle.choices)
    value = labels.get(rule.required_value, rule.required_value) or "as the opportunity’s"
    return f"{rule.required_field.replace('_', ' ')} {value}"


def rule_sentence(rule: Rule, fields: Mapping[str, Field] | None = None) -> str:
    """ "When value is over 100,000, route to team Enterprise East"."""
    action = {
        Rule.Action.ROUTE_TO_REP: f"route to {rule.rep}",
        Rule.Action.ROUTE_TO_TEAM: f"route to team {rule.team}",
        Rule.Action.EXCLUDE_REPS: "exclude " + ", ".join(rep.name for rep in rule.excluded.all()),
        Rule.Action.REQUIRE: f"require {_requirement(rule)}",
    }[Rule.Action(rule.action)]
    when = condition_sentence(rule.condition, fields)
    return f"When {when}, {action}" if rule.condition else f"Always {action}"


def territory_sentence(territory: Territory, fields: Mapping[str, Field] | None = None) -> str:
    """ "country is US and region is Texas → Enterprise East"."""
    covering = [str(cover.team or cover.rep) for cover in territory.coverage.all()]
    parent = territory.parent
    inside = f", inside {parent.name}{'' if parent.is_active else ', which is off'}" if parent else ""
    if not covering:
        covering = [
            "only through the territories inside it" if territory.children.all() else "covered by nobody"
        ]
    return f"{condition_sentence(territory.condition, fields)}{inside} → {', '.join(covering)}"


def policy_sentence(policy: Policy, fields: Mapping[str, Field] | None = None) -> str:
    """ "Inbound under 100,000: assign at once, threshold 50, else round-robin"."""
    how = "assign" if policy.application == Policy.Application.ASSIGN else "suggest"
    when = "at once" if policy.mode == Policy.Mode.REAL_TIME else "in batches"
    chain = [dict(Policy.Fallback.choices)[kind].lower() for kind in policy.fallback] or ["hold in queue"]
    score, otherwise = f"{policy.threshold:.0f}", ", then ".join(chain)
    return f"{condition_sentence(policy.condition, fields)}: {how} {when} from a score of {score}, else {otherwise}"


def named_account_counts() -> tuple[int, int]:
    """Accounts with an owner, and how many of the owners have left."""
    named = Account.objects.filter(owner__isnull=False)
    return named.count(), named.filter(owner__left_at__isnull=False).count()


def territories_in_sentences() -> list[tuple[Territory, str]]:
    found = Territory.objects.select_related("parent")
    records = found.prefetch_related("coverage__team", "coverage__rep", "children")
    fields = _fields()
    return [(territory, territory_sentence(territory, fields)) for territory in records]


def rules_in_sentences() -> list[tuple[Rule, str]]:
    found = Rule.objects.select_related("rep", "team").prefetch_related("excluded")
    fields = _fields()
    return [(rule, rule_sentence(rule, fields)) for rule in found]


def policies_in_sentences() -> list[tuple[Policy, str]]:
    fields = _fields()
    return [(policy, policy_sentence(policy, fields)) for policy in Policy.objects.all()]
