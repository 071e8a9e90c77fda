"""The contracts of pyproject.toml hold, and would notice what they forbid."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent.parent
PACKAGES = [
    "config", "operations", "privacy", "analytics", "routing", "experiments", "territories", "crm", "reps",
    "telemetry",
]  # fmt: skip


def lint_imports(where: Path) -> "subprocess.CompletedProcess[str]":
    command = [str(Path(sys.executable).with_name("lint-imports")), "--no-cache"]
    return subprocess.run(command, cwd=where, capture_output=True, text=True)


def test_contracts_hold():
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize(
    ("module", "line", "contract"),
    [
        ("crm/intruder.py", "import routing", "Apps import downwards only"),
        ("reps/intruder.py", "import config.settings", "Apps import downwards only"),
        ("crm/queries/intruder.py", "import crm.services", "Rooms of an app import downwards only"),
        ("routing/engine/intruder.py", "import numpy, django.utils.timezone", "Engines know no Django"),
        ("routing/engine/intruder.py", "import crm.models", "Engines know no Django"),
    ],
)
def test_contract_notices(tmp_path, module, line, contract):
    shutil.copy(ROOT / "pyproject.toml", tmp_path)
    for package in PACKAGES:
        shutil.copytree(ROOT / package, tmp_path / package, ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / module).write_text(f"{line}\n")
    done = lint_imports(tmp_path)
    assert done.returncode == 1
    broken = [said for said in done.stdout.splitlines() if "BROKEN" in said]
    assert [said.startswith(contract) for said in broken] == [True], done.stdout
