"""Finished pieces of the benchmark, a JSON line each, so that a run that was stopped goes on where it was.

The file is named by a hash of the code that the figures depend on: other code, other file.
"""

import hashlib
import json
import os
import re
from pathlib import Path
from typing import Any

import benchmarks

ROOT = Path(benchmarks.__path__[0]).parent
OUR_IMPORTS = re.compile(r"^from ((?:(?:routing|experiments)\.engine|benchmarks)[\w.]*) import", re.MULTILINE)


def folder() -> Path:
    return Path(os.environ.get("ROUTING_VAR", ROOT / "var")) / "benchmarks" / "model"


def code_hash(start: str = "benchmarks.model.pieces") -> str:
    """Of the module and of everything that it imports from the engines and from the benchmarks."""
    digest = hashlib.sha256()
    for name, text in sorted(_with_imports(start, {}).items()):
        digest.update(f"{name}\0{text}\0".encode())
    return digest.hexdigest()[:16]


def _with_imports(name: str, found: dict[str, str]) -> dict[str, str]:
    """Source by module name."""
    file = ROOT.joinpath(*name.split(".")).with_suffix(".py")
    if name not in found and file.exists():
        found[name] = file.read_text()
        for other in OUR_IMPORTS.findall(found[name]):
            _with_imports(other, found)
    return found


class Kept:
    """Results by key. `keep` appends; a line cut off by a stop in mid-writing is passed over."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.found: dict[str, Any] = {}
        path.parent.mkdir(parents=True, exist_ok=True)
        for line in path.read_text().splitlines() if path.exists() else []:
            try:
                row = json.loads(line)
            except ValueError:
                continue
            self.found[row["key"]] = row["result"]

    def keep(self, key: str, result: Any) -> None:
        self.found[key] = result
        with self.path.open("a") as file:
            file.write("\n" + json.dumps({"key": key, "result": result}))
