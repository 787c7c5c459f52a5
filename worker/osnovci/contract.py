"""All that crosses between the operator and the pods: Redis keys, documents, environment.

Defined once, here; both planes import it. Pure: no I/O, no clock.

Keys of Osnovci begin with `osnovci:{NAMESPACE}:`; the braces are Redis Cluster's hash tag, so all
keys of a namespace share one slot. rq's own keys keep rq's names, and stay readable by rq's tools.
"""

from enum import StrEnum
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PositiveInt, ValidationError

HEARTBEAT_INTERVAL_SECONDS = 1.0
HEARTBEAT_TTL_SECONDS = 10.0
"""A heartbeat older than this no longer counts: its pod is not observed."""

DRAIN_TTL_SECONDS = 30.0
"""A drain request that is not renewed ends by itself: a lost operator leaves no worker idle."""

DOCUMENT_MAX_BYTES = 64 * 1024
"""Larger documents are refused unread: what comes from Redis is input from outside."""

ENV_NAMESPACE = "OSNOVCI_NAMESPACE"
ENV_POD = "OSNOVCI_POD"
ENV_REDIS_URL = "OSNOVCI_REDIS_URL"
ENV_POOL = "OSNOVCI_POOL"
"""The `PoolDocument` of the pod's pool, as JSON."""

REDIS_SECRET = "osnovci-redis"  # noqa: S105  # its name
"""The Secret of a namespace that names its Redis, under the key `url`."""

SCHEDULES_EVERY_SECONDS = 1.0
SCHEDULES_KEPT_SECONDS = 5.0
"""Workers fire schedules themselves when the operator has not looked at them for so long."""

PROBE_PORT = 8086
"""Where a worker pod answers `/ready` and `/alive`."""


def key_prefix(namespace: str) -> str:
    """Begin every key of Osnovci in a namespace."""
    return f"osnovci:{{{namespace}}}:"


def heartbeat_key(namespace: str, pod: str) -> str:
    """Name the key under which a pod reports that it lives."""
    return f"{key_prefix(namespace)}heartbeat:{pod}"


def drain_key(namespace: str, pod: str) -> str:
    """Name the key under which the operator asks a pod to drain."""
    return f"{key_prefix(namespace)}drain:{pod}"


def resume_message(pod: str) -> str:
    """Write what is told on the channel `wake` when a pod is no longer asked to drain."""
    return f"resume {pod}"


def paused_by_spec_key(namespace: str) -> str:
    """Name the set of the queues that a pool's spec pauses; the operator tells, nobody obeys it."""
    return f"{key_prefix(namespace)}paused:spec"


class RqKeys:
    """The keys of rq that Osnovci reads, for one queue."""

    def __init__(self, queue: str) -> None:
        self.waiting = f"rq:queue:{queue}"
        self.active = f"rq:wip:{queue}"
        self.scheduled = f"rq:scheduled:{queue}"
        self.completed = f"rq:finished:{queue}"
        self.failed = f"rq:failed:{queue}"


RQ_JOB_PREFIX = "rq:job:"


class Document(BaseModel):
    """What is written as JSON; fields unknown to the reader are ignored, so either plane may be newer."""

    model_config = ConfigDict(frozen=True, extra="ignore")


class RetryDocument(Document):
    """Waits between the runs of a job that failed: `initial * factor ** n`, at most `max`."""

    limit: Annotated[int, Field(ge=0)]
    initial_seconds: float
    factor: float
    max_seconds: float

    def waits_seconds(self) -> list[float]:
        """Give the wait before each retry, in order."""
        return [
            min(self.initial_seconds * self.factor**n, self.max_seconds) for n in range(self.limit)
        ]


class RateDocument(Document):
    """In no window start more than `limit` jobs."""

    limit: PositiveInt
    window_seconds: Annotated[float, Field(gt=0)]


class QueueDocument(Document):
    """How a worker runs the jobs of one queue."""

    name: str
    timeout_seconds: float
    retries: RetryDocument
    keep_completed: int
    keep_failed: int
    paused: bool = False
    max_active: PositiveInt | None = None
    """So many jobs of the queue run at a time, in all workers together."""
    rate: RateDocument | None = None


class Isolation(StrEnum):
    """What a job shares with its neighbours."""

    PROCESS = "Process"
    """A long-lived child process for each job that runs at a time."""
    THREAD = "Thread"
    """The worker's process: threads, and coroutines for `async def` tasks."""
    FORK = "Fork"
    """A child process for each job."""


class Overlap(StrEnum):
    """What a schedule does when it is due and its last job has not ended."""

    ALLOW = "Allow"
    SKIP = "Skip"


class ScheduleDocument(Document):
    """A job that is enqueued at the times of a cron expression."""

    name: str
    cron: str
    time_zone: str
    task: str
    kwargs: dict[str, Any]
    queue: str
    overlap: Overlap
    starting_deadline_seconds: float
    """How late a moment may still fire."""


class ScheduleOutcome(StrEnum):
    """What became of the last moment of a schedule."""

    BEGUN = "begun"
    """None came yet since the schedule is known with its present times."""
    FIRED = "fired"
    SKIPPED = "skipped"
    """Its last job had not ended."""
    MISSED = "missed"
    """Nobody could fire it before its deadline."""


class ScheduleState(Document):
    """What Redis remembers of a schedule; moments are seconds of Unix time."""

    rule: str
    """The cron expression and the zone that `mark` belongs to."""
    mark: int
    """Moments up to this one are dealt with."""
    outcome: ScheduleOutcome
    uid: str | None = None
    """The pool's; one made anew under its name knows nothing of the one before."""
    fired: int | None = None
    job: str | None = None
    """The last moment that fired, and its job."""


def schedules_key(namespace: str, pool: str = "") -> str:
    """Name the hash of the states of a pool's schedules; without a pool, the set of the pools."""
    return f"{key_prefix(namespace)}schedules" + (f":{pool}" if pool else "")


RUNS_KEPT = 50_000
RUNS_KEPT_SECONDS = 7 * 24 * 3600
"""So many runs of a pool's jobs are kept to be replayed, a megabyte, and so long after the last."""


def runs_key(namespace: str, pool: str) -> str:
    """Name the list of what a pool ran, the last at its end: `ARRIVED LASTED`, in ms, each."""
    return f"{key_prefix(namespace)}runs:{pool}"


class PoolDocument(Document):
    """What a worker pod is told about its pool. It is part of the pod template: a change rolls pods."""

    pool: str
    tasks: tuple[str, ...]
    concurrency: PositiveInt
    queues: tuple[QueueDocument, ...]
    grace_seconds: float
    isolation: Isolation = Isolation.PROCESS
    memory_max_bytes: PositiveInt | None = None
    """A child process that uses more is replaced; its job counts as lost."""
    schedules: tuple[ScheduleDocument, ...] = ()


class WorkerState(StrEnum):
    """What a worker pod is doing."""

    RUNNING = "Running"
    DRAINING = "Draining"
    """It takes no job, and some still run."""
    DRAINED = "Drained"
    """It was asked to drain, takes no job and has none."""


class DrainRequest(Document):
    """The operator asks a pod to take no job any more, so that it can be removed at no cost."""

    asked_ms: Annotated[int, Field(gt=0)]
    """When it was asked, by Redis's clock; it also tells one request from another."""
    times: PositiveInt = 1
    """How often it was asked, where it did not drain in time."""

    @classmethod
    def read(cls, document: Any) -> "DrainRequest | None":
        """Read what stands in Redis; None where nothing does, or something else."""
        try:
            return cls.model_validate_json(document or "")
        except (ValidationError, TypeError):
            return None


class Heartbeat(Document):
    """What a worker pod reports of itself, every second."""

    pod: str
    pool: str
    state: WorkerState
    busy: Annotated[int, Field(ge=0, le=10_000)]
    concurrency: Annotated[int, Field(ge=1, le=10_000)]
    at_ms: int
    asked_ms: int | None = None
    """The drain request that the state answers."""
