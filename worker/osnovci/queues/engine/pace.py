"""How many jobs an engine holds besides those that run: enough to hide a round trip, not more. Pure.

A job that is held waits behind its neighbours although another worker may be free. So only jobs
that are much shorter than a round trip are held in advance.
"""

HIDDEN_SECONDS = 0.004
"""So much work may wait in front of each running job."""
MAX_DEPTH = 24
SMOOTHING = 0.1


class Pace:
    """The mean time a job takes, and what follows from it."""

    def __init__(self) -> None:
        self._mean_seconds = HIDDEN_SECONDS

    def note(self, seconds: float) -> None:
        """Learn how long a job took."""
        self._mean_seconds += SMOOTHING * (seconds - self._mean_seconds)

    @property
    def depth(self) -> int:
        """Say how many jobs may be held for each that runs, that one included."""
        return max(1, min(MAX_DEPTH, int(HIDDEN_SECONDS / max(self._mean_seconds, 1e-6))))
