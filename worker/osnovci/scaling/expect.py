"""How long a job that arrives now would wait before it starts. Pure."""

from osnovci.scaling.model import Needs, Observation

LONGEST = 99_999 * 3600.0
"""Seconds beyond which a wait is not told: the longest time that a resource can name."""


def expected_wait(seen: Observation, needs: Needs, workers: int, slots: int) -> float | None:
    """Give the seconds until there is a slot for one job more than wait; None if none ever comes.

    Slots come free as jobs end, each worker's at the rate slots / service time, and with workers
    that are not ready yet: those that start, and up to `workers` that were asked for. What runs is
    taken to end at that rate whenever it began, as for exponential service times.
    """
    ahead = seen.waiting + 1 - max(seen.ready * slots - seen.active + seen.draining_active, 0)
    if ahead <= 0:
        return 0.0
    coming = [max(needs.startup - age, 1.0) for age in seen.starting]
    coming += [needs.startup] * (workers - seen.ready - len(coming))
    now, working = 0.0, seen.ready * slots
    for at in sorted(coming):
        ends = (at - now) * working / needs.service
        if ends >= ahead:
            break
        ahead -= ends + slots
        if ahead <= 0:
            return at
        now, working = at, working + slots
    return min(now + ahead * needs.service / working, LONGEST) if working else None
