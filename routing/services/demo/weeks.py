"""The demo's last weeks, routed for real: leads come in, managers approve or overrule, reps call, deals close.

Everything happens in order of time through the services that people and the worker use, so that analytics, coaching and
overrides have something to tell. Outcomes are drawn from the world's truth for whoever owned the lead.
"""

import datetime
import heapq
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from crm.models import Account, Contact, Opportunity
from crm.services.activities import log_activity
from crm.services.opportunities import create_opportunity
from crm.services.ownership import OwnershipError
from reps.models import Rep, User
from routing.engine.worlds import Leads, World, true_log_odds
from routing.models import BatchWait, OverrideReason, QueueItem
from routing.services import queue
from routing.services.batch_runs.asking import open_batch
from routing.services.batch_runs.planning import run_batch
from routing.services.decisions import route
from routing.services.demo import history
from routing.services.demo.cast import Cast
from routing.services.demo.people import DemoPeople
from routing.services.demo.values import intake_values
from routing.services.outcomes import record_outcome

WEEKS = 8
OVERRULED, REJECTED = 0.11, 0.02
FIRST_NUMBER = 800_001
HOUR = datetime.timedelta(hours=1)
DAY = datetime.timedelta(days=1)


@dataclass
class Weeks:
    """What is ahead, by time."""

    world: World
    leads: Leads
    cast: Cast
    made: DemoPeople
    until: datetime.datetime
    rng: np.random.Generator
    ahead: list[tuple[datetime.datetime, int, Callable[[datetime.datetime], None]]] = field(
        default_factory=list
    )
    order: "itertools.count[int]" = field(default_factory=itertools.count)
    known: "dict[int, _Lead]" = field(default_factory=dict)
    accounts: dict[str, Account] = field(default_factory=dict)

    def later(self, at: datetime.datetime, what: Callable[[datetime.datetime], None]) -> None:
        if at < self.until:
            heapq.heappush(self.ahead, (at, next(self.order), what))

    def play(self) -> None:
        while self.ahead:
            at, _, what = heapq.heappop(self.ahead)
            what(at)

    def plans_batches(self, at: datetime.datetime) -> None:
        """Every morning what waits for a batch is planned together, and looked over by the managers."""
        for name in sorted(set(BatchWait.objects.order_by().values_list("policy_name", flat=True))):
            batch = open_batch(policy_name=name, by=self.made.ops, at=at)
            run_batch(job_id=batch.job_id or 0, now=at)
        proposed = QueueItem.objects.filter(state=QueueItem.State.PENDING, is_of_batch=True, created_at=at)
        for pk in proposed.order_by("pk").values_list("opportunity", flat=True):
            if pk in self.known:
                self.later(at + HOUR + self.hours(2.0), self.known[pk].is_looked_at)
        self.later(at + DAY, self.plans_batches)

    def hours(self, mean: float) -> datetime.timedelta:
        return datetime.timedelta(hours=float(self.rng.exponential(mean)))


def live_weeks(
    world: World,
    leads: Leads,
    cast: Cast,
    made: DemoPeople,
    start: datetime.datetime,
    until: datetime.datetime,
) -> None:
    """Lives from the first lead's day to `until`; `start` is the day that the leads' days count from."""
    weeks = Weeks(world, leads, cast, made, until, np.random.default_rng(len(leads)))
    accounts = history.draw_accounts(leads, cast)
    rows = history.lead_rows(leads, accounts, cast, start, FIRST_NUMBER).to_dict("records")
    odds = true_log_odds(world, leads)
    weeks.accounts = {account.name: account for account in Account.objects.all()}
    for place, row in enumerate(rows):
        weeks.later(row["opened_at"], _Lead(weeks, intake_values(row), odds[place]).comes_in)
    weeks.later(rows[0]["opened_at"] + DAY, weeks.plans_batches)
    weeks.play()


@dataclass
class _Lead:
    """One lead on its way; each step plans the next."""

    weeks: Weeks
    values: dict[str, Any]
    odds: "np.ndarray"
    pk: int = 0

    def comes_in(self, at: datetime.datetime) -> None:
        self.pk = self._stored(at).pk
        self.weeks.known[self.pk] = self
        decision = route(opportunity_id=self.pk, at=at)
        if decision is not None and decision.assignment is not None:
            self._is_owned(at, hours=0.15)
        elif decision is not None:  # else it waits for the batch
            self.weeks.later(at + 0.5 * HOUR + self.weeks.hours(2.0), self.is_looked_at)

    def _stored(self, at: datetime.datetime) -> Opportunity:
        """With its account, by its exact name: the demo's own spelling needs no matching."""
        company, person = self.values["company"], self.values["person"]
        account = self.weeks.accounts.get(company["name"])
        if account is None:
            account = self.weeks.accounts[company["name"]] = Account.objects.create(**company)
        contact = Contact.objects.create(account=account, **person)
        values = {name: value for name, value in self.values.items() if name not in ("company", "person")}
        values |= {"account": account, "contact": contact}
        return create_opportunity(values=values, at=at, by=self.weeks.made.ops)

    def is_looked_at(self, at: datetime.datetime) -> None:
        """By the manager of whom it is suggested to, or of the team that has it."""
        item = QueueItem.objects.filter(opportunity=self.pk, state=QueueItem.State.PENDING).first()
        if item is None:
            return
        by = self._manager(item)
        drawn = self.weeks.rng.random()
        try:
            if item.rep_id is None or drawn < OVERRULED:
                queue.give_to(
                    item_id=item.pk, rep_id=self._other(item).pk, by=by, at=at, reason=self._reason(item)
                )
            elif drawn < OVERRULED + REJECTED:
                queue.reject(item_id=item.pk, by=by, at=at, reason=self._reason(item))
                self.weeks.later(at + self.weeks.hours(3.0), self.is_looked_at)
                return
            else:
                queue.approve(item_id=item.pk, by=by, at=at)
        except (queue.AlreadyDecided, OwnershipError):
            return
        self._is_owned(at, hours=1.5)

    def _manager(self, item: QueueItem) -> User:
        team = item.rep.team if item.rep is not None else item.team
        managers = self.weeks.made.managers
        return managers.get(team.name, self.weeks.made.ops) if team is not None else self.weeks.made.ops

    def _other(self, item: QueueItem) -> Rep:
        """People see a part of what the model does not: the better of two colleagues with room."""
        team_id = item.rep.team_id if item.rep is not None else item.team_id
        places = [
            n for n, rep in enumerate(self.weeks.made.reps) if team_id is None or rep.team_id == team_id
        ]
        places = [n for n in places if self.weeks.made.reps[n].pk != item.rep_id] or list(
            range(len(self.odds))
        )
        two = self.weeks.rng.choice(places, 2)
        return self.weeks.made.reps[int(max(two, key=lambda n: self.odds[n]))]

    def _reason(self, item: QueueItem) -> OverrideReason | None:
        if item.rep_id is None or self.weeks.rng.random() < 0.25:
            return None
        reasons = list(OverrideReason.objects.filter(is_active=True))
        return reasons[int(self.weeks.rng.integers(len(reasons)))]

    def _is_owned(self, at: datetime.datetime, *, hours: float) -> None:
        rng = self.weeks.rng
        touched = at + datetime.timedelta(hours=float(hours * rng.lognormal(0, 0.9)))
        if rng.random() < 0.95:
            self.weeks.later(touched, self.is_touched)
        self.weeks.later(touched + DAY + datetime.timedelta(days=float(rng.gamma(2, 19))), self.closes)

    def is_touched(self, at: datetime.datetime) -> None:
        owner = self._owner()
        if owner is not None:
            kind = ("call", "call", "email", "meeting")[int(self.weeks.rng.integers(4))]
            log_activity(opportunity_id=self.pk, kind=kind, rep=owner, happened_at=at, by=owner.user)

    def closes(self, at: datetime.datetime) -> None:
        owner = self._owner()
        if owner is None:
            return
        place = next(n for n, rep in enumerate(self.weeks.made.reps) if rep.pk == owner.pk)
        drawn, chance = self.weeks.rng.random(2)
        won = chance < 1 / (1 + np.exp(-self.odds[place]))
        stage = "disqualified" if drawn < 0.08 else "won" if won else "lost"
        record_outcome(opportunity_id=self.pk, stage=stage, at=at, by=owner.user)

    def _owner(self) -> Rep | None:
        return Opportunity.objects.select_related("owner__user").get(pk=self.pk).owner
