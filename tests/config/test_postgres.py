import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import dj_database_url
import psutil
import psycopg
import pytest

from config import postgres, upgrade

ROOT = Path(__file__).resolve().parent.parent.parent
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="is about what root does")


def answer(data: Path, query: str) -> Any:
    with psycopg.connect(postgres.url(data), autocommit=True) as connection:
        cursor = connection.execute(query)
        return cursor.fetchone()[0] if cursor.description else None


def postmaster(data: Path) -> psutil.Process:
    return psutil.Process(int((data / "postmaster.pid").read_text().split("\n", 1)[0]))


def test_server_runs_inside_the_block_only(data, monkeypatch):
    monkeypatch.setenv("PGPORT", "1")
    monkeypatch.setenv("PGHOST", "elsewhere.invalid")
    with postgres.running(data):
        assert answer(data, "SELECT current_user || '@' || current_database()") == "app@routing"
        assert postgres.is_alive(data)
    assert not postgres.is_alive(data)
    assert not postgres.is_ready(data)


def test_server_is_durable_and_listens_to_no_network(data):
    with postgres.running(data):
        asked = ["fsync", "synchronous_commit", "full_page_writes", "listen_addresses"]
        assert [answer(data, f"SHOW {name}") for name in asked] == ["on", "on", "on", ""]


def test_server_does_not_run_as_root(data):
    with postgres.running(data):
        assert postmaster(data).uids().effective != 0
        assert postgres.socket_directory(data).stat().st_mode & 0o777 == 0o700
    assert not postgres.socket_directory(data).exists()


def test_data_survive_a_restart_and_a_killed_server(data):
    with postgres.running(data):
        answer(data, "CREATE TABLE kept AS SELECT 7 AS number")
    with postgres.running(data):
        postmaster(data).send_signal(signal.SIGKILL)
        postgres.ensure_running(data)
        assert answer(data, "SELECT number FROM kept") == 7


def test_pid_file_with_the_pid_of_another_process_does_not_hinder(data):
    with postgres.running(data):
        pid_file = (data / "postmaster.pid").read_text().splitlines()
    (data / "postmaster.pid").write_text("\n".join([str(os.getpid()), *pid_file[1:]]))
    shutil.chown(data / "postmaster.pid", data.stat().st_uid, data.stat().st_gid)
    assert not postgres.is_alive(data)
    with postgres.running(data):
        assert answer(data, "SELECT 1") == 1


def test_half_made_data_are_made_again(place):
    data = place / "postgres"
    half = place / "postgres.new"
    half.mkdir()
    (half / "PG_VERSION").write_text("18")
    with postgres.running(data):
        assert answer(data, "SELECT 1") == 1


def test_server_whose_socket_was_removed_is_started_again(data):
    with postgres.running(data):
        shutil.rmtree(postgres.socket_directory(data))
        postgres.ensure_running(data)
        assert answer(data, "SELECT 1") == 1


def test_server_is_stopped_by_the_last_of_its_holders(data):
    with postgres.running(data):
        with postgres.running(data):
            pass
        assert answer(data, "SELECT 1") == 1
    assert not postgres.is_alive(data)


def test_four_first_starts_at_once_share_one_server(place):
    data = place / "postgres"
    hold = (
        "import sys; from pathlib import Path; from config import postgres; data = Path(sys.argv[1])\n"
        "with postgres.running(data):\n"
        "    print((data / 'postmaster.pid').read_text().split()[0], flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", hold, str(data)]
    pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True, "cwd": ROOT}
    holders = [subprocess.Popen(command, **pipes) for _ in range(4)]
    pids = {holder.stdout.readline() for holder in holders}
    assert len(pids) == 1
    for holder in holders:
        assert postgres.is_ready(data)
        holder.communicate()
    assert not postgres.is_alive(data)


def test_starter_can_be_read_through_a_pipe_while_the_server_runs_on(data):
    command = "import sys; from pathlib import Path; from config import postgres"
    command += "; postgres.ensure_running(Path(sys.argv[1])); print('up')"
    done = subprocess.run(
        [sys.executable, "-c", command, str(data)], cwd=ROOT, capture_output=True, text=True, timeout=30
    )
    assert (done.stdout, done.stderr) == ("up\n", "")
    assert postgres.is_ready(data)


def test_broken_data_are_reported_and_only_disposable_ones_made_anew(data):
    with postgres.running(data):
        answer(data, "CREATE TABLE kept AS SELECT 7 AS number")
    (data / "global" / "pg_control").write_bytes(b"")
    with pytest.raises(postgres.PostgresError, match="pg_control"), postgres.running(data):
        pass
    with postgres.running(data, durable=False):
        assert answer(data, "SELECT to_regclass('kept')") is None


@as_root
def test_checkout_closed_to_others_keeps_its_data_elsewhere(place, monkeypatch):
    monkeypatch.setattr(postgres, "ELSEWHERE", [place / "elsewhere"])
    closed = place / "closed"
    closed.mkdir(mode=0o700)
    data = closed / "postgres"
    with postgres.running(data):
        answer(data, "CREATE TABLE kept AS SELECT 7 AS number")
    with postgres.running(data):
        assert answer(data, "SELECT number FROM kept") == 7
    assert [data.readlink()] == [home / "data" for home in (place / "elsewhere").iterdir()]


@as_root
def test_root_runs_the_server_of_an_ordinary_users_data_as_that_user(data):
    for path in [data, *data.rglob("*")]:
        os.chown(path, 12345, 12345)
    with postgres.running(data):
        assert postmaster(data).uids().effective == 12345


def test_socket_directory_of_somebody_else_is_refused(data, tmp_path):
    postgres.socket_directory(data).symlink_to(tmp_path)
    with pytest.raises(postgres.PostgresError, match="somebody else"), postgres.running(data):
        pass
    postgres.socket_directory(data).unlink()


def test_url_names_the_socket_whatever_the_length_of_the_path(place):
    data = place.joinpath(*["deep"] * 40) / "postgres"
    settings = dj_database_url.parse(postgres.url(data))
    assert settings["HOST"] == str(postgres.socket_directory(data))
    assert (settings["NAME"], settings["USER"], settings["PORT"]) == ("routing", "app", 5432)
    assert len(settings["HOST"]) < 80


def test_secret_is_made_once_and_readable_by_its_owner_only(tmp_path):
    with ThreadPoolExecutor(8) as threads:
        secrets = set(threads.map(lambda _: postgres.local_secret(tmp_path), range(16)))
    assert secrets == {(tmp_path / "secret_key").read_text()}
    assert (tmp_path / "secret_key").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["secret_key"]


def test_files_of_another_major_version_are_refused_and_left_alone(data):
    (data / "PG_VERSION").write_text("17\n")
    with pytest.raises(postgres.PostgresError, match="is of PostgreSQL 17, and the programs here are of 18"):
        postgres.ensure_running(data)
    assert (data / "PG_VERSION").read_text() == "17\n"
    assert not postgres.is_alive(data)


def test_an_upgrade_takes_everything_over_and_keeps_the_old_files(data):
    with postgres.running(data):
        answer(data, "CREATE TABLE kept (id int PRIMARY KEY)")
        answer(data, "INSERT INTO kept SELECT generate_series(1, 1000)")
        before = answer(data, "SELECT system_identifier FROM pg_control_system()")
    kept = upgrade.upgrade(data, postgres.wheel())  # of the same version: the way is the same
    assert (kept / "PG_VERSION").exists()
    with postgres.running(data):
        assert answer(data, "SELECT count(*) FROM kept") == 1000
        assert answer(data, "SELECT system_identifier FROM pg_control_system()") != before
    assert not postgres.is_alive(kept)


def test_an_upgrade_killed_between_its_last_steps_is_finished_by_the_next_start(data):
    with postgres.running(data):
        answer(data, "CREATE TABLE kept (id int)")
    data.rename(data.with_name("postgres.upgraded"))
    with postgres.running(data):
        assert answer(data, "SELECT count(*) FROM kept") == 0


def test_an_upgrade_waits_for_nobody(data):
    with postgres.running(data), pytest.raises(postgres.PostgresError, match="in use"), upgrade.alone(data):
        pass
