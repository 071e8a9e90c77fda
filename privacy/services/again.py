"""After a restore: whoever was erased after the backup was made is erased again, before anybody sees the database."""

import datetime
from collections.abc import Iterable, Sequence

from privacy.models import Erasure
from privacy.services.erasing import EraseRefused, erase
from privacy.services.journal import Line

LASTS = datetime.timedelta(
    hours=1
)  # an erasure is dated as it begins, and a backup may be made before it ends
REASON = "Erased before; the backup was older"


def erase_again(*, lines: Iterable[Line], made_at: datetime.datetime, at: datetime.datetime) -> int:
    """Those of the journal that are newer than the backup. Returns how many were there to erase."""
    return sum(_again(line, at) for line in _newer(lines, made_at))


def _newer(lines: Iterable[Line], made_at: datetime.datetime) -> Sequence[Line]:
    known = set(Erasure.objects.values_list("made_at", "kind", "person_id"))
    found = {(line.kind, line.person_id): line for line in lines if line.at >= made_at - LASTS}
    return [line for line in found.values() if (line.at, line.kind, line.person_id) not in known]


def _again(line: Line, at: datetime.datetime) -> bool:
    try:
        erase(
            people=[(line.kind, line.person_id)], by=None, at=at, reason=REASON, with_account=line.with_account,
            is_by_rule=True, is_again=True,
        )  # fmt: skip
    except EraseRefused:
        return False  # not in the backup yet, or nobody already
    return True
