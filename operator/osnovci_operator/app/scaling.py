"""How many pods an app's load needs, from its heartbeats. Pure: no I/O, time is an argument.

Each measure says how many pods would bring it to its target, and the greatest count wins: requests
in flight over the target of a pod, and CPU and memory as the HPA of Kubernetes reckons them, pods
times use over target. Up at once, from the mean of a few seconds; down when no more was needed for
five minutes, as HPA by default.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import ceil

from osnovci.words import counted
from osnovci_operator.app.reports import Reports
from osnovci_operator.app.spec import Scaling

MEAN_OF = timedelta(seconds=5)
STABLE = timedelta(minutes=5)
TOLERANCE = 0.1
"""CPU and memory so near to their target, as a share of it, change nothing."""


STEP = 5
"""Percent: uses are told in such steps."""


class Measure(StrEnum):
    """What asks for the pods."""

    IN_FLIGHT = "RequestsInFlight"
    CPU = "CpuUse"
    MEMORY = "MemoryUse"


@dataclass(frozen=True)
class Load:
    """What the ready pods report, at one moment."""

    at: datetime
    in_flight: int
    """Of all pods together."""
    cpu: float | None
    """Percent of what a pod may use, in the mean of those that report it."""
    memory: float | None
    reporting: int
    silent: int
    """Ready pods that do not report."""

    @classmethod
    def of(cls, at: datetime, reports: Reports, ready: frozenset[str]) -> "Load":
        """Sum up the heartbeats of the ready pods."""
        found = reports.of(ready)
        pods = list(found.values())
        return cls(
            at=at,
            in_flight=sum(beat.in_flight for beats in pods for beat in beats),
            cpu=_mean(_most(beat.cpu_percent for beat in beats) for beats in pods),
            memory=_mean(_most(beat.memory_percent for beat in beats) for beats in pods),
            reporting=len(found),
            silent=len(ready) - len(found),
        )


@dataclass(frozen=True)
class Need:
    """How many pods something asks for, and the sentence."""

    pods: int
    measure: Measure
    message: str


@dataclass(frozen=True)
class ScalingState:
    """What is remembered from one decision to the next; a lost one costs a hold and no pod."""

    loads: tuple[Load, ...] = ()
    needed: tuple[tuple[datetime, int], ...] = ()
    """What was needed when, each less than the one before it."""

    def after(self, load: Load) -> "ScalingState":
        """Take in a load."""
        kept = (each for each in self.loads if load.at - each.at < MEAN_OF)
        return ScalingState((*kept, load), self.needed)

    def needing(self, at: datetime, pods: int) -> "ScalingState":
        """Remember what is needed now, and forget what is old or less than that."""
        kept = (each for each in self.needed if at - each[0] < STABLE and each[1] > pods)
        return ScalingState(self.loads, (*kept, (at, pods)))


def need(scaling: Scaling, loads: tuple[Load, ...]) -> Need:
    """Give what the load of the last seconds asks for; the last of `loads` is of now."""
    now = loads[-1]
    in_flight = sum(each.in_flight for each in loads) / len(loads)
    needs = [
        Need(
            ceil(in_flight / scaling.target_in_flight),
            Measure.IN_FLIGHT,
            f"{counted(round(in_flight), 'request')} in flight, {scaling.target_in_flight} a pod",
        )
    ]
    cpu = _mean(each.cpu for each in loads)
    measured = ((Measure.CPU, "CPU", cpu, scaling.cpu_percent),)
    measured += ((Measure.MEMORY, "memory", now.memory, scaling.memory_percent),)
    for measure, word, use, target in measured:
        if use is not None:
            message = (
                f"{word} {_about(use)} on {counted(now.reporting, 'pod')}, {target} % is right"
            )
            needs.append(Need(_ratio(now.reporting, use, target), measure, message))
    return max(needs, key=lambda each: each.pods)


def _about(use: float) -> str:
    """Give a use in steps, so that an idle app's, which is never quite the same, is told once."""
    step = round(use / STEP) * STEP
    return f"at {step} %" if step > STEP else f"below {2 * STEP} %"


def _ratio(pods: int, use: float, target: int) -> int:
    share = use / target
    return pods if abs(share - 1) <= TOLERANCE else ceil(pods * share)


def _mean(values: Iterable[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None


def _most(values: Iterable[float | None]) -> float | None:
    """Processes of a pod report the same container."""
    return max((value for value in values if value is not None), default=None)
