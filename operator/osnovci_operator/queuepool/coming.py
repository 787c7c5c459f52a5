"""Jobs that a pool's schedules bring soon, so that a worker is ready when they come. Pure."""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from osnovci_operator.queuepool.schedule import Schedule
from osnovci_operator.queuepool.seen import ScheduleReading


@dataclass(frozen=True)
class Coming:
    """What is known of it at a moment."""

    jobs: Mapping[str, int]
    """How many come within a worker's start, by queue."""
    recheck: timedelta | None
    """When another one will."""


def coming(
    schedules: Iterable[Schedule],
    readings: Iterable[ScheduleReading],
    now: datetime,
    ahead: timedelta,
) -> Coming:
    """Count the schedules that are due within `ahead`, and tell when to look again.

    One whose last time was left out, since its last job had not ended, is not counted: a long job
    must not bring a second worker with each time that it outlasts.
    """
    queues = {each.name: each.queue for each in schedules}
    jobs, later = Counter[str](), list[timedelta]()
    for each in readings:
        if each.name not in queues or not each.upcoming or each.left_out:
            continue
        left = each.upcoming - now
        if left > ahead:
            later.append(left - ahead)
        elif left > timedelta():  # After that it was fired, and waits.
            jobs[queues[each.name]] += 1
    return Coming(jobs, min(later, default=None))
