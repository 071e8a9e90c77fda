"""How often Python looks for garbage that refers to itself, in a process that lives long and keeps much.

By default it looks after every 700 new objects, and now and then through everything: for a request that makes some ten
thousand and frees nearly all of them by itself that is a tenth of its time, and the index of accounts alone makes the
full look take a tenth of a second.
"""

import gc

YOUNG, MIDDLE, OLD = 50_000, 20, 20


def collect_seldom() -> None:
    """Leaves out for good what is kept by now, and looks seldom through the rest."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(YOUNG, MIDDLE, OLD)
