"""The second set of unseen traces of `make bench-scaling`: a trace of each kind, which nobody tunes on.

Written from what the systems in question do, by one who had not read the policy and replayed none of
them: no figure here was chosen after a result was seen, and each targetWait is what the application
would ask for, with the reason beside it. The moments of faults were drawn once. A constant that is
changed because of what comes out here makes this part worthless; write new traces then.
"""

import math
import random

from benchmarks.scaling_traces import LAST_ARRIVAL, Case, Jobs, gamma, lognormal, poisson
from osnovci.simulation.trace import Blackout


def translations(rng: random.Random) -> Jobs:
    """Texts translated by another's service: a big customer moves over at minute 27, and stays.

    25 s: an editor is promised the text within half a minute, and a translation takes six seconds.
    """
    for at in poisson(rng, lambda t: 0.5 if t < 1620 else 2.4, 2.4):
        yield at, gamma(rng, 6.0, 0.3)


def quotes(rng: random.Random) -> Jobs:
    """An insurer's quotes: three advertisements on television, each answered within a minute.

    20 s: the visitor looks at a turning wheel, and most have left after that.
    """
    for earliest in (620, 2050, 3500):
        shown = earliest + rng.uniform(0, 400)
        for _ in range(rng.randint(700, 1500)):
            yield shown + rng.gammavariate(2, 13), lognormal(rng, 2.2, 0.5)
    for at in poisson(rng, lambda _: 0.12, 0.12):
        yield at, lognormal(rng, 2.2, 0.5)


def moderation(rng: random.Random) -> Jobs:
    """Comments on a match, judged by a model before they show: tenfold for a minute after a goal.

    15 s: people answer each other; a comment that shows later is about what has passed.
    """
    goals = [
        (goal, goal + rng.uniform(50, 100))
        for goal in sorted(rng.uniform(300, LAST_ARRIVAL - 150) for _ in range(5))
    ]
    for at in poisson(rng, lambda t: 7.0 if any(b <= t < e for b, e in goals) else 0.7, 7.0):
        yield at, gamma(rng, 0.9, 0.3)


def receipts(rng: random.Random) -> Jobs:
    """Receipts read for a company's accounts: a working day from half past seven, a dip at lunch.

    60 s: nobody looks on; a notification a minute later is soon enough to mend what was misread.
    """

    def rate(t: float) -> float:
        hour = 3 + t / 225
        at_work = 1 / (1 + math.exp((8 - hour) / 0.3)) - 1 / (1 + math.exp((17.5 - hour) / 0.35))
        lunch = math.exp(-(((hour - 12.5) / 0.6) ** 2))
        evening = math.exp(-((hour - 20.5) ** 2))
        return 0.03 + 2.2 * at_work * (1 - 0.45 * lunch) + 0.4 * evening

    for at in poisson(rng, rate, 2.4):
        yield at, lognormal(rng, 7.0, 0.5)


def scripts(rng: random.Random) -> Jobs:
    """Eight customers' scripts on an API, on and off for times with Pareto tails; seven calls in 10 s.

    10 s: the client library gives up on an answer after 15 s, and a call takes four.
    """
    for _ in range(8):
        at = -rng.uniform(0, 300)
        while at < LAST_ARRIVAL:
            at += 80 * rng.paretovariate(1.5)
            until = min(at + 20 * rng.paretovariate(1.4), LAST_ARRIVAL)
            while (at := at + rng.expovariate(0.7)) < until:
                if at >= 0:
                    yield at, gamma(rng, 4.0, 0.6)


def checks(rng: random.Random) -> Jobs:
    """Sites visited by a browser: 45 each minute, 160 longer ones each quarter, 200 reports an hour.

    45 s: the next visit of a site is due after 60 s, and should find this one ended.
    """
    timetables = (
        *((15 + 60 * number, 45, 3.0) for number in range(79)),
        *((240 + 900 * number, 160, 9.0) for number in range(6)),
        *((1140 + 3600 * number, 200, 6.0) for number in range(2)),
    )
    for due, count, mean in timetables:
        for _ in range(count):
            yield due + rng.uniform(0, 3), lognormal(rng, mean, 0.5)


def attachments(rng: random.Random) -> Jobs:
    """Attachments searched for viruses: most are small, one in 14 is an archive, and some of them huge.

    20 s: a mail cannot be sent before, and its author writes on for about as long.
    """
    for at in poisson(rng, lambda _: 1.9, 1.9):
        archive = rng.random() < 0.07
        yield at, min(5 * rng.paretovariate(1.1), 200) if archive else lognormal(rng, 1.0, 1.5)


DEADLINE = 4200


def returns(rng: random.Random) -> Jobs:
    """Tax returns checked: ever more until the deadline at minute 70, and few after it.

    30 s: the portal promises the receipt within half a minute, which counts at the last minute.
    """

    def rate(t: float) -> float:
        return 4.5 / (1 + (DEADLINE - t) / 500) if t < DEADLINE else 0.25

    for at in poisson(rng, rate, 4.5):
        yield at, gamma(rng, 5.0, 0.35)


def drawings(rng: random.Random) -> Jobs:
    """An architect's drawings made into previews: one in two and a half minutes, seldom a whole set.

    40 s: so long takes the upload of a drawing, and people bear the same once more.
    """
    for begins in poisson(rng, lambda _: 1 / 150, 1 / 150):
        at = begins
        for _ in range(rng.randint(8, 20) if rng.random() < 0.1 else 1):
            if at < LAST_ARRIVAL:
                yield at, lognormal(rng, 9.0, 1.0)
            at += rng.uniform(1, 6)


MISREAD = (
    Blackout(785, 790, reads_zero=False),
    Blackout(1413, 1420, reads_zero=False),
    Blackout(1829, 1831, reads_zero=False),
    Blackout(1918, 2310, reads_zero=False),
    Blackout(2833, 2861, reads_zero=False),
    Blackout(2861, 2877, reads_zero=True),
    Blackout(3044, 3051, reads_zero=False),
    Blackout(3068, 3078, reads_zero=False),
    Blackout(3078, 3084, reads_zero=True),
    Blackout(3375, 3421, reads_zero=True),
    Blackout(4294, 4300, reads_zero=False),
)
"""Five time-outs, a partition, two failovers that begin empty, and once another database read."""


def labels(rng: random.Random) -> Jobs:
    """Labels of parcels, asked of the carriers: two shifts, the second busier, and a break between.

    10 s: the packer stands and waits for it.
    """
    for at in poisson(rng, lambda t: 1.8 if t < 2100 else 0.2 if t < 2700 else 2.6, 2.6):
        yield at, 0.8 + rng.expovariate(1 / 3.2)


NODES_LOST = (2986.0, 3087.0)
UPGRADE = 3052.0
ALONE = (
    *(30.0, 132.0, 431.0, 580.0, 1058.0, 1180.0, 1231.0, 1342.0, 1540.0, 1593.0),
    *(2004.0, 2095.0, 2114.0, 3142.0, 3287.0, 3374.0, 4737.0),
)
PODS_GONE = tuple(
    sorted(
        (
            *ALONE,
            *(at + 0.5 * pod for at in NODES_LOST for pod in range(4)),
            *(UPGRADE + 60 * pod for pod in range(8)),
        )
    )
)
"""Pods out of memory, two nodes with four each, and an upgrade of nodes: a pod each minute."""


def embeddings(rng: random.Random) -> Jobs:
    """Documents made findable by a model, one process a pod: 1.8 a second, a quarter up and down.

    60 s: the search is said to be fresh to the minute.
    """
    for at in poisson(rng, lambda t: 1.8 * (1 + 0.25 * math.sin(math.tau * t / 3300)), 2.25):
        yield at, lognormal(rng, 5.0, 0.5)


def exports(rng: random.Random) -> Jobs:
    """Customers' data written out, three minutes each: one in 14 s, and twice 30 ordered for the month.

    30 s: who is shown no progress by then asks for it again.
    """
    for at in poisson(rng, lambda _: 1 / 14, 1 / 14):
        yield at, min(lognormal(rng, 180, 0.8), 560)
    for ordered in (1300, 3400):
        for _ in range(30):
            yield ordered + rng.uniform(0, 20), min(lognormal(rng, 180, 0.8), 560)


def measurements(rng: random.Random) -> Jobs:
    """A test bench: about eleven minutes of series to evaluate, then four for fitting the next piece.

    30 s: a bad run is stopped by its first curves, and half a minute of it may be lost.
    """
    runs = [(rng.uniform(60, 200), 0.0)]
    while runs[-1][0] < LAST_ARRIVAL:
        begins = runs[-1][0]
        ends = begins + rng.uniform(620, 700)
        runs[-1] = (begins, ends)
        runs.append((ends + rng.uniform(200, 320), 0.0))
    for at in poisson(rng, lambda t: 2.2 if any(b <= t < e for b, e in runs) else 0.0, 2.2):
        yield at, gamma(rng, 5.0, 0.2)


ORDER = ((1.5, 1.0), (0.4, 1.0), (3.5, 0.7), (0.8, 0.9), (5.0, 0.3))
"""What an order calls, one after the other: the mean of its length, and how likely it is."""


def shop(rng: random.Random) -> Jobs:
    """A shop's functions: five that an order calls in turn, 24 by Zipf's law, three by a timer.

    15 s: for so long a customer looks at "your order is being confirmed".
    """
    for begins in poisson(rng, lambda t: 0.3 * (1 + 0.5 * math.sin(math.tau * t / 3600)), 0.45):
        at = begins
        for mean, likely in ORDER:
            at += rng.expovariate(1 / 1.5)
            if rng.random() < likely and at < LAST_ARRIVAL:
                yield at, lognormal(rng, mean, 0.8)
    for rank in range(1, 25):
        rate = 0.2 / rank**1.3
        mean = min(rng.lognormvariate(math.log(0.6), 1.1), 20.0)
        for at in poisson(rng, lambda _, rate=rate: rate, rate):
            yield at, min(lognormal(rng, mean, 1.0), 120)
    for period, count in ((60, 6), (300, 12), (900, 30)):
        for due in range(period, int(LAST_ARRIVAL), period):
            for _ in range(count):
                yield due + rng.uniform(0, 1), lognormal(rng, 1.2, 0.8)


CASES = (
    Case("step: translations", wait=25, slots=4, make=translations),
    Case("flash crowd: quotes", wait=20, slots=2, make=quotes),
    Case("spike x10: moderation", wait=15, slots=1, make=moderation),
    Case("diurnal: receipts", wait=60, slots=4, make=receipts),
    Case("bursty: scripts", wait=10, slots=3, make=scripts),
    Case("cron-like: checks", wait=45, slots=1, make=checks),
    Case("heavy tails: attachments", wait=20, slots=1, make=attachments),
    Case("slow ramp: returns", wait=30, slots=3, make=returns),
    Case("sparse: drawings", wait=40, slots=3, make=drawings),
    Case(
        "missing and false readings: labels",
        wait=10,
        slots=4,
        make=labels,
        blackouts=MISREAD,
    ),
    Case("pods killed: embeddings", wait=60, slots=1, make=embeddings, kills=PODS_GONE),
    Case("long jobs: exports", wait=30, slots=3, make=exports),
    Case("square wave: measurements", wait=30, slots=3, make=measurements),
    Case("functions: a shop", wait=15, slots=1, make=shop),
)
"""Of each kind one, named after it; none is called as one of those tuned on."""
