"""Workers for the jobs that wait, each with the moment by which it should start. Pure."""

import math
from collections.abc import Iterable

from osnovci.scaling.model import Observation
from osnovci.scaling.plan import Plan

REMEMBERED = 64
"""Groups of waiting jobs that are told apart; older ones are merged."""

Groups = tuple[tuple[float, int], ...]
"""When jobs arrived and how many, oldest first."""


def remember(groups: Groups, arrived: int, waiting: int, now: float) -> Groups:
    """Keep the arrivals that may still wait: first in, first out, so the last `waiting` ones."""
    if not waiting:
        return ()
    kept = (*groups, (now, arrived)) if arrived else groups
    surplus = sum(number for _, number in kept) - waiting
    while surplus > 0:
        at, number = kept[0]
        kept = kept[1:] if number <= surplus else ((at, number - surplus), *kept[1:])
        surplus -= number
    if len(kept) > REMEMBERED:
        (at, first), (_, second), *others = kept
        kept = ((at, first + second), *others)
    return kept


def deadlines(seen: Observation, groups: Groups, now: float, plan: Plan) -> list[tuple[float, int]]:
    """Give how soon the waiting jobs should start and how many each time, the most urgent first."""
    due: list[tuple[float, int]] = []
    known = sum(number for _, number in groups)
    if seen.waiting > known:
        due.append((plan.wait - seen.oldest_wait, seen.waiting - known))
    ages = [min(now - at, seen.oldest_wait) for at, _ in groups]
    if ages and seen.waiting <= known:
        ages[0] = seen.oldest_wait
    due += [(plan.wait - age, number) for age, (_, number) in zip(ages, groups, strict=True)]
    if seen.due:
        due.append((seen.due_within + plan.wait, seen.due))
    return due


def for_backlog(seen: Observation, groups: Groups, now: float, plan: Plan) -> int:
    """Give the workers with which each waiting job starts when it should."""
    if not seen.waiting and not seen.due:
        return 0
    there = seen.ready + len(seen.starting)
    missing = _missing(seen, deadlines(seen, groups, now, plan), plan)
    if missing > 0:
        return there + math.ceil(missing - 1e-9)
    jobs = seen.waiting + seen.due
    keeping = 1 + math.floor(jobs * plan.service / (plan.target.slots * plan.wait))
    return max(min(there, keeping), 1)


def _missing(seen: Observation, due: Iterable[tuple[float, int]], plan: Plan) -> float:
    """Give the workers that are missing for the most demanding of all prefixes of the queue."""
    slots, service = plan.target.slots, plan.service_lately
    starting = [max(plan.startup - age, 1.0) for age in seen.starting]
    idle = max(seen.ready * slots - (seen.active - seen.draining_active), 0)
    jobs, worst = 0.0, 0.0
    for soon, number in _with_arrivals(due, seen, plan):
        by = max(soon, plan.soonest)
        jobs += number
        capacity = idle + _surely(seen.ready * slots * by / service, plan)
        capacity += sum(slots * (1 + (by - at) / service) for at in starting if at <= by)
        each = slots * (1 + (by - plan.startup) / service)
        worst = max(worst, (jobs - capacity) / each)
    return worst


def _surely(ends: float, plan: Plan) -> float:
    """Give how many jobs are reckoned to end in a time in which `ends` do on average.

    Were service times exponential the number would be Poisson's. Without room for what chance does, one
    standard deviation less is reckoned with: a few slots with long jobs may well free none in time.
    """
    return ends if plan.roomy else max(ends - math.sqrt(ends), 0.0)


def _with_arrivals(
    due: Iterable[tuple[float, int]], seen: Observation, plan: Plan
) -> Iterable[tuple[float, float]]:
    """Add the jobs that will have come until a worker can be there, where the ready are too few."""
    yield from due
    overloaded = plan.rate * plan.service > seen.ready * plan.target.slots
    if not plan.cold_fits and overloaded:
        yield plan.soonest, plan.rate * max(plan.soonest - plan.wait, 0.0)
