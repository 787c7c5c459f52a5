"""Bursts of arrivals that repeat, so that workers can be ready for the next. Pure."""

import math
from dataclasses import dataclass
from itertools import pairwise

from osnovci.scaling.plan import Plan

WINDOW = 3.0
"""Seconds in which a burst is counted."""

LEAST_JOBS = 10
TIMES_USUAL = 8
"""By how much a burst's rate exceeds the slow rate."""

LEAST_BURSTS = 2
REMEMBERED = 3
TOLERANCE = 0.02
"""The share by which equal distances may differ."""

AHEAD = 3.0
"""Seconds before a start-up's time at which its workers are asked for."""

PAST = 5.0
"""Seconds for which the workers of a burst that is late are kept."""


@dataclass(frozen=True, slots=True)
class Burst:
    """Jobs that came at about the same time."""

    at: float
    jobs: int


@dataclass(frozen=True, slots=True)
class Bursts:
    """The last bursts, oldest first."""

    seen: tuple[Burst, ...] = ()
    window: tuple[tuple[float, int], ...] = ()
    """Arrivals of the last seconds."""

    def after(self, jobs: int, now: float, usual: float) -> "Bursts":
        """Add what arrived, beside the usual rate."""
        if not jobs:
            if not self.window or now - self.window[-1][0] < WINDOW:
                return self
            return Bursts(self.seen, ())
        window = tuple(each for each in (*self.window, (now, jobs)) if now - each[0] < WINDOW)
        number = sum(each[1] for each in window)
        if number < max(LEAST_JOBS, TIMES_USUAL * WINDOW * usual):
            return Bursts(self.seen, window)
        last = self.seen[-1] if self.seen else None
        if last and now - last.at < 2 * WINDOW:
            grown = Burst(last.at, max(last.jobs, number))
            return Bursts((*self.seen[:-1], grown), window)
        return Bursts((*self.seen, Burst(now, number))[-REMEMBERED:], window)

    def next(self) -> Burst | None:
        """Give the burst that is expected: two make a guess, three must be equally far apart."""
        if len(self.seen) < LEAST_BURSTS:
            return None
        *before, last = self.seen
        period = last.at - before[-1].at
        gaps = [later.at - earlier.at for earlier, later in pairwise(before)]
        if any(abs(period - gap) > TOLERANCE * period for gap in gaps):
            return None
        return Burst(last.at + period, max(each.jobs for each in self.seen))

    def sure(self, now: float) -> bool:
        """Tell whether bursts repeat so surely that nobody needs to be kept until the next."""
        expected = self.next()
        return expected is not None and len(self.seen) == REMEMBERED and now <= expected.at + PAST


def for_burst(bursts: Bursts, now: float, plan: Plan) -> int:
    """Give the workers for a burst that is expected within a start-up, where a start is slow."""
    if plan.startup <= 0.3 * plan.wait:
        return 0
    expected = bursts.next()
    if not expected or not 0 <= now - (expected.at - plan.startup - AHEAD) <= (
        plan.startup + AHEAD + PAST
    ):
        return 0
    jobs_each = plan.target.slots * (1 + plan.wait / plan.service)
    return math.ceil(expected.jobs / jobs_each)


def until_burst(bursts: Bursts, now: float, plan: Plan) -> float | None:
    """Give the seconds until the workers of an expected burst are to be asked for."""
    expected = bursts.next()
    if not expected or plan.startup <= 0.3 * plan.wait:
        return None
    seconds = expected.at - plan.startup - AHEAD - now
    return seconds if seconds > 0 else None
