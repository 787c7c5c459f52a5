"""What a QueuePool says: the models of its spec and status, from which the CRD is generated.

Pure: no I/O, no clock. Defaults are the figures of docs/reference/queuepool.md.
"""

from datetime import timedelta
from enum import StrEnum
from functools import cached_property
from typing import Annotated

from pydantic import Field

from osnovci.contract import Isolation, PoolDocument
from osnovci_operator.conditions import Conditions
from osnovci_operator.labels import MOST_JOBS
from osnovci_operator.pods import SUBDOMAIN, FollowingPodSection, mount_rule
from osnovci_operator.queuepool.floors import FLOOR_RULE, Floors
from osnovci_operator.queuepool.queue import Queue
from osnovci_operator.queuepool.schedule import SCHEDULE_RULES, Schedules, ScheduleStatuses
from osnovci_operator.resource import (
    Duration,
    Memory,
    Model,
    Resource,
    rule,
    rules,
    text,
)

KIND = "QueuePool"
PLURAL = "queuepools"
UNSCALED_REPLICAS = 1
"""The count of a pool that sets neither replicas nor scaling."""

MOST_PROCESSES = 64
"""The highest concurrency of a pod whose jobs have processes."""

GRACE_MARGIN = timedelta(seconds=10)
"""What a worker gets beyond its longest job to report the result and leave."""


class ScalingMode(StrEnum):
    """What becomes of a count that was reckoned."""

    ENFORCE = "Enforce"
    """The pool gets it."""
    RECOMMEND = "Recommend"
    """The status tells it, and the pool keeps its own."""


class Scaling(Model):
    """The count follows the backlog, between two bounds."""

    model_config = {
        "json_schema_extra": rules(
            rule(
                "self.minReplicas <= self.maxReplicas",
                "minReplicas is above maxReplicas: lower it, or raise maxReplicas",
                ".minReplicas",
            ),
            FLOOR_RULE,
        )
    }

    mode: ScalingMode = ScalingMode.ENFORCE
    """What becomes of the count: Enforce (the pool gets it) or Recommend (the status tells it; the pool keeps the count that it has, or that replicas says)."""
    min_replicas: Annotated[int, Field(ge=0, le=1000)] = 0
    """The fewest worker pods, kept also when there is nothing to do."""
    max_replicas: Annotated[int, Field(ge=1, le=1000)]
    """The most worker pods."""
    target_wait: Duration = timedelta(seconds=5)
    """How long a job may wait before it starts; as many workers are asked for as that takes."""
    idle: Duration = timedelta(minutes=1)
    """How long there must be nothing to do before the count is at minReplicas. Where a worker starts well within targetWait, the last ones go sooner."""
    floors: Floors = []
    """Hours at which more workers are kept than minReplicas says."""


MOUNT_RULE = mount_rule("self.pod")
POOL_MOUNT_RULE = MOUNT_RULE | {
    "rule": f"has(self.appRef) || {MOUNT_RULE['rule']}",
    "fieldPath": ".pod",
}


class AppRef(Model):
    """Names an app of the namespace."""

    name: Annotated[
        str, text(253, f"self.matches('{SUBDOMAIN}')", "must be the name of an OsnovciApp")
    ]
    """The OsnovciApp."""


class Spec(Model):
    """What the pool should be."""

    model_config = {
        "json_schema_extra": rules(
            rule(
                "!(has(self.replicas) && has(self.scaling)) || self.scaling.mode == 'Recommend'",
                "replicas and scaling exclude each other: remove scaling to fix the count, or let "
                "it only recommend by mode",
                ".replicas",
            ),
            rule(
                f"self.isolation == 'Thread' || self.concurrency <= {MOST_PROCESSES}",
                f"concurrency above {MOST_PROCESSES} is for isolation Thread alone, since each job "
                "has a process otherwise: lower it, or let maxReplicas make more pods",
                ".concurrency",
            ),
            rule(
                "!has(self.memoryLimit) || self.isolation != 'Thread'",
                "memoryLimit needs processes: set isolation to Process or Fork, or remove it",
                ".memoryLimit",
            ),
            rule(
                "has(self.appRef) || (has(self.pod) && has(self.pod.image))",
                "there is no image: set pod.image, or let the workers have that of an app by appRef",
                ".pod",
            ),
            # One that follows an app may mount its volumes.
            POOL_MOUNT_RULE,
            *SCHEDULE_RULES,
        )
    }

    app_ref: AppRef | None = None
    """An OsnovciApp of the namespace, whose last good revision the workers follow: its image with pull secrets, environment, volumes and database."""
    pod: FollowingPodSection = FollowingPodSection()
    """The worker pods: their image, environment and resources. With appRef, what is set here goes before what the app has; variables do one by one."""
    tasks: Annotated[
        list[
            Annotated[
                str,
                text(
                    253,
                    "self.matches('^[A-Za-z_][A-Za-z0-9_]*([.][A-Za-z_][A-Za-z0-9_]*)*$')",
                    "must be the name of a Python module, such as homework.jobs",
                ),
            ]
        ],
        Field(min_length=1, max_length=64, json_schema_extra={"x-kubernetes-list-type": "set"}),
    ]
    """Python modules whose functions may run as jobs, and no others."""
    concurrency: Annotated[int, Field(ge=1, le=MOST_JOBS)] = 2
    """How many jobs one pod runs at a time; each is a process of 12 MiB before the job, unless isolation is Thread."""
    isolation: Isolation = Isolation.PROCESS
    """What a job shares with its neighbours: Process (long-lived child processes), Thread (threads, and coroutines for async tasks) or Fork (one child process a job)."""
    memory_limit: Memory | None = None
    """What a child process may use, at least 32Mi; one that uses more is replaced, and its job counts as lost. By default only the pod's own limit holds."""
    queues: Annotated[
        list[Queue],
        Field(
            min_length=1,
            max_length=32,
            json_schema_extra={
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"],
            },
        ),
    ]
    """The queues, in their order of precedence. A queue belongs to one pool of a namespace."""
    schedules: Schedules = []
    """Jobs that are enqueued by the clock."""
    replicas: Annotated[int, Field(ge=0, le=1000)] | None = None
    """A fixed count of worker pods; `kubectl scale` sets it. Excludes scaling, unless its mode is Recommend."""
    scaling: Scaling | None = None
    """Let the count follow the backlog. Excludes replicas, unless its mode is Recommend."""

    @cached_property
    def names(self) -> frozenset[str]:
        """The names of the queues."""
        return frozenset(queue.name for queue in self.queues)

    @property
    def paused(self) -> frozenset[str]:
        """The names of the queues from which no job is taken."""
        return frozenset(queue.name for queue in self.queues if queue.paused)

    @property
    def longest_timeout(self) -> timedelta:
        """The time after which any job of the pool has ended."""
        return max(queue.timeout for queue in self.queues)

    def document(self, name: str) -> PoolDocument:
        """Give what the pool's workers are told."""
        return PoolDocument(
            pool=name,
            tasks=tuple(self.tasks),
            concurrency=self.concurrency,
            queues=tuple(queue.document() for queue in self.queues),
            grace_seconds=self.longest_timeout.total_seconds(),
            isolation=self.isolation,
            memory_max_bytes=self.memory_limit,
            schedules=tuple(schedule.document() for schedule in self.schedules),
        )


class QueueStatus(Model):
    """The jobs of one queue, as last observed."""

    name: str
    """The queue's name."""
    waiting: int
    """Jobs ready to run that wait for a worker."""
    active: int
    """Jobs that run now."""
    scheduled: int
    """Jobs due at a later time, retries among them."""
    completed: int
    """Completed jobs that are kept."""
    failed: int
    """Failed jobs that are kept."""
    paused: bool = False
    """No job is taken from it; the condition QueuesPaused says who paused it."""
    oldest_wait: str
    """How long the oldest waiting job has waited."""


class Status(Model):
    """What the operator observed and decided."""

    observed_generation: int = -1
    """The generation of the spec that this status is about."""
    replicas: int | None = None
    """Worker pods that exist."""
    ready_replicas: int | None = None
    """Worker pods that are ready to take jobs."""
    desired_replicas: int | None = None
    """Worker pods that the operator asks for; with mode Recommend, that it would ask for."""
    busy: int | None = None
    """Jobs that run, as the pods' heartbeats say."""
    waiting: int | None = None
    """Jobs that wait, in all queues of the pool."""
    expected_wait: str | None = None
    """How long a job that arrives now would wait before it starts, rounded up; of a pool with scaling. Limits of single queues (maxActive, rate) are not in it."""
    selector: str | None = None
    """The label selector of the worker pods, for the scale subresource."""
    queues: Annotated[
        list[QueueStatus],
        Field(
            json_schema_extra={
                "x-kubernetes-list-type": "map",
                "x-kubernetes-list-map-keys": ["name"],
            }
        ),
    ] = []
    """The pool's queues; kept as last seen while Redis cannot be read."""
    schedules: ScheduleStatuses = []
    """The pool's schedules; kept as last seen while Redis cannot be read."""
    conditions: Conditions = []
    """Ready, ScalingActive, ScalingLimited, BackendReachable, QueuesPaused, JobsAccounted and, with schedules, Scheduled."""


class Pool(Resource[Spec]):
    """One QueuePool."""

    kind = KIND
    model = Spec
