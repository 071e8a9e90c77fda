"""Which events of a calendar count as being out of office."""

import re
from dataclasses import dataclass
from functools import cached_property

VACATION_WORDS = (
    "vacation", "vacations", "holiday", "holidays", "pto", "annual leave", "time off", "day off", "urlaub",
    "*urlaub", "congés", "vacaciones", "ferie", "férias",
)  # fmt: skip
SICK_WORDS = ("sick", "sick leave", "sick day", "krank", "krankgeschrieben", "arrêt maladie")
OTHER_WORDS = (
    "out of office", "ooo", "oof", "parental leave", "maternity leave", "paternity leave", "sabbatical", "elternzeit",
    "bereavement", "jury duty", "abwesend",
)  # fmt: skip


@dataclass(frozen=True)
class OutOfOffice:
    """The organisation's choice. Words count as whole words, whatever their case; * stands for any letters."""

    vacation_words: tuple[str, ...] = VACATION_WORDS
    sick_words: tuple[str, ...] = SICK_WORDS
    other_words: tuple[str, ...] = OTHER_WORDS
    counts_flags: bool = True  # what the calendar itself marks as out of office
    counts_tentative: bool = False
    only_all_day: bool = False
    least_minutes: int = 30
    keeps_titles: bool = False

    @cached_property
    def patterns(self) -> tuple[tuple[str, re.Pattern[str]], ...]:
        """(reason, what its words look like); the first that fits says why somebody is away."""
        reasons = (("sick", self.sick_words), ("vacation", self.vacation_words), ("other", self.other_words))
        return tuple((reason, _any_of(words)) for reason, words in reasons if words)

    def reason_of(self, title: str) -> str:
        """vacation, sick, other; empty where no word fits."""
        for reason, pattern in self.patterns:
            if pattern.search(title):
                return reason
        return ""


def _any_of(words: tuple[str, ...]) -> re.Pattern[str]:
    parts = (r"\s+".join(re.escape(part) for part in word.split()).replace(r"\*", r"\w*") for word in words)
    return re.compile(rf"(?<!\w)(?:{'|'.join(parts)})(?!\w)", re.IGNORECASE)
