"""Makes .venv from the pinned versions, or finds it made, and runs config.launch in it. Standard library only."""

import fcntl
import hashlib
import json
import os
import shutil
import signal
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
STATE = VENV / "environment.json"  # written last at every step, so that an interrupted one is done again
UV = "uv==0.13.9"


def main() -> None:
    command, *arguments = sys.argv[1:]
    signal.signal(signal.SIGINT, interrupted)
    signal.signal(signal.SIGTERM, interrupted)
    # A path of the caller would shadow pinned packages; without bytecode every start compiles everything again.
    for variable in ("PYTHONHOME", "PYTHONDONTWRITEBYTECODE", "VIRTUAL_ENV"):
        os.environ.pop(variable, None)
    os.environ["PYTHONPATH"] = str(ROOT)

    group = "dev" if command == "test" else "run"
    if not is_current(group):
        with locked(ROOT / "var" / "environment.lock"):
            if not is_current(group):
                make(group)
    if sys.stdout:
        sys.stdout.flush()
    os.execv(PYTHON, [str(PYTHON), "-m", "config.launch", command, *arguments])


def is_current(group: str) -> bool:
    """Whether .venv belongs to this place, runs, and holds what the lock file says."""
    return is_usable() and state()["synced"].get(group) == wanted()


def is_usable() -> bool:
    made = state()
    if made.get("root") != str(ROOT) or not PYTHON.exists():  # also after the checkout was moved
        return False
    found = subprocess.run(
        [PYTHON, "-c", "import sys; print(*sys.version_info[:2], sep='.')"], capture_output=True, text=True
    )
    return found.stdout.strip() == made["python"]


def state() -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(STATE.read_text())
    except (OSError, ValueError):
        return {}
    return found


def wanted() -> str:
    pinned = (ROOT / "uv.lock").read_bytes() + (ROOT / "pyproject.toml").read_bytes()
    return hashlib.sha256(pinned).hexdigest()


def make(group: str) -> None:
    started = time.monotonic()
    if not is_usable():
        say("environment   making .venv")
        create()
    made = state()
    if UV not in made["installed"]:
        say(f"environment   installing {UV}")
        install(PYTHON, "-m", "pip", "install", "--quiet", "--no-input", "--disable-pip-version-check", UV)
        made["installed"].append(UV)
        remember(made)
    if made["synced"].get(group) != wanted():
        say("environment   installing the pinned packages" + (", tests' included" if group == "dev" else ""))
        # Inexact: an exact sync would remove pip, uv and, without the group, everything the tests need.
        quiet = [] if sys.stderr.isatty() else ["--quiet"]
        only = [] if group == "dev" else ["--no-dev"]
        install(VENV / "bin" / "uv", "sync", "--python", PYTHON, "--frozen", "--inexact", *only, *quiet)
        made["synced"][group] = wanted()
        remember(made)
    say(f"environment   ready ({time.monotonic() - started:.1f} s)")


def create() -> None:
    try:
        shutil.rmtree(VENV)
    except FileNotFoundError:
        pass
    except OSError as error:
        fail(f"cannot remove the old .venv: {error}. Remove it by hand, as its owner.")
    version = "{}.{}".format(*sys.version_info[:2])
    if not has_ensurepip():
        add_venv_package(version)
    made = {"root": str(ROOT), "python": version, "installed": [], "synced": {}}
    if has_ensurepip():
        install(sys.executable, "-m", "venv", VENV)
    elif uv := shutil.which("uv"):
        install(uv, "venv", "--quiet", "--seed", "--python", sys.executable, VENV)
    elif runs("import pip"):
        install(sys.executable, "-m", "venv", "--without-pip", VENV)
        install(sys.executable, "-m", "pip", "--python", PYTHON, "install", "--quiet", "pip")
    else:
        fail(
            f"{sys.executable} has no ensurepip, so it cannot make a virtual environment.\n"
            f"Debian, Ubuntu: apt-get install python{version}-venv, as root. Elsewhere: a complete Python, or uv."
        )
    remember(made)


def has_ensurepip() -> bool:
    return runs("import venv; from ensurepip import version")


def runs(program: str) -> bool:
    # In another process: what this one has looked up once, it would not find after an installation.
    return subprocess.run([sys.executable, "-c", program], capture_output=True).returncode == 0


def add_venv_package(version: str) -> None:
    """Debian ships ensurepip apart; root may add it."""
    if os.geteuid() or not shutil.which("apt-get") or not sys.executable.startswith("/usr/bin/"):
        return
    say(f"environment   python{version}-venv is missing; installing it with apt-get")
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "stdin": subprocess.DEVNULL}
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for arguments in (["update"], ["install", "--yes", "--no-install-recommends", f"python{version}-venv"]):
        subprocess.run(["apt-get", *arguments], env=environment, **quiet)  # type: ignore[call-overload]


def install(*command: object) -> None:
    """Run a step of the installation; when it fails, say what it said and stop."""
    environment = {
        **os.environ,
        "UV_PROJECT_ENVIRONMENT": str(VENV),
        "UV_PYTHON_DOWNLOADS": "never",
    }
    if trusts_certificates():
        environment.setdefault("UV_SYSTEM_CERTS", "1")
    step = subprocess.Popen(
        [str(part) for part in command],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=None if sys.stderr.isatty() else subprocess.STDOUT,
        text=True,
        start_new_session=True,  # so that an interruption reaches what the step itself started
    )
    try:
        said, _ = step.communicate()
    except BaseException:
        os.killpg(step.pid, signal.SIGTERM)
        step.wait()
        raise
    if step.returncode:
        name = " ".join(Path(str(part)).name for part in command[:4])
        lines = "\n".join(f"  {line}" for line in said.strip().splitlines()[-15:])
        fail(
            f"`{name}` failed (exit {step.returncode}):\n{lines}\n"
            "If it speaks of connections, names or certificates: this first run needs the Python package index, "
            "later ones need no network. What is there is kept; run it again."
        )


def trusts_certificates() -> bool:
    """Whether the system has certificates of its own: with those, uv also works behind a company's proxy."""
    paths = ssl.get_default_verify_paths()
    has_file = paths.cafile is not None and Path(paths.cafile).exists()
    return has_file or (paths.capath is not None and any(Path(paths.capath).glob("*")))


def remember(made: dict[str, Any]) -> None:
    new = STATE.with_suffix(".new")
    new.write_text(json.dumps(made))
    new.replace(STATE)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a")
    except OSError as error:
        fail(f"cannot write in this checkout: {error}. Run as its owner.")
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            say("environment   another command is making it; waiting")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def say(line: str) -> None:
    print(f"  {line}", file=sys.stderr, flush=True)  # not stdout: that belongs to the command


def fail(message: str) -> NoReturn:
    print(f"bin/{sys.argv[1]}: {message}", file=sys.stderr)
    sys.exit(1)


def interrupted(number: int, _frame: FrameType | None) -> NoReturn:
    raise SystemExit(128 + number)


if __name__ == "__main__":
    main()
