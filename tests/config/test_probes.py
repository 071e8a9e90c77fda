"""What machines ask: alive, ready, figures. No sign-in, no database where none is needed, nothing for strangers."""

from typing import Any

import pytest
from django.db import connection
from django.test import Client

from config import probes, stopping

SCRAPE = "/metrics"


@pytest.fixture(autouse=True)
def nothing_kept() -> None:
    probes.forget_state()


def test_health_asks_nobody(client: Client) -> None:
    """Without the database mark: a query would fail."""
    answer = client.get("/health/", headers={"Host": "10.1.2.3:8000"})
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert answer["Cache-Control"] == "no-store"


@pytest.mark.django_db(transaction=True)
class TestReady:
    def test_with_database_and_migrations(self, client: Client) -> None:
        answer = client.get("/ready/", headers={"Host": "10.1.2.3:8000"})
        assert (answer.status_code, answer.json()) == (200, {"status": "ready"})

    def test_not_while_a_migration_is_missing(self, client: Client) -> None:
        newest = max(name for app, name in probes.newest_migrations() if app == "routing")
        with connection.cursor() as cursor:
            cursor.execute(
                "UPDATE django_migrations SET name = 'away' WHERE app = 'routing' AND name = %s", [newest]
            )
            try:
                answer = client.get("/ready/")
            finally:
                cursor.execute("UPDATE django_migrations SET name = %s WHERE name = 'away'", [newest])
        assert (answer.status_code, answer.json()) == (503, {"status": "migrations missing"})

    def test_not_without_a_database(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        nobody = {"host": "127.0.0.1", "port": 1, "dbname": "none", "user": "none"}
        monkeypatch.setattr(probes, "address", lambda: nobody)
        answer = client.get("/ready/")
        assert (answer.status_code, answer.json()) == (503, {"status": "database unreachable"})

    def test_looks_once_a_second(self, client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
        looks: list[int] = []

        def look() -> str:
            looks.append(1)
            return "ready"

        monkeypatch.setattr(probes, "look", look)
        monkeypatch.setattr(probes, "KEEP_SECONDS", 1000.0)
        assert [client.get("/ready/").status_code for _ in range(5)] == [200] * 5
        assert len(looks) == 1

    def test_not_while_stopping_and_no_connection_is_kept(self, client: Client) -> None:
        assert "Connection" not in client.get("/health/").headers
        stopping.stopping.set()
        try:
            answer, page = client.get("/ready/"), client.get("/login/")
        finally:
            stopping.stopping.clear()
        assert (answer.status_code, answer.json()) == (503, {"status": "stopping"})
        assert (page.status_code, page["Connection"]) == (200, "close")


@pytest.mark.django_db
class TestMetrics:
    def test_is_not_there_without_token_or_network(self, client: Client, ada: Any) -> None:
        client.force_login(ada)
        assert client.get(SCRAPE).status_code == 404
        assert client.get(SCRAPE, headers={"Authorization": "Bearer "}).status_code == 404

    def test_opens_to_the_token(self, client: Client, settings: Any) -> None:
        settings.METRICS_TOKEN = "tell-me"
        assert client.get(SCRAPE).status_code == 404
        assert client.get(SCRAPE, headers={"Authorization": "Bearer tell-mee"}).status_code == 404
        answer = client.get(SCRAPE, headers={"Authorization": "Bearer tell-me"})
        assert answer.status_code == 200
        assert answer["Content-Type"].startswith("text/plain; version=")

    def test_opens_to_the_networks(self, client: Client, settings: Any) -> None:
        settings.METRICS_ALLOW = ["10.0.0.0/8", "2001:db8::/32"]
        codes = [
            client.get(SCRAPE, REMOTE_ADDR=asking).status_code
            for asking in ("10.9.8.7", "2001:db8::1", "11.0.0.1", "nonsense")
        ]
        assert codes == [200, 200, 404, 404]
        assert client.get(SCRAPE, REMOTE_ADDR="11.0.0.1", HTTP_X_FORWARDED_FOR="10.0.0.1").status_code == 404
