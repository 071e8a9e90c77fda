"""A figure that could not be computed is a value that says why."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Unavailable:
    """Stands where a figure would; `reason` is a sentence for people, without the full stop."""

    reason: str
