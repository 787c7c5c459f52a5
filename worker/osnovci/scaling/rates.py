"""Arrival rate and mean service time, learned from counters. Pure."""

import math
from dataclasses import dataclass

from osnovci.scaling.model import Tuning

LOOK_BACK = 6
"""Seconds whose counts are kept one by one."""

BATCHES = 2
"""The largest of those counts are left out: a batch is a backlog, not a rate."""

SIGNIFICANT = 2.0
"""Standard deviations by which the fast rate must differ from the slow one to replace it."""

NEGLIGIBLE = 1e-6

SINGLE = 1.01
"""Jobs, each counted less the longer ago it came, up to which there is no rate."""

PRIOR_JOBS = 2
"""The prior of the service time counts as so many jobs of a third of the target wait."""

LONGEST_GAP = 5.0
"""Seconds over which the number of running jobs may be taken as constant."""

SHORTEST = 1e-3
"""Seconds that a job is taken to run at least."""

FEW = 20
"""With fewer completions the plain mean counts too, where it is longer."""


@dataclass(frozen=True, slots=True)
class Arrivals:
    """The arrival rate, exponentially weighted fast and slow, and the last seconds one by one."""

    fast: float = 0.0
    slow: float = 0.0
    second: int = 0
    counts: tuple[float, ...] = (0.0,) * LOOK_BACK
    """Jobs in each of the seconds up to `second`."""

    def after(self, jobs: int, elapsed: float, now: float, tuning: Tuning) -> "Arrivals":
        """Count what arrived since the last observation; over a gap it is spread evenly."""
        this = math.floor(now)
        passed = this - self.second
        if passed <= 0:
            counts = (*self.counts[:-1], self.counts[-1] + jobs)
        else:
            new = min(passed, LOOK_BACK)
            counts = (*self.counts, *[jobs / passed] * new)[-LOOK_BACK:]
        return Arrivals(
            _weighted(self.fast, jobs, elapsed, tuning.half_life_fast),
            _weighted(self.slow, jobs, elapsed, tuning.half_life_slow),
            max(this, self.second),
            counts,
        )

    def rate(self, tuning: Tuning) -> float:
        """Give the jobs a second that are planned with.

        The slow rate, unless the fast one lies beyond what chance does to an exponentially weighted
        count of Poisson arrivals, whose variance is rate * ln 2 / (2 * half-life).
        """
        deviation = math.sqrt(self.slow * math.log(2) / (2 * tuning.half_life_fast))
        rising = min(self.fast, self.recent)
        if rising - self.slow > SIGNIFICANT * deviation:
            return rising
        if self.slow - self.fast > SIGNIFICANT * deviation:
            return self.fast
        return self.slow

    def single(self, tuning: Tuning) -> bool:
        """Tell whether what came of late is one job, which makes no rate.

        A job adds ln 2 / half-life to the slow rate, which then decays.
        """
        return self.slow * tuning.half_life_slow < SINGLE * math.log(2)

    @property
    def recent(self) -> float:
        """The mean of the last seconds without their largest, which batches make."""
        return sum(sorted(self.counts)[:-BATCHES]) / (LOOK_BACK - BATCHES)


def _weighted(rate: float, jobs: int, elapsed: float, half_life: float) -> float:
    moved = rate + (jobs / elapsed - rate) * (1 - 0.5 ** (elapsed / half_life))
    return moved if moved > NEGLIGIBLE else 0.0


@dataclass(frozen=True, slots=True)
class Services:
    """Mean service time by Little's law: time that jobs ran, over jobs that ended."""

    busy: float = 0.0
    """Slot-seconds, decayed."""
    ended: float = 0.0
    """Completions, decayed."""
    lately_busy: float = 0.0
    lately_ended: float = 0.0
    """The same, decayed faster."""
    all_busy: float = 0.0
    all_ended: int = 0

    def after(self, active: float, ended: int, elapsed: float, tuning: Tuning) -> "Services":
        """Add what ran and ended since the last observation."""
        if elapsed > LONGEST_GAP or not (active or ended):
            return self
        keep = 0.5 ** (elapsed / tuning.half_life_service)
        lately = 0.5 ** (elapsed / tuning.half_life_lately)
        return Services(
            self.busy * keep + active * elapsed,
            self.ended * keep + ended,
            self.lately_busy * lately + active * elapsed,
            self.lately_ended * lately + ended,
            self.all_busy + active * elapsed,
            self.all_ended + ended,
        )

    def mean(self, wait: float) -> float:
        """Give the mean service time, seconds; before the first jobs ended, a third of the target."""
        mean = (self.busy + PRIOR_JOBS * wait / 3) / (self.ended + PRIOR_JOBS)
        if self.all_ended < FEW and self.all_busy:
            return max(mean, self.all_busy / (self.all_ended + 1))
        return max(mean, SHORTEST)

    def lately(self, mean: float, wait: float, tuning: Tuning) -> float:
        """Give the mean service time of late where it is longer than `mean`.

        Jobs that run longer than usual show before they end: their time counts, they do not yet.
        Until one has ended, each is taken to run as long as it may wait: no slot is counted on
        twice, since a worker that is found missing then comes a start too late.
        """
        if not self.all_ended:
            return max(mean, wait)
        prior = tuning.prior_lately
        return max(mean, (self.lately_busy + prior * mean) / (self.lately_ended + prior))
