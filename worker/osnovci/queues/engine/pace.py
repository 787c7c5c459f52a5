"""How many jobs an engine holds besides those that run: enough to hide a round trip, not more. Pure.

What is held besides can begin before Redis knows the end of the job before it, and then runs again
with that one when the worker is killed. So a kill reruns one job of each slot, and besides at most
what ended within HIDDEN_SECONDS.
"""

import math

HIDDEN_SECONDS = 0.004
"""About what two turns take: the one under way when a job ends, and the one that tells of it."""

NEGLIGIBLE = 1.0
"""Of a job: where fewer end within that time, a slot waits for Redis instead."""

MAX_EXTRA = 24
"""For each slot, however short its jobs are."""

SMOOTHING = 0.1


class Pace:
    """The mean time a job takes, and what follows from it."""

    def __init__(self, concurrency: int) -> None:
        self._concurrency = concurrency
        self._mean_seconds = 1.0

    def note(self, seconds: float) -> None:
        """Learn how long a job took."""
        self._mean_seconds += SMOOTHING * (seconds - self._mean_seconds)

    @property
    def extra(self) -> int:
        """Say how many jobs may be held besides those that run.

        By Little's law so many end, and are not told yet, as their rate times the time it takes.
        """
        ended = self._concurrency * HIDDEN_SECONDS / max(self._mean_seconds, 1e-6)
        return min(math.ceil(ended - NEGLIGIBLE), MAX_EXTRA * self._concurrency)
