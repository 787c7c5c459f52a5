"""How many jobs an engine holds besides those that run, and how many of them may begin. Pure.

What is held hides the round trip that takes the next job. It begins when Redis has been told the end
of the job before it; what begins earlier runs again with that one when the worker is killed. So a
kill reruns one job of each slot, and besides at most what ended within HIDDEN_SECONDS, but for one.
"""

import math

HIDDEN_SECONDS = 0.004
"""About what two turns take: the one under way when a job ends, and the one that tells of it."""

NEGLIGIBLE = 0.2
"""Of a job: where fewer end within that time, nothing is held."""

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
    def ahead(self) -> int:
        """Say how many jobs are held besides those that run."""
        return self._hidden(NEGLIGIBLE)

    @property
    def untold(self) -> int:
        """Say how many ends Redis may not have been told when the next job begins."""
        return self._hidden(1.0)

    def _hidden(self, less: float) -> int:
        # by Little's law: so many end within a time as their rate times that time
        ended = self._concurrency * HIDDEN_SECONDS / max(self._mean_seconds, 1e-6)
        return max(min(math.ceil(ended - less), MAX_EXTRA * self._concurrency), 0)
