"""Static files of installed Python packages: served from there, so that none of them is copied into the tree."""

from collections.abc import Iterable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from django.contrib.staticfiles.finders import BaseFinder
from django.core.files.storage import FileSystemStorage, Storage

PACKAGE_FILES = {"plotly/package_data/plotly.min.js": "plotly"}  # path inside site-packages → package


class PackageFilesFinder(BaseFinder):
    """Finds the files of PACKAGE_FILES under their own paths, and nothing else of those packages."""

    def find(  # type: ignore[override]  # the stubs overload it by the value of find_all
        self, path: str, find_all: bool = False, **kwargs: Any
    ) -> str | list[str]:
        if path not in PACKAGE_FILES:
            return []
        found = str(_root(PACKAGE_FILES[path]) / path)
        return [found] if find_all else found

    def list(self, ignore_patterns: Iterable[str] | None) -> Iterable[tuple[str, Storage]]:
        for path, package in PACKAGE_FILES.items():
            yield path, FileSystemStorage(location=_root(package))


def _root(package: str) -> Path:
    """The directory that holds the package; it is not imported for that."""
    spec = find_spec(package)
    assert spec is not None
    assert spec.origin is not None
    return Path(spec.origin).parent.parent
