"""Web process, worker and database killed at random while leads come in; afterwards nothing is lost and nothing twice.

A PostgreSQL of its own with durable commits, so that the one of the installation is left alone. Clients repeat what was
not acknowledged under the same Idempotency-Key, as a website's form does. A receiver counts what arrives outside.
"""

from benchmarks.chaos.command import run

__all__ = ["run"]
