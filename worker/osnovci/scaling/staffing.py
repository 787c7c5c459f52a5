"""Workers for a rate of arrivals: offered load, and the chance that a job waits. Pure."""

import math

from osnovci.scaling.plan import Plan

CERTAIN = 8.0
"""Standard deviations of surplus slots beyond which no job waits."""

NO_LOAD = 0.05
"""Slots below which an offered load asks for no worker of its own."""


def offered_load(active: int, rate: float, service: float, startup: float) -> float:
    """Give the slots that will be busy when a worker that is asked for now is ready.

    Of the jobs that run now e^(-S/m) still run then, were service times exponential; the others
    make way for the steady load, rate x service (transient of the M/M/infinity queue).
    """
    remains = math.exp(-startup / service)
    return active * remains + rate * service * (1 - remains)


def delay_probability(slots: int, load: float) -> float:
    """Give the share of jobs that wait at all: the approximation of Halfin and Whitt (1981).

    P(wait > 0) = 1 / (1 + b * cdf(b) / pdf(b)), b = (slots - load) / sqrt(load), for M/M/slots.
    """
    if slots <= load:
        return 1.0
    surplus = (slots - load) / math.sqrt(load)
    if surplus > CERTAIN:
        return 0.0
    density = math.exp(-surplus * surplus / 2) / math.sqrt(2 * math.pi)
    below = (1 + math.erf(surplus / math.sqrt(2))) / 2
    return 1 / (1 + surplus * below / density)


def longer_wait_probability(slots: int, load: float, wait: float, service: float) -> float:
    """Give the share of jobs that wait longer than `wait`.

    The wait of those that wait is exponential with mean service / surplus slots, as in M/M/slots.
    """
    decay = (slots - load) * wait / service
    return delay_probability(slots, load) * math.exp(-max(decay, 0.0))


def carrying(load: float, slots: int) -> int:
    """Give the workers with whose slots no queue grows."""
    return math.ceil(load / slots - 1e-9)


def for_rate(load: float, plan: Plan, *, headroom: bool) -> int:
    """Give the least workers whose slots carry the load, and are late seldom enough.

    Where a cold start fits the plan, a queue that forms is met in time, and carrying is enough; so
    it is without `headroom`, while nobody knows that more will come. Where it fits easily,
    `Tuning.lack` of a worker may be missing.
    """
    if load <= NO_LOAD:
        return 0
    slots, tuning = plan.target.slots, plan.tuning
    if plan.roomy:
        return max(math.ceil(load / slots - tuning.lack - 1e-9), 1)
    workers = carrying(load, slots)
    if plan.cold_fits or not headroom:
        return workers
    while (
        workers <= plan.target.maximum
        and longer_wait_probability(workers * slots, load, plan.wait, plan.service)
        > tuning.late_risk_cold
    ):
        workers += 1
    return workers
