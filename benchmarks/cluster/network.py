"""Hosts as network namespaces on one bridge, whose cables can be pulled."""

import contextlib
import shutil
import subprocess
from collections.abc import Iterator, Sequence

BRIDGE, NETWORK = "routing-br", "10.231.77"
GATEWAY = f"{NETWORK}.1"  # where database and broker listen


class NoNamespaces(Exception):
    """Hosts cannot be made here; the message says why."""


@contextlib.contextmanager
def hosts(names: Sequence[str]) -> Iterator[dict[str, str]]:
    """The address of each by its name. What a killed run left is replaced. Raises NoNamespaces."""
    if not shutil.which("ip"):
        raise NoNamespaces("There is no `ip` (iproute2) here, so no hosts can be made.")
    _remove(names)
    try:
        _ip("link", "add", BRIDGE, "type", "bridge")
        _ip("addr", "add", f"{GATEWAY}/24", "dev", BRIDGE)
        _ip("link", "set", BRIDGE, "up")
        yield {name: _add(name, f"{NETWORK}.{number}") for number, name in enumerate(names, 11)}
    finally:
        _remove(names)


def within(name: str, command: Sequence[str]) -> list[str]:
    """The command as it runs on that host, under that host's name."""
    renamed = ["unshare", "--uts", "sh", "-c", 'hostname "$0" && exec "$@"', name]
    return ["ip", "netns", "exec", _space(name), *renamed, *command]


def cut_off(name: str) -> None:
    _ip("link", "set", _cable(name), "down")


def connect(name: str) -> None:
    _ip("link", "set", _cable(name), "up")


def _add(name: str, address: str) -> str:
    space, cable = _space(name), _cable(name)
    _ip("netns", "add", space)
    _ip("link", "add", cable, "type", "veth", "peer", "name", "eth0", "netns", space)
    _ip("link", "set", cable, "master", BRIDGE)
    _ip("link", "set", cable, "up")
    _ip("-n", space, "addr", "add", f"{address}/24", "dev", "eth0")
    _ip("-n", space, "link", "set", "eth0", "up")
    _ip("-n", space, "link", "set", "lo", "up")
    return address


def _remove(names: Sequence[str]) -> None:
    for command in [
        *(["link", "del", _cable(name)] for name in names),
        *(["netns", "del", _space(name)] for name in names),
        ["link", "del", BRIDGE],
    ]:
        subprocess.run(["ip", *command], capture_output=True, check=False)


def _ip(*arguments: str) -> None:
    done = subprocess.run(["ip", *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        said = done.stderr.strip()
        raise NoNamespaces(f"Hosts cannot be made here (`ip {' '.join(arguments)}`: {said}). It takes root.")


def _space(name: str) -> str:
    return f"routing-{name}"


def _cable(name: str) -> str:
    return f"rt-{name}"  # 15 letters at most
