"""What CI says of advisories."""

import pytest

from config.audit import told

CLEAN = {"name": "django", "version": "5.2.19", "vulns": []}
BAD = {
    "name": "pillow",
    "version": "1.0",
    "vulns": [{"id": "PYSEC-2026-1", "fix_versions": ["1.1"]}, {"id": "PYSEC-2026-2", "fix_versions": []}],
}
SKIPPED = {"name": "own", "skip_reason": "not found"}


def test_an_advisory_fails_and_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert told([CLEAN, BAD, SKIPPED]) == 1
    assert capsys.readouterr().out.splitlines() == [
        "pillow 1.0: PYSEC-2026-1, mended in 1.1",
        "pillow 1.0: PYSEC-2026-2, mended in no release yet",
        "2 of 3 packages looked up, 1 with an advisory.",
    ]


def test_none_passes(capsys: pytest.CaptureFixture[str]) -> None:
    assert told([CLEAN]) == 0
    assert capsys.readouterr().out == "1 of 1 packages looked up, 0 with an advisory.\n"


@pytest.mark.parametrize("found", [None, [], [SKIPPED]])
def test_nobody_to_ask_passes_and_is_said(
    found: list[dict[str, str]] | None, capsys: pytest.CaptureFixture[str]
) -> None:
    assert told(found) == 0
    assert "still to be done" in capsys.readouterr().out
