"""Floors: hours at which a pool has more workers at least than minReplicas says. Pure.

A floor holds from a moment of its `start` to the next one of its `end`, and its workers are asked
for a start-up ahead. Its moments are those of schedules, also where clocks change.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Annotated, Any

from pydantic import Field

from osnovci.schedules.cron import Cron, CronError
from osnovci_operator.queuepool.clock_fields import CronText, LabelName, TimeZone
from osnovci_operator.resource import Model, rule, rules

SOONEST = timedelta(seconds=1)
DAY_SECONDS = 86_400


class Floor(Model):
    """A higher minReplicas at certain hours."""

    model_config = {
        "json_schema_extra": rules(
            rule(
                "self.start != self.end",
                "start and end are the same moments: let the floor end at another time",
                ".end",
            )
        )
    }

    name: LabelName
    """The floor's name, as messages tell it."""
    start: CronText
    """When it begins to hold, as in cron; its workers are asked for as long before as one takes to start."""
    end: CronText
    """When it ceases to hold, as in cron."""
    time_zone: TimeZone = "UTC"
    """The time zone of `start` and `end`. A time that its clocks skip comes after the skip; one that they repeat, once."""
    min_replicas: Annotated[int, Field(ge=1, le=1000)]
    """The fewest worker pods while it holds; of several floors and scaling.minReplicas the highest counts."""


_LIST: Any = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}
Floors = Annotated[list[Floor], Field(max_length=8, json_schema_extra=_LIST)]

FLOOR_RULE = rule(
    "!has(self.floors) || self.floors.all(f, f.minReplicas <= self.maxReplicas)",
    "a floor's minReplicas is above maxReplicas: lower it, or raise maxReplicas",
    ".floors",
)


@dataclass(frozen=True)
class Lowest:
    """The fewest workers that a pool may have at a moment."""

    replicas: int
    message: str
    """Which rule says so."""
    is_floor: bool = False
    recheck: timedelta | None = None
    """When that may change."""
    left_out: tuple[str, ...] = ()
    """Floors that cannot be read: a sentence for each."""


@dataclass(frozen=True)
class _Hours:
    """The moments of one floor."""

    start: Cron
    end: Cron

    def hold(self, moment: int) -> bool:
        """Whether the last thing that happened was a start; it wins over an end of that moment.

        What the clocks skip comes due together when they have skipped it: then the later by the
        clock is the last.
        """
        began, ended = self.start.latest(0, moment), self.end.latest(0, moment)
        if began is not None and began == ended:
            began, ended = (_by_the_clock(each, began) for each in (self.start, self.end))
        return began is not None and (ended is None or began >= ended)


def _by_the_clock(cron: Cron, moment: int) -> int | None:
    """Give the last time that an expression names, as a clock without changes would count it."""
    shown = datetime.fromtimestamp(moment, cron.zone).replace(tzinfo=UTC)
    return replace(cron, zone=UTC).latest(0, int(shown.timestamp()))


@lru_cache(maxsize=4096)
def _hours(start: str, end: str, time_zone: str) -> _Hours:
    return _Hours(Cron.parse(start, time_zone), Cron.parse(end, time_zone))


def lowest(base: int, floors: Iterable[Floor], now: datetime, ahead: timedelta) -> Lowest:
    """Give the fewest workers: `base` is scaling.minReplicas, `ahead` how long a worker takes to start."""
    found = Lowest(base, f"minReplicas is {base}")
    changes, left_out = list[timedelta](), list[str]()
    for floor in floors:
        try:
            hours = _hours(floor.start, floor.end, floor.time_zone)
        except CronError as error:
            left_out.append(f"floor {floor.name} is left out: {error}")
            continue
        message, change = _look(floor, hours, now, ahead)
        if message and floor.min_replicas > found.replicas:
            found = Lowest(floor.min_replicas, message, is_floor=True)
        if change is not None:
            changes.append(change)
    recheck = max(min(changes), SOONEST) if changes else None
    return Lowest(found.replicas, found.message, found.is_floor, recheck, tuple(left_out))


def _look(
    floor: Floor, hours: _Hours, now: datetime, ahead: timedelta
) -> tuple[str, timedelta | None]:
    """Say that a floor holds or is about to, or nothing; and give the time until that changes."""
    moment = int(now.timestamp())
    begins = hours.start.after(moment)
    if hours.hold(moment):
        ends = hours.end.after(moment)
        return _said(floor, hours, now, None, ends), _until(ends, now)
    left = _until(begins, now)
    if left is None or left > ahead:
        return "", left and left - ahead
    assert begins is not None
    if not hours.hold(begins):  # The clocks skip all of it.
        return "", left
    return _said(floor, hours, now, begins, hours.end.after(begins)), left


def _until(moment: int | None, now: datetime) -> timedelta | None:
    return None if moment is None else timedelta(seconds=moment - now.timestamp())


def _said(floor: Floor, hours: _Hours, now: datetime, begins: int | None, ends: int | None) -> str:
    def clock(moment: int) -> str:
        far = moment - now.timestamp() >= DAY_SECONDS
        return f"{datetime.fromtimestamp(moment, hours.start.zone):{'%Y-%m-%d ' * far}%H:%M}"

    begin = "" if begins is None else f" from {clock(begins)}"
    end = "" if ends is None else f" until {clock(ends)}"
    return (
        f"minReplicas is {floor.min_replicas}{begin}{end} {floor.time_zone} by floor {floor.name}"
    )
