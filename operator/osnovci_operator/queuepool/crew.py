"""The workers of a pool, one by one: which drain, and which have confirmed it. Pure."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from osnovci.contract import (
    HEARTBEAT_INTERVAL_SECONDS,
    HEARTBEAT_TTL_SECONDS,
    DrainRequest,
    Heartbeat,
    WorkerState,
)
from osnovci_operator.pod_life import PodLife

SILENT_MS = round(HEARTBEAT_TTL_SECONDS * 1000)
"""A pod that is not ready and tells nothing for so long after it was asked runs no worker."""

ANSWER_MS = round(3 * HEARTBEAT_INTERVAL_SECONDS * 1000)
"""A worker has seen a request by then, and one without a long job has confirmed it."""

_NEVER = datetime.min.replace(tzinfo=UTC)

SURGE_PODS = 4
"""A rollout adds one pod for so many, or for the rest: a Deployment's default maxSurge, 25 %."""


@dataclass(frozen=True)
class Worker:
    """A pod of the pool that was not told to end, as Kubernetes and Redis show it."""

    pod: str
    ready: bool = True
    first_to_go: bool = False
    """Its deletion cost says so to Kubernetes."""
    beat: Heartbeat | None = None
    request: DrainRequest | None = None
    rolled: bool = False
    """A rollout makes it, in the place of one that it will end."""

    @property
    def busy(self) -> int:
        """The jobs that it runs, as far as it tells."""
        return self.beat.busy if self.beat else 0

    @property
    def known(self) -> bool:
        """Whether it tells what it does, or cannot do anything."""
        return self.beat is not None or not self.ready

    @property
    def settled(self) -> bool:
        """Whether it was asked, and Kubernetes was told that it goes first."""
        return self.request is not None and self.first_to_go

    def silent(self, at_ms: int) -> bool:
        """Whether it lives and had the time to see the request that stands, and did not."""
        return (
            self.request is not None
            and self.beat is not None
            and self.beat.asked_ms != self.request.asked_ms
            and at_ms - self.request.asked_ms >= ANSWER_MS
        )

    def drained(self, at_ms: int) -> bool:
        """Whether it confirmed the very request that stands, or runs no worker that could."""
        if not self.request:
            return False
        if self.beat:
            answered = self.beat.asked_ms == self.request.asked_ms
            return answered and self.beat.state is WorkerState.DRAINED and not self.beat.busy
        return not self.ready and at_ms - self.request.asked_ms >= SILENT_MS


@dataclass(frozen=True)
class Crew:
    """All of them, at one moment of Redis's clock."""

    asked: int = 0
    """The replicas of the Deployment."""
    workers: tuple[Worker, ...] = ()
    at_ms: int = 0

    @classmethod
    def of(
        cls,
        asked: int,
        lives: Mapping[str, PodLife],
        beats: Mapping[str, Heartbeat],
        requests: Mapping[str, DrainRequest],
        at_ms: int,
    ) -> "Crew":
        """Put together what is known of each pod."""
        staying = {pod: life for pod, life in sorted(lives.items()) if not life.leaving}
        newest = _rolling_to(staying.values())
        workers = (
            Worker(
                pod=pod,
                ready=life.ready_since is not None,
                first_to_go=life.first_to_go,
                beat=beats.get(pod),
                request=requests.get(pod),
                rolled=newest is not None and life.template == newest,
            )
            for pod, life in staying.items()
        )
        return cls(asked, tuple(workers), at_ms)

    @property
    def draining(self) -> frozenset[str]:
        """Name the pods that are asked to drain."""
        return frozenset(worker.pod for worker in self.workers if worker.request)

    @property
    def released(self) -> int:
        """How many of those the count was lowered for: Kubernetes is about to end them.

        Not those that a rollout has above the count: it ends others of its own accord.
        """
        settled = sum(worker.settled for worker in self.workers)
        rolling = any(worker.rolled for worker in self.workers)
        surge = math.ceil(self.asked / SURGE_PODS) if rolling else 0
        return min(settled, max(len(self.workers) - self.asked - surge, 0))

    @property
    def missing(self) -> int:
        """How many pods Kubernetes has still to make."""
        return max(self.asked - len(self.workers), 0)

    @property
    def staying(self) -> int:
        """The workers that are asked for, without those that drain."""
        return max(self.asked - len(self.draining) + self.released, 0)


def _rolling_to(lives: Iterable[PodLife]) -> str | None:
    """Give the template that a rollout brings in: that of the youngest pod, where there are two."""
    aged = sorted((each.created or _NEVER, each.template) for each in lives)
    return aged[-1][1] if aged and {template for _, template in aged} != {aged[-1][1]} else None
