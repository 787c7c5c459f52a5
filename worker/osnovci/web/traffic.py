"""Counts of the requests of one server process, and figures of a stretch of time. Pure: no clock.

The counters are plain numbers, since every request touches them.
"""

from bisect import bisect_left
from collections import deque
from dataclasses import dataclass
from itertools import accumulate

GROWTH = 1.1
"""From one bound of latency to the next: a percentile is exact to within this factor."""

BOUNDS = [0.0005 * GROWTH**n for n in range(124)]
"""Seconds, from half a millisecond to a minute."""

WINDOW_SECONDS = 10.0


@dataclass(frozen=True)
class Counts:
    """The counters at one moment, since the process began."""

    requests: int
    errors: int
    shed: int
    latencies: tuple[int, ...]
    """How many requests took up to each bound; the last, longer than all."""


@dataclass(frozen=True)
class Figures:
    """What the requests of a stretch of time were like."""

    requests_per_second: float
    shed_per_second: float
    error_rate: float
    p95_seconds: float | None
    """Of those that were not turned away; None without any."""


class Traffic:
    """The counters. `__call__` of the middleware changes them in place."""

    __slots__ = ("errors", "in_flight", "latencies", "requests", "shed", "websockets")

    def __init__(self) -> None:
        self.in_flight = 0
        self.websockets = 0
        self.requests = 0
        self.errors = 0
        """Answers of status 500 and above, also those to what was shed."""
        self.shed = 0
        self.latencies = [0] * (len(BOUNDS) + 1)

    def ended(self, status: int, seconds: float) -> None:
        """Count a request that ended."""
        self.in_flight -= 1
        self.requests += 1
        if status >= 500:  # noqa: PLR2004  # HTTP's server errors
            self.errors += 1
        self.latencies[bisect_left(BOUNDS, seconds)] += 1

    def turned_away(self) -> None:
        """Count a request that was shed."""
        self.requests += 1
        self.errors += 1
        self.shed += 1

    def counts(self) -> Counts:
        """Give the counters of now."""
        return Counts(self.requests, self.errors, self.shed, tuple(self.latencies))


class Window:
    """The counters of the last ten seconds, one a second."""

    def __init__(self, now: float, counts: Counts) -> None:
        self._kept = deque([(now, counts)])

    def figures(self, now: float, counts: Counts) -> Figures:
        """Take the counters of now, and give the figures since ten seconds ago."""
        self._kept.append((now, counts))
        while len(self._kept) > 2 and now - self._kept[1][0] >= WINDOW_SECONDS:  # noqa: PLR2004
            self._kept.popleft()
        began, before = self._kept[0]
        return between(before, counts, now - began)


def between(before: Counts, after: Counts, seconds: float) -> Figures:
    """Give the figures of the seconds between two moments."""
    requests = after.requests - before.requests
    pairs = zip(before.latencies, after.latencies, strict=True)
    return Figures(
        requests_per_second=round(requests / seconds, 2),
        shed_per_second=round((after.shed - before.shed) / seconds, 2),
        error_rate=round((after.errors - before.errors) / requests, 4) if requests else 0.0,
        p95_seconds=percentile([new - old for old, new in pairs], 0.95),
    )


def percentile(latencies: list[int], share: float) -> float | None:
    """Give the bound that this share of the requests kept; what took longer than all, the last."""
    sums = list(accumulate(latencies))
    if not sums[-1]:
        return None
    reached = bisect_left(sums, share * sums[-1])
    return round(BOUNDS[min(reached, len(BOUNDS) - 1)], 6)
