"""Privacy: who was erased (by id only), what is redacted of the audit log, how long what is kept."""

from privacy.models.erasures import Erasure, Kind
from privacy.models.retention import RetentionRun, RetentionSettings

__all__ = ["Erasure", "Kind", "RetentionRun", "RetentionSettings"]
