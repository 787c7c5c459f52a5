"""How many jobs an engine holds besides those that run: enough to hide a round trip, not more. Pure.

A job that is held waits behind its neighbours although another worker may be free. So only jobs
that are much shorter than a round trip are held in advance.
"""

import math

HIDDEN_SECONDS = 0.004
"""About what a turn takes: so much work may wait, for all that run together."""
SHORT_SECONDS = 0.025
"""Of jobs no longer than this one may always wait: so long another worker is kept waiting at most."""
MAX_EXTRA = 24
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
        """Say how many jobs may be held besides those that run."""
        ends_meanwhile = self._concurrency * HIDDEN_SECONDS / max(self._mean_seconds, 1e-6)
        rounded = math.ceil if self._mean_seconds <= SHORT_SECONDS else math.floor
        return min(rounded(ends_meanwhile), MAX_EXTRA * self._concurrency)
