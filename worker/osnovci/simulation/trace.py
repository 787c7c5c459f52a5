"""What a simulation replays: jobs, and what goes wrong meanwhile."""

import csv
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from osnovci.errors import OsnovciError

COLUMNS = ("arrival_seconds", "service_seconds")
LOOK_ON = 600.0
"""A replay goes on so long after the last job could have ended, so that workers held for nothing
show. It is as long for every policy, whenever its jobs end."""

DAY = 86_400.0
LONGEST = 14 * DAY
"""Seconds from the first arrival to the last end, at most: each of them is simulated."""


class TraceError(OsnovciError):
    """A trace cannot be replayed; the message names the file, the line, and what would be right."""


@dataclass(frozen=True)
class Blackout:
    """A time in which the queues cannot be read, or read as empty though they are not."""

    begin: float
    end: float
    reads_zero: bool


@dataclass(frozen=True)
class Trace:
    """Jobs in the order of their arrival, and faults."""

    name: str
    jobs: tuple[tuple[float, float], ...]
    """When each arrives and how long it runs, seconds."""
    end: float
    """How long the replay takes."""
    blackouts: tuple[Blackout, ...] = ()
    kills: tuple[float, ...] = ()
    """When a pod dies by itself."""

    @classmethod
    def of(cls, name: str, jobs: Iterable[tuple[float, float]]) -> "Trace":
        """Make a trace of jobs in any order, which begins with the first that is before 0."""
        ordered = sorted(jobs)
        first = min(ordered[0][0], 0.0)
        moved = tuple((at - first, service) for at, service in ordered)
        return cls(name, moved, max(at + service for at, service in moved) + LOOK_ON)


def read(path: Path) -> Trace:
    """Read a CSV file with the columns arrival_seconds and service_seconds.

    The replay begins with the first arrival, so a clock's seconds will do. Raises TraceError, in one
    sentence, where it is none.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.DictReader(file, skipinitialspace=True)
            missing = [name for name in COLUMNS if name not in (rows.fieldnames or ())]
            if missing:
                raise TraceError(
                    f"{path}: the first line must name the columns {','.join(COLUMNS)}; "
                    f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing"
                )
            jobs = [_job(path, rows.line_num, row) for row in rows]
    except OSError as error:
        raise TraceError(f"{path} cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise TraceError(f"{path} is no CSV file: {error}") from error
    if not jobs:
        raise TraceError(f"{path} has no jobs: a line such as 0.5,2.0 is one")
    first = min(at for at, _ in jobs)
    span = max(at + service for at, service in jobs) - first
    if span > LONGEST:
        raise TraceError(
            f"{path}: from the first arrival to the last job's end it is {span / DAY:.0f} days, "
            f"it may be {LONGEST / DAY:.0f}: cut it"
        )
    return Trace.of(path.stem, [(at - first, service) for at, service in jobs])


def _job(path: Path, line: int, row: dict[str, str | None]) -> tuple[float, float]:
    arrival, service = (_number(path, line, name, row[name]) for name in COLUMNS)
    if service <= 0:
        raise TraceError(
            f"{path}, line {line}: service_seconds is {service:g}, it must be above zero"
        )
    return arrival, service


def _number(path: Path, line: int, name: str, text: str | None) -> float:
    try:
        number = float(text or "")
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise TraceError(f"{path}, line {line}: {name} is {text!r}, it must be a number of seconds")
    return number
