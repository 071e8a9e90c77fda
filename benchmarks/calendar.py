"""The way of a real calendar: an event that a CalDAV client makes, seen as absence by the router.

A CalDAV server (Radicale) runs as a process of its own; the `caldav` client makes a calendar and an event in it; the
same reading that the job does takes it in; an opportunity that only this rep fits is decided before and after. Both are
development dependencies. What is written is rolled back.
"""

import contextlib
import datetime
import importlib.util
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError
from django.db import transaction
from django.utils import timezone

from crm.services.opportunities import create_opportunity
from reps.models import Rep, RoleTemplate, Skill, Team, User
from reps.services.calendars.feeds import FeedInput, save_feed
from reps.services.calendars.reading import Network
from reps.services.calendars.sync import read_one
from routing.models import Decision
from routing.queries.explanations import explain
from routing.services.decisions import route

USER, PASSWORD = "rep", "app-password"
INDUSTRY = "Calendar benchmarking"
NETWORK = Network(allows_private=True)  # the server is on this machine


def run(*, short: bool, say: Callable[[str], None]) -> dict[str, Any]:
    """Keys: seconds of each step (server_s to start, event_s made by the client, sync_s, decision_s), way_s from the
    made event to the decision that knows it, unchanged_sync_s, back_s from the deleted event to the decision that has
    the rep again; was_out, reason (of the trace), was_back."""
    missing = [name for name in ("radicale", "caldav") if importlib.util.find_spec(name) is None]
    if missing:
        raise CommandError(
            f"This benchmark needs {' and '.join(missing)}, of the development dependencies: "
            "install them with `uv sync --group dev`."
        )
    with tempfile.TemporaryDirectory() as folder, transaction.atomic():
        began = time.perf_counter()
        with server(Path(folder)) as address:
            took = {"server_s": time.perf_counter() - began}
            say(f"Radicale answers at {address}")
            result = way(address, took, say)
        transaction.set_rollback(True)
    return result


def way(address: str, took: dict[str, float], say: Callable[[str], None]) -> dict[str, Any]:
    from caldav.davclient import DAVClient

    rep, by = make_rep()
    before = decide()
    client: Any = DAVClient(url=address, username=USER, password=PASSWORD)
    book = client.principal().make_calendar(name="Work")
    now = timezone.now()
    given = FeedInput("caldav", "Work", address=address, username=USER, password=PASSWORD)
    feed = save_feed(rep=rep, given=given, by=by, at=now)

    def sync() -> None:
        result = read_one(feed_id=feed.pk, at=timezone.now(), network=NETWORK)
        if result.error:
            raise CommandError(result.error)

    started = time.perf_counter()
    hour, day = datetime.timedelta(hours=1), datetime.timedelta(days=1)
    event, took["event_s"] = timed(
        lambda: book.add_event(dtstart=now - hour, dtend=now + 3 * day, summary="Vacation")
    )
    _, took["sync_s"] = timed(sync)
    decision, took["decision_s"] = timed(decide)
    took["way_s"] = time.perf_counter() - started
    _, took["unchanged_sync_s"] = timed(sync)
    started = time.perf_counter()
    event.delete()
    sync()
    back = decide()
    took["back_s"] = time.perf_counter() - started
    why = next(other.why for other in explain(decision, also=rep.pk).others if other.rep_id == rep.pk)
    say(f"{rep} {why.reason}")
    return {
        "calendar": "radicale",
        **{name: round(seconds, 4) for name, seconds in took.items()},
        "was_chosen_before": before.rep_id == rep.pk,
        "was_out": decision.rep_id != rep.pk,
        "reason": f"{rep} {why.reason}",
        "was_back": back.rep_id == rep.pk,
    }


def timed(act: Callable[[], Any]) -> tuple[Any, float]:
    began = time.perf_counter()
    found = act()
    return found, time.perf_counter() - began


def make_rep() -> tuple[Rep, User]:
    """Somebody who alone knows an industry, and a colleague, in a team of their own."""
    by = User.objects.create_user("calendar-benchmark@example.invalid", name="Benchmark", role=User.Role.OPS)
    team = Team.objects.create(name="Calendar benchmark")
    template = RoleTemplate.objects.earliest("-is_default", "pk")
    rep, _ = (Rep.objects.create(name=name, team=team, role_template=template) for name in ("Rae", "Col"))
    Skill.objects.create(rep=rep, kind=Skill.Kind.INDUSTRY, name=INDUSTRY)
    only_us(team)
    return rep, by


def only_us(team: Team) -> None:
    """Everybody else has left, for as long as this transaction lasts: who is chosen is told by the calendar alone."""
    Rep.objects.exclude(team=team).update(left_at=timezone.now())


def decide() -> Decision:
    at = timezone.now()
    opportunity = create_opportunity(values={"name": "Lead", "industry": INDUSTRY}, at=at, by=None)
    route(opportunity_id=opportunity.pk, at=timezone.now())
    return Decision.objects.filter(opportunity=opportunity).latest("pk")


@contextlib.contextmanager
def server(folder: Path, user: str = USER, password: str = PASSWORD) -> Iterator[str]:
    """A CalDAV server of one user on the loopback; its address."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    (folder / "users").write_text(f"{user}:{password}\n")
    (folder / "config").write_text(
        f"[server]\nhosts = 127.0.0.1:{port}\n[auth]\ntype = htpasswd\nhtpasswd_filename = {folder / 'users'}\n"
        f"htpasswd_encryption = plain\ndelay = 0\n[storage]\nfilesystem_folder = {folder / 'store'}\n"
        "[logging]\nlevel = error\n"
    )
    command = [sys.executable, "-m", "radicale", "--config", str(folder / "config")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(200):
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
                break
            if process.poll() is not None:
                raise CommandError("Radicale ended before it answered.")
            time.sleep(0.05)
        else:
            raise CommandError("Radicale did not answer within ten seconds.")
        yield f"http://127.0.0.1:{port}/"
    finally:
        process.terminate()
        process.wait(10)
