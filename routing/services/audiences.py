"""Who is told of an event: for many messages at once, in a number of queries that does not grow with them."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import Any

from django.db.models import Q

from reps.models import Rep, Team, User
from reps.permissions import MATRIX
from routing.models import OutboxMessage

HERE = Q(is_active=True) & ~Q(role=User.Role.REP, rep__left_at__isnull=False)
Payload = Mapping[str, Any]


class Audiences:
    """The users whom some messages may reach, looked up when they are asked for first. Who has left is not among
    them."""

    def __init__(self, messages: Sequence[OutboxMessage]) -> None:
        self._payloads = [message.payload for message in messages]

    def of(self, message: OutboxMessage) -> list[User]:
        """Each once, by id; nobody for an event that tells nobody."""
        find = TOLD.get(message.topic)
        users = {user.pk: user for user in find(self, message.payload)} if find else {}
        return [users[pk] for pk in sorted(users)]

    def rep(self, payload: Payload) -> Iterable[User]:
        """Whoever is the rep."""
        user = self._by_rep.get(payload["rep_id"])
        return [user] if user else []

    def rep_and_managers(self, payload: Payload) -> Iterable[User]:
        return [*self.rep(payload), *self._managers[payload["team_id"]]]

    def managers_or_ops(self, payload: Payload) -> Iterable[User]:
        """A team without a manager must not go unseen."""
        return self._managers[payload["team_id"]] or self.with_role(User.Role.OPS)

    def user(self, payload: Payload) -> Iterable[User]:
        user = self._users.get(payload["user_id"])
        return [user] if user else []

    def user_and_who_looks_after_all(self, payload: Payload) -> Iterable[User]:
        """Whoever planned it, and everybody who looks after all accounts."""
        return [*self.user(payload), *self.with_role(User.Role.OPS), *self.with_role(User.Role.ADMIN)]

    def integrators(self, payload: Payload) -> Iterable[User]:
        """Everybody who looks after webhooks."""
        return [user for role in MATRIX["edit_integrations"] for user in self.with_role(role)]

    def who_answers_alarms(self, payload: Payload) -> Iterable[User]:
        return [user for role in MATRIX["answer_alarms"] for user in self.with_role(role)]

    def admins(self, payload: Payload) -> Iterable[User]:
        return self.with_role(User.Role.ADMIN)

    def with_role(self, role: str) -> list[User]:
        if role not in self._by_role:
            self._by_role[role] = list(User.objects.filter(HERE, role=role))
        return self._by_role[role]

    @cached_property
    def _by_role(self) -> dict[str, list[User]]:
        return {}

    @cached_property
    def _by_rep(self) -> dict[int, User]:
        found = Rep.objects.filter(pk__in=self._ids("rep_id"), user__isnull=False)
        users = dict(found.values_list("user", "pk"))
        return {users[user.pk]: user for user in User.objects.filter(HERE, pk__in=users)}

    @cached_property
    def _users(self) -> dict[int, User]:
        return User.objects.filter(HERE).in_bulk(list(self._ids("user_id")))

    @cached_property
    def _managers(self) -> Mapping[int | None, list[User]]:
        pairs = Team.managers.through.objects.filter(team__in=self._ids("team_id"))
        teams: defaultdict[int, list[int]] = defaultdict(list)
        for user_id, team_id in pairs.values_list("user", "team"):
            teams[user_id].append(team_id)
        found: defaultdict[int | None, list[User]] = defaultdict(list)
        for user in User.objects.filter(HERE, pk__in=teams):
            for team_id in teams[user.pk]:
                found[team_id].append(user)
        return found

    def _ids(self, name: str) -> set[int]:
        return {payload[name] for payload in self._payloads if payload.get(name) is not None}


TOLD: Mapping[str, Callable[[Audiences, Payload], Iterable[User]]] = {
    "opportunity.assigned": Audiences.rep,
    "opportunity.repeated": Audiences.rep,
    "touch.due": Audiences.rep,
    "touch.taken": Audiences.rep,
    "touch.missed": Audiences.managers_or_ops,
    "queue.waiting": Audiences.managers_or_ops,
    "rep.over_capacity": Audiences.managers_or_ops,
    "calendar.state_changed": Audiences.rep_and_managers,
    "accounts.given": Audiences.rep,
    "opportunities.given": Audiences.rep,
    "accounts.transfer_failed": Audiences.user_and_who_looks_after_all,
    "tags.suggested": Audiences.user,
    "profile.proposed": Audiences.managers_or_ops,
    "profile.decided": Audiences.user,
    "profile.review_due": Audiences.user,
    "webhook.failing": Audiences.integrators,
    "report.daily": Audiences.user,
    "report.weekly": Audiences.user,
    "alarm.lift": Audiences.who_answers_alarms,
    "alarm.drift": Audiences.who_answers_alarms,
    "alarm.target": Audiences.who_answers_alarms,
    "alarm.operations": Audiences.admins,
}
