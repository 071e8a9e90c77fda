"""Territories and who covers them."""

from territories.models.territories import Coverage, Territory

__all__ = ["Coverage", "Territory"]
