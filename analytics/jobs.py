"""What the worker does for analytics. All may run twice or be killed in the middle: the services are idempotent."""

from django.utils import timezone

from analytics.services import gaps


def note_fall_throughs() -> int:
    """Why what was decided since the last time fell through."""
    return gaps.note_fall_throughs(at=timezone.now())
