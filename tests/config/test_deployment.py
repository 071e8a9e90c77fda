"""What the deployment files say is true of the code."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parent.parent.parent
READ = re.compile(r"""(?:environ(?:\.get)?[\[(]|flag\()\s*["']([A-Z][A-Z0-9_]+)["']""")
NOT_OF_DEPLOYMENTS = {"PATH", "DJANGO_SETTINGS_MODULE", "CI"}
TABLE = {
    name
    for row in re.findall(r"^\| (`[A-Z][^|]*) \|", (ROOT / "docs/deployment.md").read_text(), re.MULTILINE)
    for name in re.findall(r"`([A-Z][A-Z0-9_]+)`", row)
}
COMPOSE = yaml.safe_load((ROOT / "compose.yaml").read_text())


def test_every_variable_that_the_code_reads_is_in_the_table() -> None:
    read = {
        name
        for app in ("config", "telemetry", "reps", "crm", "routing", "analytics", "operations")
        for path in (ROOT / app).rglob("*.py")
        for name in READ.findall(path.read_text())
    }
    assert "BROKER_URL" in read
    assert sorted(read - TABLE - NOT_OF_DEPLOYMENTS) == []


def test_compose_sets_only_variables_that_are_in_the_table() -> None:
    for name in ("web", "worker", "migrate"):
        assert set(COMPOSE["services"][name]["environment"]) <= TABLE, name


def test_compose_needs_nothing_that_the_example_does_not_name() -> None:
    asked = set(re.findall(r"\$\{([A-Z_]+):\?", (ROOT / "compose.yaml").read_text()))
    named = set(re.findall(r"^([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE))
    assert asked == {"POSTGRES_PASSWORD", "SITE"}
    assert asked <= named


def test_only_web_processes_pool_their_connections() -> None:
    services = COMPOSE["services"]
    assert services["web"]["environment"]["DATABASE_POOL"] == "1"
    assert "DATABASE_POOL" not in services["worker"]["environment"]
    assert services["web"]["environment"]["DATABASE_URL"] == services["worker"]["environment"]["DATABASE_URL"]


def test_the_image_installs_what_bin_start_does() -> None:
    pinned = re.search(r'UV = "(uv==[\d.]+)"', (ROOT / "bin/environment.py").read_text())
    assert pinned[1] in (ROOT / "Dockerfile").read_text()


def test_a_process_may_take_as_long_to_stop_as_it_needs() -> None:
    for name in ("web", "worker"):
        grace = int(COMPOSE["services"][name]["stop_grace_period"].removesuffix("s"))
        assert grace >= 30 + int(COMPOSE["services"][name]["environment"].get("STOP_DELAY_SECONDS", 0)), name
