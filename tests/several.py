"""Several processes that call one function, for tests of what they share."""

import multiprocessing
from collections.abc import Callable, Iterable
from typing import TypeVar

A = TypeVar("A")
R = TypeVar("R")

# They are forked off a process that has imported this once: each alone would take a second for it.
FORKED = multiprocessing.get_context("forkserver")
FORKED.set_forkserver_preload(
    ["hypothesis", "pytest", "redis", "osnovci.limits.client", "osnovci.sessions.stores"]
)


def each_in_a_process(call: Callable[[A], R], told: Iterable[A]) -> list[R]:
    """Call a function once for each of what is told, all at the same time."""
    told = list(told)
    with FORKED.Pool(len(told)) as pool:
        return pool.map(call, told, chunksize=1)
