"""Operations: which processes live, how their jobs went, what is wrong and since when."""

from operations.models.backups import Backup
from operations.models.running import JobRun, ProcessBeat
from operations.models.troubles import Incident, InvariantCheck

__all__ = ["Backup", "Incident", "InvariantCheck", "JobRun", "ProcessBeat"]
