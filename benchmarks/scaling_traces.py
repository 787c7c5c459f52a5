"""The synthetic traces that the policy was tuned on: one function each, an hour and a half of jobs.

`make bench-scaling` reports them apart from those of scaling_unseen.py and scaling_unseen_second.py.
"""

import math
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from osnovci.scaling.model import Target
from osnovci.simulation.trace import Blackout, Trace

LENGTH = 5400.0
LAST_ARRIVAL = LENGTH - 600
"""No job comes later, so that a replay sees what becomes of all, and of the workers after them."""

IDLE = 300.0
"""As long as HPA's stabilisation and KEDA's cooldown; a QueuePool's default is a minute."""

Jobs = Iterator[tuple[float, float]]


@dataclass(frozen=True)
class Case:
    """One trace, and the pool that it is replayed on."""

    name: str
    wait: float
    slots: int
    make: Callable[[random.Random], Jobs]
    blackouts: tuple[Blackout, ...] = ()
    kills: tuple[float, ...] = ()

    @property
    def target(self) -> Target:
        """What the pool asks for."""
        return Target(wait=self.wait, minimum=0, maximum=50, slots=self.slots, idle=IDLE)

    def trace(self, seed: int) -> Trace:
        """Make the trace of a seed."""
        jobs = sorted(self.make(random.Random(seed)))
        return Trace(self.name, tuple(jobs), LENGTH, self.blackouts, self.kills)


def poisson(rng: random.Random, rate: Callable[[float], float], peak: float) -> Iterator[float]:
    """Give moments of a Poisson process whose rate varies, by thinning."""
    at = 0.0
    while (at := at + rng.expovariate(peak)) < LAST_ARRIVAL:
        if rng.random() < rate(at) / peak:
            yield at


def lognormal(rng: random.Random, mean: float, spread: float) -> float:
    """Give a service time of a mean and a squared coefficient of variation."""
    variance = math.log(1 + spread)
    return rng.lognormvariate(math.log(mean) - variance / 2, math.sqrt(variance))


def gamma(rng: random.Random, mean: float, spread: float) -> float:
    """Give a service time of a mean and a squared coefficient of variation, with a light tail."""
    return rng.gammavariate(1 / spread, mean * spread)


def step(rng: random.Random) -> Jobs:
    """Nothing, then three jobs a second for 40 minutes, then one every two seconds."""
    for at in poisson(rng, lambda t: 0.0 if t < 600 else 3.0 if t < 3000 else 0.5, 3.0):
        yield at, rng.expovariate(1 / 2.0)


def spike(rng: random.Random) -> Jobs:
    """A tenfold rate for two minutes, three times."""
    starts = (900, 2400, 3900)
    for at in poisson(rng, lambda t: 4.0 if any(s <= t < s + 120 for s in starts) else 0.4, 4.0):
        yield at, rng.expovariate(1 / 1.5)


def bursty(rng: random.Random) -> Jobs:
    """A Markov-modulated rate: quiet for 2 minutes on average, busy for 40 s."""
    changes, at, busy = [(0.0, False)], 0.0, False
    while at < LENGTH:
        at += rng.expovariate(1 / (40 if busy else 120))
        busy = not busy
        changes.append((at, busy))
    position = 0
    for moment in poisson(rng, lambda _: 3.0, 3.0):
        while position + 1 < len(changes) and changes[position + 1][0] <= moment:
            position += 1
        if changes[position][1] or rng.random() < 0.2 / 3.0:
            yield moment, rng.expovariate(1 / 2.0)


def heavy(rng: random.Random) -> Jobs:
    """A steady rate of jobs whose lengths have a heavy tail (squared variation 8)."""
    for at in poisson(rng, lambda _: 0.8, 0.8):
        yield at, min(lognormal(rng, 3.0, 8.0), 180)


def sparse(rng: random.Random) -> Jobs:
    """A job every four minutes."""
    for at in poisson(rng, lambda _: 1 / 240, 1 / 240):
        yield at, rng.expovariate(1 / 4.0)


def ramp(rng: random.Random) -> Jobs:
    """A rate that grows for an hour to four a second, and falls again in 15 minutes."""
    for at in poisson(rng, lambda t: t / 900 if t < 3600 else max(4 - (t - 3600) / 225, 0.1), 4.0):
        yield at, rng.expovariate(1 / 2.0)


def steady(rng: random.Random) -> Jobs:
    """One and a half jobs a second."""
    for at in poisson(rng, lambda _: 1.5, 1.5):
        yield at, rng.expovariate(1 / 3.0)


def flash(rng: random.Random) -> Jobs:
    """500 jobs within two seconds, three times, on top of a little."""
    for at in (700, 2500, 4000):
        for _ in range(500):
            yield at + rng.uniform(0, 2), rng.expovariate(1 / 1.0)
    for at in poisson(rng, lambda _: 0.1, 0.1):
        yield at, rng.expovariate(1 / 1.0)


def diurnal(rng: random.Random) -> Jobs:
    """A day in an hour and a half: from one in ten seconds to three a second and back."""
    for at in poisson(rng, lambda t: 0.1 + 2.9 * math.sin(math.pi * t / LENGTH) ** 4, 3.0):
        yield at, rng.expovariate(1 / 2.5)


def cron(rng: random.Random) -> Jobs:
    """60 jobs every five minutes."""
    for number in range(16):
        for _ in range(60):
            yield 150 + 300 * number + rng.uniform(0, 1), rng.expovariate(1 / 3.0)


def functions(rng: random.Random) -> Jobs:
    """Many small sources as in Azure's functions: a few often, most seldom, one by timer."""
    for source in range(12):
        rate = 0.5 / (source + 1) ** 1.5
        mean = lognormal(rng, 1.5, 2.0)
        for at in poisson(rng, lambda _, rate=rate: rate, rate):
            for _ in range(1 if rng.random() < 0.9 else rng.randint(5, 15)):
                yield at, lognormal(rng, mean, 1.5)


def long(rng: random.Random) -> Jobs:
    """Jobs of two minutes, one in 20 s."""
    for at in poisson(rng, lambda t: 1 / 20 if t < 3000 else 1 / 60, 1 / 20):
        yield at, lognormal(rng, 120, 0.5)


def square(rng: random.Random) -> Jobs:
    """Two minutes busy, three minutes nothing."""
    for at in poisson(rng, lambda t: 3.0 if t % 300 < 120 else 0.0, 3.0):
        yield at, rng.expovariate(1 / 2.0)


BLACKOUTS = (
    Blackout(900, 960, reads_zero=False),
    Blackout(1800, 1815, reads_zero=True),
    Blackout(2400, 2700, reads_zero=False),
    Blackout(3300, 3360, reads_zero=True),
    Blackout(4200, 4205, reads_zero=True),
)
KILLS = tuple(300.0 + 170 * number for number in range(27))

CASES = (
    Case("step", wait=10, slots=2, make=step),
    Case("spike x10", wait=20, slots=2, make=spike),
    Case("bursty", wait=20, slots=4, make=bursty),
    Case("heavy tails", wait=15, slots=2, make=heavy),
    Case("sparse", wait=60, slots=1, make=sparse),
    Case("slow ramp", wait=10, slots=4, make=ramp),
    Case("pods killed", wait=15, slots=2, make=steady, kills=KILLS),
    Case("flash crowd", wait=60, slots=4, make=flash),
    Case("diurnal", wait=15, slots=2, make=diurnal),
    Case("cron-like", wait=30, slots=2, make=cron),
    Case("functions", wait=20, slots=2, make=functions),
    Case("long jobs", wait=60, slots=1, make=long),
    Case(
        "missing and false readings",
        wait=20,
        slots=2,
        make=steady,
        blackouts=BLACKOUTS,
    ),
    Case("square wave", wait=20, slots=4, make=square),
)
STARTUPS = (4.0, 12.0, 35.0)
SEEDS = (1, 2, 3)
