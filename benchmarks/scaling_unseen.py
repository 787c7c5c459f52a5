"""The first set of unseen traces of `make bench-scaling`: a trace of each kind, which nobody tunes on.

Written from what the systems in question do, by one who knew the research the policy began from, but
had not read the policy, and replayed none of them: no figure here was chosen after a result was
seen. A constant that is changed because of what comes out here makes this part worthless; write new
traces then.
"""

import math
import random
from collections.abc import Iterator

from benchmarks.scaling_traces import LAST_ARRIVAL, Case, Jobs, gamma, lognormal, poisson
from osnovci.simulation.trace import Blackout


def reports(rng: random.Random) -> Jobs:
    """Reports rendered in a browser: a month's figures are released, and for 39 minutes all ask."""
    for at in poisson(rng, lambda t: 0.2 if t < 1080 else 3.2 if t < 3420 else 0.9, 3.2):
        yield at, gamma(rng, 4.5, 0.5)


def enrolment(rng: random.Random) -> Jobs:
    """Mails of confirmation: two enrolments open to people who have waited for them."""
    for opens, people, patience in ((1380, 1500, 70), (3200, 700, 120)):
        for _ in range(round(people * rng.uniform(0.8, 1.2))):
            yield opens + rng.expovariate(1 / patience), lognormal(rng, 0.7, 0.6)
    for at in poisson(rng, lambda _: 0.15, 0.15):
        yield at, lognormal(rng, 0.7, 0.6)


def webhooks(rng: random.Random) -> Jobs:
    """Webhooks, tenfold four times for 40 to 180 s; one receiver in seven is slow or times out."""
    sales = [
        (begin, begin + rng.uniform(40, 180))
        for begin in (earliest + rng.uniform(0, 500) for earliest in (600, 1700, 2800, 3900))
    ]
    for at in poisson(rng, lambda t: 10.0 if any(b <= t < e for b, e in sales) else 1.0, 10.0):
        yield at, gamma(rng, 0.3, 0.5) if rng.random() < 6 / 7 else min(rng.uniform(2, 14), 10.0)


PEAKS = ((1500, 420), (3500, 560))
"""When noon and evening are, and how long, seconds."""


def school_day(rng: random.Random) -> Jobs:
    """Homework checked: a low hump at noon, a high one in the evening, little at night."""

    def rate(t: float) -> float:
        noon, evening = (math.exp(-(((t - top) / width) ** 2)) for top, width in PEAKS)
        return 0.04 + 2.0 * noon + 4.0 * evening

    for at in poisson(rng, rate, 6.1):
        yield at, lognormal(rng, 3.5, 1.0)


def scans(rng: random.Random) -> Jobs:
    """Scanned documents: people upload one each 45 s, its pages come as fast as the line takes them."""
    for begins in poisson(rng, lambda _: 1 / 45, 1 / 45):
        at, line = begins, rng.uniform(0.1, 0.5)
        for _ in range(min(1 + int(lognormal(rng, 60, 2.0)), 400)):
            if at < LAST_ARRIVAL:
                yield at, lognormal(rng, 2.5, 0.4)
            at += rng.expovariate(1 / line)


def imports(rng: random.Random) -> Jobs:
    """Three timetables: 150 accounts each ten minutes, 25 feeds each four, one nightly import of 500."""
    timetables = (
        *((90 + 600 * number, 150, 2.2) for number in range(8)),
        *((30 + 240 * number, 25, 1.5) for number in range(20)),
        (2750, 500, 3.0),
    )
    for due, count, mean in timetables:
        at = due + rng.uniform(0, 4)
        for _ in range(count):
            at += rng.expovariate(1 / 0.015)
            yield at, lognormal(rng, mean, 1.2)


def queries(rng: random.Random) -> Jobs:
    """Analysts' queries: a Pareto tail of index 1.6, cut after four minutes."""
    for at in poisson(rng, lambda _: 1.6, 1.6):
        yield at, min(1.2 * rng.paretovariate(1.6), 240)


def rollout(rng: random.Random) -> Jobs:
    """A feature switched on for more and more people: doubles in 11 minutes to five a second, stays."""
    for at in poisson(rng, lambda t: min(0.1 * 2 ** (t / 660), 5.0), 5.0):
        yield at, rng.uniform(0.8, 3.2)


def certificates(rng: random.Random) -> Jobs:
    """Certificates asked for in an office: every six minutes one to four, some seconds apart."""
    for begins in poisson(rng, lambda _: 1 / 360, 1 / 360):
        at = begins
        for _ in range(rng.randint(1, 4)):
            if at < LAST_ARRIVAL:
                yield at, lognormal(rng, 14, 0.3)
            at += rng.uniform(3, 20)


def predictions(rng: random.Random) -> Jobs:
    """A model's predictions, one process a pod: rises and falls by 60 % in 37 minutes."""
    for at in poisson(rng, lambda t: 1.2 * (1 + 0.6 * math.sin(math.tau * t / 2220)), 2.0):
        yield at, gamma(rng, 4.0, 0.25)


OUTAGES = (
    Blackout(420, 425, reads_zero=False),
    Blackout(1010, 1030, reads_zero=True),
    Blackout(1500, 1980, reads_zero=False),
    Blackout(2600, 2603, reads_zero=True),
    Blackout(3100, 3145, reads_zero=True),
    Blackout(3145, 3210, reads_zero=False),
    Blackout(4300, 4420, reads_zero=False),
)
"""A time-out, a failover to an empty replica, a partition of eight minutes, a short false reading, a
Redis that loads its dump and is out of reach after it, and another partition of two minutes."""


def thumbnails(rng: random.Random) -> Jobs:
    """Pictures made smaller, on nodes that the cloud takes back: one and a half a second."""
    for at in poisson(rng, lambda _: 1.5, 1.5):
        yield at, gamma(rng, 6.0, 0.7)


NODES_TAKEN = (840.0, 2210.0, 2330.0, 3760.0)
EVICTIONS = (333.0, 610.0, 1190.0, 1495.0, 1530.0, 2790.0, 3105.0, 3480.0, 4215.0, 4590.0)
PODS_LOST = tuple(sorted((*EVICTIONS, *(at + pod for at in NODES_TAKEN for pod in range(3)))))
"""One pod at a time, and nodes with three, which go within three seconds."""


def transcoding(rng: random.Random) -> Jobs:
    """Videos: three in five are clips, the others take minutes; a pause in the middle of the day."""
    for at in poisson(rng, lambda t: 1 / 40 if 2000 <= t < 3200 else 1 / 10, 1 / 10):
        yield at, min(lognormal(rng, 40 if rng.random() < 0.6 else 260, 0.4), 450)


def stages(rng: random.Random) -> Jobs:
    """A pipeline's stage: 210 s of every 510 it is handed rows, give or take ten, then nothing."""
    hands = [
        (60 + 510 * n + rng.uniform(0, 10), 270 + 510 * n + rng.uniform(0, 10)) for n in range(9)
    ]
    for at in poisson(rng, lambda t: 4.0 if any(b <= t < e for b, e in hands) else 0.0, 4.0):
        yield at, rng.uniform(1.0, 4.0)


def functions(rng: random.Random) -> Jobs:
    """50 functions as in Azure's mixture: most called seldom, half of them shorter than a second.

    The shares of HTTP (with orchestration), queues (with events and the rest) and timers, and the
    half: Shahrad et al., Serverless in the Wild, ATC '20. Timers of a period fire together, as
    timetables do.
    """
    for _ in range(50):
        mean = min(rng.lognormvariate(math.log(0.8), 1.4), 30.0)
        (trigger,) = rng.choices((_requests, _messages, _timer), (62, 22, 16))
        for at in trigger(rng):
            yield at, min(lognormal(rng, mean, 1.0), 120)


def _requests(rng: random.Random) -> Iterator[float]:
    rate = math.exp(rng.uniform(math.log(1 / 3600), math.log(1 / 4)))
    return poisson(rng, lambda _: rate, rate)


def _messages(rng: random.Random) -> Iterator[float]:
    rate = math.exp(rng.uniform(math.log(1 / 3600), math.log(1 / 30)))
    for at in poisson(rng, lambda _: rate, rate):
        yield from [at] * rng.randint(1, 20)


def _timer(rng: random.Random) -> Iterator[float]:
    period = rng.choice((60, 300, 600, 900, 1800))
    yield from (at + rng.uniform(0, 1) for at in range(period, int(LAST_ARRIVAL), period))


CASES = (
    Case("step: reports", wait=20, slots=1, make=reports),
    Case("flash crowd: enrolment", wait=30, slots=3, make=enrolment),
    Case("spike x10: webhooks", wait=10, slots=4, make=webhooks),
    Case("diurnal: a school day", wait=40, slots=3, make=school_day),
    Case("bursty: scans", wait=30, slots=2, make=scans),
    Case("cron-like: imports", wait=60, slots=4, make=imports),
    Case("heavy tails: queries", wait=25, slots=3, make=queries),
    Case("slow ramp: a rollout", wait=15, slots=2, make=rollout),
    Case("sparse: certificates", wait=30, slots=2, make=certificates),
    Case(
        "missing and false readings: predictions",
        wait=35,
        slots=1,
        make=predictions,
        blackouts=OUTAGES,
    ),
    Case("pods killed: thumbnails", wait=20, slots=3, make=thumbnails, kills=PODS_LOST),
    Case("long jobs: transcoding", wait=50, slots=2, make=transcoding),
    Case("square wave: stages", wait=15, slots=2, make=stages),
    Case("functions: fifty", wait=12, slots=3, make=functions),
)
"""Of each kind one, named after it; none is called as a trace of scaling_traces.py."""
