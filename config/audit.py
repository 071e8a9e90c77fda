"""Whether an advisory is known for what the product depends on: `python -m config.audit`, run by CI.

Asks PyPI by pip-audit for every locked package. Where nobody can be asked (no network beyond a mirror of packages) it
says so and passes: the audit is then still to be done where there is one.
"""

import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from config.surroundings import BINARIES, ROOT

SECONDS = 240


def main() -> int:
    with tempfile.TemporaryDirectory() as folder:
        locked = Path(folder) / "locked.txt"
        options = ("--frozen", "--no-hashes", "--quiet", "--output-file")
        export = [str(BINARIES / "uv"), "export", *options, str(locked)]
        subprocess.run(export, cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
        return told(asked(locked))


def asked(locked: Path) -> list[dict[str, Any]] | None:
    """What is known of each package; None where nobody answers."""
    options = ("--no-deps", "--disable-pip", "--format", "json")
    command = [str(BINARIES / "pip-audit"), "--requirement", str(locked), *options]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
        found: list[dict[str, Any]] = json.loads(done.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, ValueError, KeyError):
        return None
    return found


def told(found: list[dict[str, Any]] | None) -> int:
    """Says what was found; the exit code."""
    known = [one for one in found or () if "vulns" in one]
    if not known:
        print("Nobody could be asked for advisories: the audit is still to be done.")
        return 0
    bad = [one for one in known if one["vulns"]]
    for one in bad:
        for advisory in one["vulns"]:
            fixed = ", ".join(advisory["fix_versions"]) or "no release yet"
            print(f"{one['name']} {one['version']}: {advisory['id']}, mended in {fixed}")
    print(f"{len(known)} of {len(found or ())} packages looked up, {len(bad)} with an advisory.")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main())
