"""What one reconcile of a QueuePool knows before it decides. Pure: frozen values only."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from pydantic import ValidationError

from osnovci.app_contract import DatabaseDocument
from osnovci.app_revisions import GoodRevisions
from osnovci.contract import DrainRequest, Heartbeat
from osnovci.observation import QueueReading
from osnovci.words import counted
from osnovci_operator.backend import Unreadable
from osnovci_operator.database import Database, Grant
from osnovci_operator.pod_life import Pods
from osnovci_operator.pods import PodSection
from osnovci_operator.queuepool.accounts import Accounts
from osnovci_operator.queuepool.crew import Crew
from osnovci_operator.queuepool.flow import Runnable
from osnovci_operator.queuepool.queue import Queue


@dataclass(frozen=True)
class PoolReading:
    """What Redis says of one pool, all at one moment."""

    queues: tuple[QueueReading, ...]
    busy: int
    """Jobs that run, as the pods say."""
    draining: int = 0
    """Of those, the ones on pods that leave, or are asked to drain."""
    beats: Mapping[str, Heartbeat] = field(default_factory=dict[str, Heartbeat])
    """What its pods tell, by name."""
    requests: Mapping[str, DrainRequest] = field(default_factory=dict[str, DrainRequest])
    """Which of them are asked to drain."""
    at_ms: int = 0
    """When, by Redis's clock."""

    @property
    def waiting(self) -> int:
        """Jobs that wait, in all queues."""
        return sum(queue.waiting for queue in self.queues)

    def runnable(
        self, queues: Iterable[Queue], within: timedelta, coming: Mapping[str, int] | None = None
    ) -> tuple[Runnable, ...]:
        """Give what needs workers: jobs that run, and those that wait or are due and may run within a time.

        `coming` are jobs that schedules bring soon, by queue.
        """
        soon = coming or {}
        limits = {queue.name: queue for queue in queues}
        return tuple(
            _runnable(
                reading, soon.get(reading.name, 0), _room(reading, limits[reading.name], within)
            )
            for reading in self.queues
        )

    def kept_back(self, paused: frozenset[str]) -> str:
        """Say what waits in queues that are paused, by the spec or in Redis; empty for nothing."""
        names = [
            f"{queue.name} ({counted(queue.waiting, 'job')})"
            for queue in self.queues
            if queue.waiting and (queue.paused or queue.name in paused)
        ]
        return f"; paused, so not counted: {', '.join(names)}" if names else ""


def _room(reading: QueueReading, queue: Queue, within: timedelta) -> int | None:
    """Give how many more jobs may start; None for any number."""
    if queue.paused or reading.paused:
        return 0
    rooms = (
        queue.max_active and max(queue.max_active - reading.active, 0),
        queue.rate and queue.rate.starts(within, reading.rate_taken),
    )
    return min((each for each in rooms if each is not None), default=None)


def _runnable(queue: QueueReading, coming: int, room: int | None) -> Runnable:
    waiting = queue.waiting if room is None else min(queue.waiting, room)
    due = queue.due + coming
    return Runnable(
        name=queue.name,
        waiting=waiting,
        active=queue.active,
        due=due if room is None else min(due, room - waiting),
        present=queue.waiting + queue.active,
        departed=queue.departed,
        oldest_wait=queue.oldest_wait.total_seconds() if waiting else 0.0,
    )


@dataclass(frozen=True)
class ScheduleReading:
    """What is known of one schedule."""

    name: str
    upcoming: datetime | None = None
    fired: datetime | None = None
    job: str | None = None
    broken: str = ""
    """Why it can never fire, in a sentence."""
    left_out: bool = False
    """Its last time brought no job, since the one before had not ended."""


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


def kept_of(
    uid: str, body: dict[str, Any] | None, deployment: dict[str, Any] | None
) -> GoodRevisions:
    """Read the good revisions of an app from its ConfigMap, for which its Deployment vouches.

    One that is not the app's has none.
    """
    data = body.get("data", {}) if body and _is_owned(body, uid) else {}
    is_its = deployment and _is_owned(deployment, uid)
    notes = deployment["metadata"].get("annotations", {}) if deployment and is_its else {}
    return GoodRevisions.parse(data, notes)


def _is_owned(body: dict[str, Any], uid: str) -> bool:
    return uid in {each["uid"] for each in body["metadata"].get("ownerReferences", ())}


@dataclass(frozen=True)
class FollowedApp:
    """The app that a pool follows."""

    pod: PodSection | None
    """The pods of its last good revision; None: none was good yet."""
    database: DatabaseDocument | None = None
    """How that uses its database; None: it has none."""
    refused: tuple[str, ...] = ()
    """What is kept of it and is not the operator's, each in a sentence."""

    @classmethod
    def of(cls, kept: GoodRevisions | None) -> "FollowedApp | None":
        """Read what is kept of an app; None where there is no such app."""
        if kept is None:
            return None
        spec = kept.current.spec if kept.current else {}
        said = spec.get("database")
        try:
            pod = PodSection.model_validate(spec.get("pod"))
            database = None if said is None else Database.model_validate(said).document()
        except ValidationError:  # There is none, or somebody else has written there.
            return cls(None, refused=kept.refused)
        return cls(pod, database)


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
    pods: Pods = field(default_factory=Pods)
    """Without those that drain."""
    crew: Crew = field(default_factory=Crew)
    app: FollowedApp | None = None
    """The app that appRef names; None: there is none of the name."""
    grant: Grant | None = None
    """How many workers the app's database allows; None: they use none that is shared."""

    @property
    def asked(self) -> int:
        """The workers that are asked for, without those that drain."""
        return self.crew.staying if self.workers else 0
