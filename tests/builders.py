"""Test objects of the operator: what matters to a test is named, everything else has a default."""

from datetime import UTC, datetime, timedelta
from typing import Any

from osnovci.observation import QueueReading
from osnovci_operator.backend import Unreadable, UnreadableReason
from osnovci_operator.labels import POOL
from osnovci_operator.pod_life import Pods
from osnovci_operator.pods import FollowingPodSection
from osnovci_operator.queuepool.accounts import Accounts
from osnovci_operator.queuepool.crew import Crew
from osnovci_operator.queuepool.floors import Floor
from osnovci_operator.queuepool.queue import Queue
from osnovci_operator.queuepool.schedule import Schedule
from osnovci_operator.queuepool.seen import (
    FollowedApp,
    PoolReading,
    ScheduleReading,
    Seen,
    Workers,
)
from osnovci_operator.queuepool.spec import Pool, Scaling, ScalingMode, Spec
from osnovci_operator.resource import GROUP, VERSION, Key

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
NAMESPACE = "homework"
NAME = "homework-jobs"
AWAY = Unreadable(UnreadableReason.UNREACHABLE, "Redis cannot be reached: connection refused")


def scaling(
    *,
    minimum: int = 0,
    maximum: int = 20,
    target_wait: timedelta = timedelta(seconds=5),
    idle: timedelta = timedelta(minutes=1),
    mode: ScalingMode = ScalingMode.ENFORCE,
    floors: tuple[Floor, ...] = (),
) -> Scaling:
    return Scaling(
        mode=mode,
        min_replicas=minimum,
        max_replicas=maximum,
        target_wait=target_wait,
        idle=idle,
        floors=list(floors),
    )


def floor(
    *,
    name: str = "office",
    start: str = "0 7 * * 1-5",
    end: str = "0 18 * * 1-5",
    time_zone: str = "Europe/Belgrade",
    minimum: int = 4,
) -> Floor:
    return Floor(name=name, start=start, end=end, time_zone=time_zone, min_replicas=minimum)


def spec(
    *,
    replicas: int | None = None,
    scaling: Scaling | None = None,
    concurrency: int = 2,
    queues: tuple[str, ...] = ("email",),
    max_active: int | None = None,
    schedules: tuple[Schedule, ...] = (),
) -> Spec:
    return Spec(
        pod=FollowingPodSection(image="homework:1"),
        tasks=["homework.jobs"],
        concurrency=concurrency,
        queues=[Queue(name=name, max_active=max_active) for name in queues],
        schedules=list(schedules),
        replicas=replicas,
        scaling=scaling,
    )


def queue_reading(
    *,
    name: str = "email",
    waiting: int = 0,
    active: int = 0,
    due: int = 0,
    scheduled: int = 0,
    completed: int = 0,
    failed: int = 0,
    departed: int = 0,
    paused: bool = False,
    rate_taken: int = 0,
    oldest_wait: timedelta = timedelta(),
) -> QueueReading:
    return QueueReading(
        name,
        waiting,
        active,
        due,
        scheduled,
        completed,
        failed,
        departed,
        paused,
        rate_taken,
        oldest_wait,
    )


def reading(
    *,
    waiting: int = 0,
    active: int = 0,
    due: int = 0,
    departed: int = 0,
    busy: int = 0,
    paused: bool = False,
    oldest_wait: timedelta = timedelta(),
) -> PoolReading:
    """Give the reading of a pool with one queue."""
    queue = queue_reading(
        waiting=waiting,
        active=active,
        due=due,
        departed=departed,
        paused=paused,
        oldest_wait=oldest_wait,
    )
    return PoolReading((queue,), busy)


NO_JOBS = reading()


def workers(
    *,
    asked: int = 1,
    existing: int | None = None,
    updated: int | None = None,
    ready: int | None = None,
    settled: bool = True,
    trouble: str | None = None,
) -> Workers:
    """Give a Deployment that has come to rest at what was asked, but for what is named."""
    return Workers(
        asked=asked,
        existing=asked if existing is None else existing,
        updated=asked if updated is None else updated,
        ready=asked if ready is None else ready,
        settled=settled,
        trouble=trouble,
    )


def seen(
    *,
    now: datetime = NOON,
    workers: Workers | None = None,
    reading: PoolReading | Unreadable = NO_JOBS,
    taken: tuple[tuple[str, str], ...] = (),
    stranger: bool = False,
    trouble: str | None = None,
    accounts: Accounts | None = None,
    pods: Pods | None = None,
    crew: Crew | None = None,
    app: FollowedApp | None = None,
    schedules: tuple[ScheduleReading, ...] | None = (),
) -> Seen:
    """Give what was seen; unless pods are named, those of the Deployment are as ready as it says."""
    if pods is None:
        pods = Pods(ready=workers.ready if workers else 0, startup=timedelta(seconds=4))
    if crew is None:
        crew = Crew(workers.asked if workers else 0)
    return Seen(
        now,
        workers,
        reading,
        taken,
        stranger,
        trouble,
        accounts,
        schedules,
        pods=pods,
        crew=crew,
        app=app,
    )


def pool_body(
    *,
    name: str = NAME,
    uid: str = "",
    created_at: datetime = NOON,
    queues: tuple[str, ...] = ("email",),
    spec: dict[str, Any] | None = None,
    status: dict[str, Any] | None = None,
    deleting: bool = False,
) -> dict[str, Any]:
    """Give a QueuePool as a watch does."""
    metadata = {
        "name": name,
        "namespace": NAMESPACE,
        "uid": uid or f"uid-of-{name}",
        "generation": 3,
        "creationTimestamp": created_at.isoformat(),
    }
    if deleting:
        metadata["deletionTimestamp"] = NOON.isoformat()
    plain = {
        "pod": {"image": "homework:1"},
        "tasks": ["homework.jobs"],
        "queues": [{"name": queue} for queue in queues],
    }
    return {
        "apiVersion": f"{GROUP}/{VERSION}",
        "kind": "QueuePool",
        "metadata": metadata,
        "spec": plain if spec is None else spec,
        "status": status or {},
    }


def pool(*, status: dict[str, Any] | None = None) -> Pool:
    return Pool.parse(pool_body(status=status))


def child_body(*, kind: str, name: str, pool: str = NAME) -> dict[str, Any]:
    """Give a Deployment or Pod of a pool as a watch does."""
    metadata = {
        "name": name,
        "namespace": NAMESPACE,
        "uid": f"uid-of-{name}",
        "labels": {POOL: pool},
    }
    return {"kind": kind, "metadata": metadata}


def key(*, name: str = NAME) -> Key:
    return Key("QueuePool", NAMESPACE, name)
