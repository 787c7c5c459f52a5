"""How many jobs an engine holds besides those that run: enough to hide a round trip, not more. Pure.

What is held besides can begin before Redis knows the end of the job before it, and then runs again
with that one when the worker is killed. So a kill reruns at most one job of each slot, or where jobs
are shorter, HIDDEN_SECONDS of them.
"""

HIDDEN_SECONDS = 0.004
"""About what a turn takes: so much work may wait for each slot."""
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
        fit = int(HIDDEN_SECONDS / max(self._mean_seconds, 1e-6))
        return min(fit, MAX_EXTRA) * self._concurrency
