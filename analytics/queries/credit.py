"""Assignments whose rep gets no quota credit: how many, whose, and what sent them there."""

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode

from django.db.models import Count, F, Max, Q, QuerySet, Subquery, Sum
from django.db.models.functions import TruncWeek
from django.urls import reverse

from analytics.engine.credit import WITHOUT, Why
from analytics.models import CreditCheck, CreditTable
from analytics.queries.credit_ahead import Warning, warnings_ahead
from analytics.queries.credit_table import current_table
from analytics.queries.period import Chosen, mondays
from crm.models import Assignment, Opportunity
from crm.queries.opportunities import opportunities_visible_to
from reps.charts import Chart
from reps.engine.money import NBSP
from reps.engine.tables import csv_lines
from reps.models import User
from reps.queries.people import organisation
from routing.models import Rule

NO = Q(why__in=[why.value for why in WITHOUT])
LISTED = ~Q(why=Why.NOT_LISTED.value)
REASONS = {
    Why.TERRITORY: "the territory is not theirs by the table",
    Why.SEGMENT: "the segment is not theirs by the table",
    Why.DATES: "the table’s row is of other days",
    Why.NIL: "the table says 0 %",
}
SHOWN = 25
CSV_HEAD = (
    "opportunity", "name", "rep", "day", "share", "why", "rule", "policy", "territory", "by_person", "value",
)  # fmt: skip


@dataclass(frozen=True)
class Line:
    """One of what is told apart: `without` of `total` have no credit. `query` narrows the list to it."""

    name: str
    without: int
    total: int
    worth: float
    query: str
    url: str = ""

    @property
    def share(self) -> float:
        return self.without / self.total if self.total else 0.0


@dataclass(frozen=True)
class CreditPage:
    """Of `total` assignments of reps in the table `without` bring no credit, `part` less than all of it; `unlisted` are
    of reps who are not in the table. `to_check`: assignments that are not checked yet."""

    table: CreditTable
    total: int
    without: int
    part: int
    unlisted: int
    worth: float
    to_check: int
    currency: str
    said: str
    whys: Sequence[tuple[str, int]]
    by_rep: Sequence[Line]
    by_sender: Sequence[Line]
    by_territory: Sequence[Line]
    ahead: Sequence[Warning]
    chart: Chart | None

    @property
    def share(self) -> float:
        return self.without / self.total if self.total else 0.0


def checks_in(chosen: Chosen, user: User, table: CreditTable) -> QuerySet[CreditCheck]:
    """Of the period, by this table; a manager's are those of the own teams' reps."""
    rows = CreditCheck.objects.filter(table=table, day__gte=chosen.first, day__lte=chosen.last)
    if chosen.team is not None:
        rows = rows.filter(team_id=chosen.team.pk)
    rows = rows.filter(
        **{name: getattr(chosen, name) for name in ("source", "kind") if getattr(chosen, name)}
    )
    if user.role == User.Role.MANAGER:
        rows = rows.filter(rep__team__in=user.managed_teams.all())
    return rows


def credit_page(*, user: User, chosen: Chosen, today: datetime.date, address: str = "") -> CreditPage | None:
    """None where there is no table. A fixed number of queries."""
    table = current_table()
    if table is None:
        return None
    rows = checks_in(chosen, user, table)
    weeks = _weeks(rows)
    why = dict(rows.filter(NO).order_by().values_list("why").annotate(number=Count("pk")))
    without = sum(week["without"] for week in weeks.values())
    senders = _senders(rows)
    return CreditPage(
        table=table,
        total=sum(week["listed"] for week in weeks.values()),
        without=without,
        part=sum(week["part"] for week in weeks.values()),
        unlisted=sum(week["all"] - week["listed"] for week in weeks.values()),
        worth=sum(float(week["worth"] or 0) for week in weeks.values()),
        to_check=_to_check(table),
        currency=organisation().base_currency,
        said=_said(senders, without),
        whys=[(REASONS[Why(key)], number) for key, number in sorted(why.items(), key=lambda pair: -pair[1])],
        by_rep=_lines(rows, "rep_id", "rep__name", "rep"),
        by_sender=senders,
        by_territory=_lines(rows, "territory", "territory", "territory", empty="no territory"),
        ahead=warnings_ahead(table, user=user, today=today),
        chart=_chart(weeks, chosen, address),
    )


def _to_check(table: CreditTable) -> int:
    """Assignments after the mark that have no check by this table."""
    later = Assignment.objects.filter(pk__gt=table.checked_to).exclude(source=Assignment.Source.IMPORT)
    return later.exclude(credit_check__table=table).count()


def _counted(rows: QuerySet[CreditCheck], *keys: str, most: int | None = SHOWN) -> list[dict[str, Any]]:
    counted = rows.filter(LISTED).order_by().values(*keys)
    told = counted.annotate(
        without=Count("pk", filter=NO),
        total=Count("pk"),
        worth=Sum("value_base", filter=NO),
        newest_rule=Max("rule_id"),
    )
    return list(told.filter(without__gt=0).order_by("-without", *keys)[:most])


def _lines(
    rows: QuerySet[CreditCheck], key: str, name: str, parameter: str, *, empty: str = ""
) -> list[Line]:
    keys = (key,) if key == name else (key, name)
    return [
        Line(
            str(row[name]) or empty, row["without"], row["total"], float(row["worth"] or 0),
            urlencode({parameter: row[key] or NONE}),
            reverse("rep", args=[row[key]]) if parameter == "rep" else "",
        )
        for row in _counted(rows, *keys)
    ]  # fmt: skip


NONE = "-"  # in an address: of none


def _senders(rows: QuerySet[CreditCheck]) -> list[Line]:
    """By rule where one routed it, else by policy; what a person chose otherwise apart."""
    counted = _counted(rows, "by_person", "rule", "policy", most=None)
    merged: dict[tuple[bool, str, str], list[float]] = {}
    urls: dict[tuple[bool, str, str], str] = {}
    known = set(Rule.objects.values_list("pk", flat=True))
    for row in counted:
        key = (row["by_person"], row["rule"], "" if row["rule"] else row["policy"])
        sums = merged.setdefault(key, [0, 0, 0.0])
        for place, name in enumerate(("without", "total", "worth")):
            sums[place] += float(row[name] or 0)
        if row["newest_rule"] in known:
            urls[key] = f"{reverse('rules')}#look-rule-{row['newest_rule']}"
        elif row["policy"] and not row["rule"]:
            urls[key] = reverse("policies")
    lines = [
        Line(_sender(*key), int(sums[0]), int(sums[1]), sums[2], _sender_query(*key), urls.get(key, ""))
        for key, sums in merged.items()
    ]
    return sorted(lines, key=lambda line: (-line.without, line.name))


def _sender(by_person: bool, rule: str, policy: str) -> str:
    if by_person:
        return "A person’s choice"
    if rule:
        return f"Rule “{rule}”"
    return f"Policy “{policy}”" if policy else "No policy"


def _sender_query(by_person: bool, rule: str, policy: str) -> str:
    if by_person:
        return "person=1"
    return urlencode({"rule": rule} if rule else {"rule": NONE, "policy": policy or NONE, "person": "0"})


def _said(senders: Sequence[Line], without: int) -> str:
    """ "Rule “EMEA overflow” sent 31 of the 44 there." """
    if not senders:
        return ""
    first = senders[0]
    if without == 1:
        return ""  # the table below says it
    verb = "sent" if first.name != "A person’s choice" else "accounts for"
    many = "all of them" if first.without == without else f"{first.without:,} of the {without:,}"
    return f"{first.name} {verb} {many}."


# --- the trend -------------------------------------------------------------------------------------------------------

Weeks = Mapping[datetime.date, Mapping[str, Any]]


def _weeks(rows: QuerySet[CreditCheck]) -> Weeks:
    counted = (
        rows.order_by()
        .annotate(week=TruncWeek("day"))
        .values("week")
        .annotate(
            all=Count("pk"),
            listed=Count("pk", filter=LISTED),
            without=Count("pk", filter=NO),
            part=Count("pk", filter=Q(why=Why.PART.value)),
            worth=Sum("value_base", filter=NO),
        )
    )
    return {row["week"]: row for row in counted}


def _chart(weeks: Weeks, chosen: Chosen, address: str) -> Chart | None:
    told = [monday for monday in mondays(chosen.first, chosen.last) if weeks.get(monday, {}).get("listed")]
    if not told:
        return None
    shares = [100 * weeks[monday]["without"] / weeks[monday]["listed"] for monday in told]
    bars = {
        "type": "bar", "x": [f"{monday:%-d %b}" for monday in told], "y": [round(one, 2) for one in shares],
        "marker": {"color": "--accent"}, "width": 0.6 if len(told) > 3 else 0.2,
        "hovertemplate": "%{y:.1f} % in the week of %{x}<extra></extra>",
    }  # fmt: skip
    return Chart(
        key="without-credit",
        title="Without credit by week",
        said=f"In the week of {told[-1]:%-d %b} {shares[-1]:.0f}{NBSP}% of assignments brought their rep no credit.",
        what="The share of a week’s assignments (imports not counted) whose rep gets no quota credit for them by the "
        "crediting table that counts now. Reps who are not in the table are left out.",
        data=[bars],
        head=("Week of", "Without credit", "Of all", "Share", "Value"),
        rows=[_week_row(monday, weeks[monday]) for monday in told],
        layout={
            "yaxis": {"range": [0, max(10.0, 1.15 * max(shares))], "ticksuffix": " %"},
            "xaxis": {"type": "category"},
        },
        csv=reverse("analytics_credit_weeks_csv") + address,
    )


def _week_row(monday: datetime.date, week: Mapping[str, Any]) -> tuple[str, ...]:
    share = 100 * week["without"] / week["listed"]
    worth = float(week["worth"] or 0)
    return (
        f"{monday:%-d %b %Y}", f"{week['without']:,}", f"{week['listed']:,}", f"{share:.1f}{NBSP}%", f"{worth:,.0f}",
    )  # fmt: skip


def credit_weeks_csv(*, user: User, chosen: Chosen) -> str:
    table = current_table()
    weeks = {} if table is None else _weeks(checks_in(chosen, user, table))
    rows = [("week", "assignments", "without_credit", "part", "not_in_the_table", "value_without")]
    for monday in mondays(chosen.first, chosen.last):
        week = weeks.get(monday, {"all": 0, "listed": 0, "without": 0, "part": 0, "worth": 0})
        numbers = (week["listed"], week["without"], week["part"], week["all"] - week["listed"])
        rows.append((monday.isoformat(), *map(str, numbers), f"{float(week['worth'] or 0):.2f}"))  # type: ignore[arg-type]
    return "".join(csv_lines(rows))


# --- what is behind a number -----------------------------------------------------------------------------------------


def without_credit(chosen: Chosen, user: User, narrowed: Mapping[str, str]) -> QuerySet[CreditCheck]:
    """Those without credit, narrowed by rep, rule, policy, territory or whether a person chose."""
    table = current_table()
    if table is None:
        return CreditCheck.objects.none()
    rows = checks_in(chosen, user, table).filter(NO)
    if narrowed.get("rep", "").isdecimal():
        rows = rows.filter(rep_id=int(narrowed["rep"][:18]))
    for name in ("rule", "policy", "territory"):
        if value := narrowed.get(name, ""):
            rows = rows.filter(**{name: "" if value == NONE else value})
    if narrowed.get("person") in ("0", "1"):
        rows = rows.filter(by_person=narrowed["person"] == "1")
    return rows


def check_of(opportunity: Opportunity) -> CreditCheck | None:
    """Of whoever owns it now, by the table that counts, where it brings no credit or a part only. One query."""
    counts = CreditTable.objects.filter(used_at__isnull=False).order_by("-used_at", "-pk").values("pk")[:1]
    checks = CreditCheck.objects.filter(
        assignment__opportunity=opportunity, assignment__ended_at__isnull=True, table=Subquery(counts)
    )
    return checks.filter(share__lt=100).select_related("rep").first()


def opportunities_without(chosen: Chosen, user: User, narrowed: Mapping[str, str]) -> QuerySet[Opportunity]:
    assigned = without_credit(chosen, user, narrowed).values("assignment__opportunity")
    return opportunities_visible_to(user).filter(pk__in=assigned)


def credit_csv(*, user: User, chosen: Chosen) -> str:
    rows = without_credit(chosen, user, {}).filter(assignment__opportunity__in=opportunities_visible_to(user))
    told = rows.annotate(opportunity=F("assignment__opportunity_id"), name=F("assignment__opportunity__name"))
    told = told.annotate(rep_name=F("rep__name")).order_by("day", "pk")
    names = ("opportunity", "name", "rep_name", "day", "share", "why", "rule", "policy", "territory", "by_person",
             "value_base")  # fmt: skip
    lines = [["" if cell is None else str(cell) for cell in row] for row in told.values_list(*names)]
    return "".join(csv_lines([CSV_HEAD, *lines]))
