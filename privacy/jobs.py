"""What the worker does for privacy. May run twice or be killed in the middle."""

from django.utils import timezone

from privacy.services.journal import write_journal
from privacy.services.retention import apply_rules


def apply_retention() -> dict[str, int]:
    """Each night: what the rules no longer keep, and the lines that the journal of erasures lacks."""
    write_journal()
    return dict(apply_rules(at=timezone.now()).counts)
