"""What a pool tells the heartbeat about itself. Pure: time is an argument."""

import math
from collections import deque
from dataclasses import dataclass

WINDOW_SECONDS = 60.0
MOST = 1024


@dataclass(frozen=True)
class PoolStatistics:
    """A pool at one moment.

    While `open` is above `size`, a shrink is not in force yet: a budget counts the greater one.
    """

    size: int
    open: int
    in_use: int
    waiting: int
    acquire_p95_seconds: float
    """Of the last minute's acquires, at most the last 1024; 0 where there were none."""

    def __str__(self) -> str:
        return (
            f"the pool of {self.size} has {self.open} open, {self.in_use} in use, "
            f"{self.waiting} waiting"
        )


class AcquireTimes:
    """How long the last acquires took."""

    def __init__(self) -> None:
        self._taken: deque[tuple[float, float]] = deque(maxlen=MOST)

    def note(self, now: float, seconds: float) -> None:
        """Remember one."""
        self._taken.append((now, seconds))

    def p95_seconds(self, now: float) -> float:
        """Give the 95th percentile by the nearest rank."""
        recent = sorted(took for at, took in self._taken if now - at <= WINDOW_SECONDS)
        return recent[math.ceil(len(recent) * 0.95) - 1] if recent else 0.0
