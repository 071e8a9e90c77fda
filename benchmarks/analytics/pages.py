"""One page of analytics, opened once in a process of its own: its first request, as of somebody who just signed in."""

import json
import sys
import time

from benchmarks.analytics.command import set_up

UNFILTERED = {
    "routing": "/analytics/routing/",
    "routing_a_year": "/analytics/routing/?days=365",
    "routing_all": "/analytics/routing/?from=2024-12-01",
    "opportunities": "/analytics/routing/opportunities/?event=closed",
    "model": "/analytics/model/",
    "load": "/analytics/load/",
    "coverage": "/analytics/coverage/",
    "gaps": "/analytics/gaps/",
    "credit": "/analytics/credit/",
    "backtests": "/analytics/backtests/",
    "coaching": "/analytics/coaching/",
    "overrides": "/analytics/overrides/",
    "ledger": "/analytics/ledger/1/",
}
FILTERED = {
    "routing_source": "/analytics/routing/?source=Web&days=365",
    "routing_team": "/analytics/routing/?team=1&days=365",
    "routing_two": "/analytics/routing/?source=Web&policy=Inbound&from=2024-12-01",
    "routing_territory": "/analytics/routing/?territory=1&days=365",
    "routing_manager": "/analytics/routing/?days=365",
}


def main() -> int:
    set_up()
    from django.test import Client
    from django.test.utils import override_settings

    from benchmarks.team_page import PLAIN_FILES
    from reps.models import User

    name = sys.argv[1]
    address = (UNFILTERED | FILTERED)[name]
    who = "manager" if name.endswith("manager") else "ops"
    client = Client()
    client.force_login(User.objects.get(email=f"{who}@benchmark.example"))
    with override_settings(STORAGES=PLAIN_FILES, ALLOWED_HOSTS=["*"]):
        client.get("/styleguide/")  # what every page needs: templates, settings, the connection
        started = time.perf_counter()
        answer = client.get(address)
        seconds = time.perf_counter() - started
    if answer.status_code != 200:
        raise RuntimeError(f"{address} answered {answer.status_code}")
    print(json.dumps({"seconds": round(seconds, 3)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
