"""Everything that people and automation can do, in random order: one seeded walk, for tests of what holds all along."""

import datetime
import random
from collections import Counter
from collections.abc import Callable
from decimal import Decimal

from crm.models import Account, Contact, DuplicateLink, Opportunity
from crm.queries.dictionary import load_dictionary
from crm.services.activities import log_activity
from crm.services.duplicates import link_repeats, look_for_repeats
from crm.services.opportunities import create_opportunity, update_opportunity
from crm.services.ownership import OwnershipError
from crm.services.stages import convert_lead
from reps.models import Rep, Team, User
from reps.services.absence import mark_away, mark_back
from reps.services.profiles import save_rep
from routing.models import FirstTouchClock, Policy, QueueItem
from routing.services import acceptance, clocks, duplicates, first_touch, outbox, overrides, queue, sweep
from routing.services.configuration import publish_configuration
from routing.services.decisions import route
from routing.services.outcomes import record_outcome
from routing.services.renewal import renew_suggestions
from tests.conftest import user_of

START = datetime.datetime(2100, 1, 4, 9, tzinfo=datetime.UTC)  # after any clock: what waits is never overdue
REFUSALS = (
    OwnershipError, queue.AlreadyDecided, duplicates.AlreadySaid, duplicates.NoRepeat, acceptance.CannotAnswer,
)  # fmt: skip


class Walk:
    """One seeded walk. Each method is one step; what is refused in words is a step as well."""

    def __init__(self, seed: int, people: list[User], teams: list[Team]) -> None:
        self.random = random.Random(seed)
        self.people, self.teams = people, teams
        self.at = START
        self.dictionary = load_dictionary()
        self.done: Counter[str] = Counter()

    # --- what there is ---------------------------------------------------------------------------------------

    def any_of(self, records: list[int]) -> int | None:
        return self.random.choice(records) if records else None

    def opportunity(self, **having: object) -> int | None:
        found = Opportunity.objects.filter(**having).order_by("pk").values_list("pk", flat=True)
        return self.any_of(list(found))

    def item(self, **having: object) -> int | None:
        found = QueueItem.objects.filter(**having).order_by("pk").values_list("pk", flat=True)
        return self.any_of(list(found))

    def rep(self, *, is_here: bool | None = True) -> Rep:
        reps = Rep.objects.order_by("pk")
        return self.random.choice(list(reps if is_here is None else reps.filter(left_at__isnull=is_here)))

    def person(self) -> User:
        return self.random.choice(self.people)

    # --- steps -----------------------------------------------------------------------------------------------

    def create(self) -> None:
        values = {
            "name": f"Lead {self.done.total()}",
            "industry": self.random.choice(["Healthcare", "Media", ""]),
            "value": self.random.choice([None, Decimal(500), Decimal(90_000)]),
            "currency": self.random.choice(["", "USD", "XQZ"]),
            "account": self.random.choice([None, None, *Account.objects.order_by("pk")]),
            "contact": self.random.choice([None, *Contact.objects.order_by("pk")]),
            "product": self.random.choice(["", "Analytics", "Support"]),
        }
        made = create_opportunity(values=values, at=self.at, by=None, dictionary=self.dictionary)
        link_repeats(opportunity=made, found=look_for_repeats(made), at=self.at)
        if self.random.random() < 0.8:
            route(opportunity_id=made.pk, at=self.at)

    def approve(self) -> None:
        if pk := self.item(state="pending"):
            queue.approve(item_id=pk, by=self.person(), at=self.at)

    def give(self) -> None:
        if pk := self.item(state="pending"):
            queue.give_to(item_id=pk, rep_id=self.rep(is_here=None).pk, by=self.person(), at=self.at)

    def reject(self) -> None:
        if pk := self.item(state="pending"):
            queue.reject(item_id=pk, by=self.person(), at=self.at)

    def undo(self) -> None:
        if pk := self.item(state__in=["approved", "changed", "rejected"]):
            queue.undo(item_id=pk, by=self.person(), at=self.at)

    def reassign(self) -> None:
        found = list(Opportunity.objects.order_by("pk").values_list("pk", flat=True))
        chosen = self.random.sample(found, min(len(found), self.random.randint(1, 4)))
        overrides.reassign(
            opportunity_ids=chosen, rep_id=self.rep(is_here=None).pk, by=self.person(), at=self.at
        )

    def lock(self) -> None:
        if pk := self.opportunity():
            overrides.lock(opportunity_id=pk, by=self.person())

    def unlock(self) -> None:
        if pk := self.opportunity(is_locked=True):
            overrides.unlock(opportunity_id=pk, at=self.at)

    def outcome(self) -> None:
        if pk := self.opportunity(stage="open"):
            stage = self.random.choice(["won", "lost", "disqualified"])
            record_outcome(opportunity_id=pk, stage=stage, at=self.at, by=self.person())

    def reopen(self) -> None:
        if pk := self.opportunity(stage__in=["won", "lost", "disqualified"]):
            record_outcome(opportunity_id=pk, stage="open", at=self.at, by=self.person())

    def revalue(self) -> None:
        if pk := self.opportunity():
            value = self.random.choice([None, Decimal(100), Decimal(250_000)])
            currency = "" if value is None else self.random.choice(["USD", "XQZ"])
            update_opportunity(opportunity_id=pk, values={"value": value, "currency": currency})

    def convert(self) -> None:
        if pk := self.opportunity(kind="lead"):
            convert_lead(opportunity_id=pk, at=self.at)

    def touch(self) -> None:
        if pk := self.opportunity(stage="open"):
            owner = Opportunity.objects.get(pk=pk).owner
            log_activity(opportunity_id=pk, kind="call", rep=owner, happened_at=self.at)

    def answer(self) -> None:
        """The owner says yes or no to what was just assigned."""
        running = FirstTouchClock.objects.filter(state="running", opportunity__owner__user__isnull=False)
        asked = running.order_by("-pk").values_list("opportunity", flat=True)[:5]
        if pk := self.any_of(list(asked)):
            owner = Opportunity.objects.select_related("owner__user").get(pk=pk).owner
            assert owner is not None
            assert owner.user is not None
            act = self.random.choice([acceptance.accept, acceptance.pass_on, acceptance.pass_on])
            act(opportunity_id=pk, by=owner.user, at=self.at)

    def anew(self) -> None:
        if pk := self.item(state="pending"):
            queue.let_choose_anew(item_id=pk, by=self.person(), at=self.at)

    def away(self) -> None:
        rep, other = self.rep(), self.rep()
        mark_away(
            rep=rep,
            starts_at=self.at,
            ends_at=self.random.choice([None, self.at + datetime.timedelta(hours=5)]),
            reason="vacation",
            by=self.person(),
            covering=None if other == rep else other,
        )

    def back(self) -> None:
        mark_back(rep=self.rep(is_here=None), at=self.at)

    def say(self) -> None:
        links = DuplicateLink.objects.exclude(state="declined").order_by("pk").values_list("pk", flat=True)
        if pk := self.any_of(list(links)):
            act = self.random.choice([duplicates.confirm, duplicates.decline])
            act(link_id=pk, by=self.person(), at=self.at, now=self.at)

    def mark(self) -> None:
        one, other = self.opportunity(), self.opportunity(stage="open")
        if one and other:
            duplicates.mark(opportunity_id=one, original_id=other, by=self.person(), at=self.at, now=self.at)

    def sweep(self) -> None:
        renew_suggestions(at=self.at, now=self.at)
        sweep.route_waiting(at=self.at + datetime.timedelta(minutes=1), now=self.at)
        clocks.keep_up(at=self.at)
        first_touch.remind_and_escalate(at=self.at)
        self.done["missed"] += sweep.reroute_missed(at=self.at, now=self.at)
        sweep.drain_held(now=self.at)
        outbox.deliver_due(at=self.at)

    def change_rep(self) -> None:
        rep = self.rep()
        rep.team = self.random.choice(self.teams)
        rep.own_max_open = self.random.choice([None, 1, 3, 6])
        rep.own_max_new_per_week = self.random.choice([None, 2, 10])
        rep.own_max_pipeline_value = self.random.choice([None, Decimal(100_000)])
        save_rep(rep=rep, by=self.person())

    def leave(self) -> None:
        if Rep.objects.filter(left_at__isnull=True).count() > 3:
            rep = self.rep()
            rep.left_at = self.at
            save_rep(rep=rep, by=self.person())

    def come_back(self) -> None:
        if left := Rep.objects.filter(left_at__isnull=False).order_by("pk").first():
            left.left_at = None
            save_rep(rep=left, by=self.person())

    WEIGHTS = (
        (create, 30), (approve, 12), (give, 6), (reject, 4), (undo, 8), (reassign, 5), (lock, 3), (unlock, 4),
        (outcome, 12), (reopen, 6), (revalue, 6), (convert, 2), (touch, 4), (away, 4), (back, 6), (sweep, 10),
        (change_rep, 4), (leave, 1), (come_back, 1), (say, 6), (mark, 5), (answer, 8), (anew, 3),
    )  # fmt: skip

    def step(self) -> None:
        steps, weights = zip(*self.WEIGHTS, strict=True)
        chosen = self.random.choices(steps, weights)[0]
        self.at += datetime.timedelta(minutes=self.random.choice([0, 1, 30, 300]))
        try:
            chosen(self)
            self.done[chosen.__name__] += 1
        except REFUSALS:
            self.done[f"{chosen.__name__} refused"] += 1


def set_up(make_rep: Callable[..., Rep], teams: list[Team]) -> None:
    """Eight reps of two teams, accounts, people who ask twice, and policies with everything that follows."""
    for number in range(8):
        make_rep(
            f"Rep {number}",
            team=teams[number % 2],
            max_open=2 + number,
            skills={"industry": ["Healthcare"]} if number % 3 == 0 else {},
            user=user_of(f"Rep {number}".replace(" ", ""), User.Role.REP),
        )
    for rep in Rep.objects.all()[:3]:
        Account.objects.create(name=f"Account of {rep}", owner=rep)
    Contact.objects.bulk_create(Contact(name=name, email=f"{name}@acme.example") for name in "abcdef")
    Policy.objects.exclude(condition={}).delete()
    Policy.objects.update(position=2, fallback=["round_robin", "hold"])
    Policy.objects.create(
        name="At once",
        position=1,
        application="assign",
        fallback=["round_robin", "hold"],
        condition={"field": "industry", "op": "is_not", "value": "Media"},
        first_touch_target_minutes=240,
        clock_in_working_hours=True,
        clock_escalates=True,
        clock_reroute_after_minutes=60,
        clock_takes_named_accounts=True,
        accept_within_minutes=60,
        accept_unanswered="reroute",
    )
    publish_configuration(by=None, at=START)
