"""Backtests held against simulated organisations whose truth is known: `benchmark backtest`.

A package, so that the door to the benchmarks sees one name. `world` lets the product's ladder route simulated leads and
knows what others would truly have won, `pieces` are the organisations with their backtests, `figures` puts them
together, `command` runs them on two processes and goes on where it was.
"""

from benchmarks.backtest.command import run

__all__ = ["run"]
