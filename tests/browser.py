"""A Chromium for the tests: the one that is installed, else playwright's own, else the distribution's."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"]
MACOS = [f"/Applications/{name}.app/Contents/MacOS/{name}" for name in ("Google Chrome", "Chromium")]
# No sandbox: it needs privileges that containers do not give. The tests open only pages of this application.
ARGUMENTS = ["--no-sandbox", "--disable-dev-shm-usage"]
DOWNLOAD_SECONDS = 300


def find() -> Path | None:
    """The browser to launch with `executable_path`; CHROMIUM names another one."""
    candidates = [os.environ.get("CHROMIUM"), *map(shutil.which, NAMES), *MACOS]
    for candidate in candidates:
        if candidate and works(Path(candidate)):
            return Path(candidate)
    return playwrights_own()


def find_or_install() -> Path:
    found = find()
    if found:
        return found
    for attempt in (install_by_playwright, install_by_apt):
        attempt()
        found = find()
        if found:
            return found
    sys.exit(
        "bin/test: there is no Chromium or Chrome here, and none could be installed. Install one "
        "(Debian: apt-get install chromium), or name it: CHROMIUM=/path/to/chrome bin/test"
    )


def works(browser: Path) -> bool:
    """Whether it starts: Ubuntu's `chromium-browser` only says that it is to be had elsewhere."""
    if not browser.exists():
        return False
    try:
        asked = subprocess.run([browser, "--version"], capture_output=True, timeout=30)
    except (OSError, subprocess.TimeoutExpired):
        return False
    return asked.returncode == 0 and b"Chrom" in asked.stdout


def playwrights_own() -> Path | None:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        path = Path(playwright.chromium.executable_path)
    return path if works(path) else None


def install_by_playwright() -> None:
    print("  browser       none installed; trying `playwright install chromium`", flush=True)
    # Its own installation of system libraries asks for a password, where the user is not root.
    libraries = ["--with-deps"] if os.geteuid() == 0 and shutil.which("apt-get") else []
    run([sys.executable, "-m", "playwright", "install", *libraries, "chromium"])


def install_by_apt() -> None:
    if not shutil.which("apt-get"):
        return
    privileges = [] if os.geteuid() == 0 else ["sudo", "-n"]
    if privileges and not shutil.which("sudo"):
        return
    print("  browser       trying `apt-get install chromium`", flush=True)
    run([*privileges, "apt-get", "update", "-qq"])
    run([*privileges, "apt-get", "install", "-qq", "--yes", "--no-install-recommends", "chromium"])


def run(command: list[str]) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            command, env=environment, capture_output=True, text=True, timeout=DOWNLOAD_SECONDS
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        print(f"  browser       {error}", flush=True)
        return
    if done.returncode:
        lines = (done.stdout + done.stderr).strip().splitlines()[-3:]
        print("\n".join(f"                {line}" for line in lines), flush=True)
