"""Operations: which processes live, how their jobs went, what is wrong and since when, what grows."""

from operations.models.backups import Backup
from operations.models.growth import ArchivedMonth, ErasedRow, GrowthSample, Retention
from operations.models.running import JobRun, ProcessBeat
from operations.models.troubles import Incident, InvariantCheck

__all__ = [
    "ArchivedMonth", "Backup", "ErasedRow", "GrowthSample", "Incident", "InvariantCheck", "JobRun", "ProcessBeat",
    "Retention",
]  # fmt: skip
