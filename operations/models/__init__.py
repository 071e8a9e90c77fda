"""Operations: which processes live, how their jobs went, what is wrong and since when, what grows."""

from operations.models.backups import Backup
from operations.models.growth import ArchivedMonth, GrowthSample, Retention
from operations.models.running import JobRun, ProcessBeat
from operations.models.troubles import Incident, InvariantCheck

__all__ = [
    "ArchivedMonth", "Backup", "GrowthSample", "Incident", "InvariantCheck", "JobRun", "ProcessBeat", "Retention",
]  # fmt: skip
