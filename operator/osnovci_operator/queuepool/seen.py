"""What one reconcile of a QueuePool knows before it decides. Pure: frozen values only."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from osnovci.observation import QueueReading
from osnovci_operator.backend import Unreadable
from osnovci_operator.queuepool.accounts import Accounts


@dataclass(frozen=True)
class PoolReading:
    """What Redis says of one pool, all at one moment."""

    queues: tuple[QueueReading, ...]
    busy: int

    @property
    def waiting(self) -> int:
        """Jobs that wait, in all queues."""
        return sum(queue.waiting for queue in self.queues)

    def jobs(self, paused: frozenset[str], most_active: Mapping[str, int]) -> int:
        """Jobs that need a worker: those that run, and those that wait or are soon due and may run."""
        return sum(
            queue.active
            + (0 if queue.name in paused else _coming(queue, most_active.get(queue.name)))
            for queue in self.queues
        )

    @property
    def oldest_wait(self) -> timedelta:
        """How long the oldest waiting job of all queues has waited."""
        return max((queue.oldest_wait for queue in self.queues), default=timedelta())


def _coming(queue: QueueReading, most_active: int | None) -> int:
    jobs = queue.waiting + queue.due
    return jobs if most_active is None else min(jobs, max(most_active - queue.active, 0))


@dataclass(frozen=True)
class ScheduleReading:
    """What is known of one schedule."""

    name: str
    upcoming: datetime | None = None
    fired: datetime | None = None
    job: str | None = None
    broken: str = ""
    """Why it can never fire, in a sentence."""


@dataclass(frozen=True)
class Workers:
    """The pool's Deployment, as the API server has it."""

    asked: int
    existing: int
    updated: int
    ready: int
    settled: bool
    """Its controller has seen the newest spec."""
    trouble: str | None = None
    """What keeps its pods from being made."""

    @classmethod
    def parse(cls, deployment: dict[str, Any]) -> "Workers":
        """Read a Deployment."""
        spec, status = deployment["spec"], deployment.get("status", {})
        failures = (
            each["message"]
            for each in status.get("conditions", ())
            if each["type"] == "ReplicaFailure" and each["status"] == "True"
        )
        return cls(
            asked=spec.get("replicas", 1),
            existing=status.get("replicas", 0),
            updated=status.get("updatedReplicas", 0),
            ready=status.get("readyReplicas", 0),
            settled=status.get("observedGeneration", 0) >= deployment["metadata"]["generation"],
            trouble=next(failures, None),
        )


@dataclass(frozen=True)
class Seen:
    """All that was observed, at one moment."""

    now: datetime
    workers: Workers | None
    """None: there is no Deployment yet."""
    reading: PoolReading | Unreadable
    taken: tuple[tuple[str, str], ...] = ()
    """Queues that an older pool of the namespace has, each with that pool's name."""
    stranger: bool = False
    """A Deployment of the pool's name exists that is not the pool's."""
    trouble: str | None = None
    """What keeps one of the pool's pods from becoming ready."""
    accounts: Accounts | None = None
    """What the last audit said; None: there was none yet."""
    schedules: tuple[ScheduleReading, ...] | None = ()
    """None: they were not looked at yet."""
