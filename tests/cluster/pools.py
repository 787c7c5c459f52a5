"""A pool on the cluster, as its tests speak of it."""

import json
from dataclasses import dataclass
from typing import Any

from redis import Redis
from rq import Queue
from waiting import eventually

from cluster.kubectl import kubectl

NAMESPACE = "homework"
WORKERS_SECONDS = 150.0


@dataclass(frozen=True)
class TestPool:
    """One QueuePool with one queue of its own."""

    __test__ = False

    name: str
    redis: Redis
    namespace: str = NAMESPACE

    @property
    def queue(self) -> str:
        return self.name

    def manifest(self, **spec: object) -> dict[str, Any]:
        """Give the pool with the example's image; what is said of the spec replaces the rest."""
        pod = {
            "image": "osnovci/homework:dev",
            "resources": {"requests": {"cpu": "5m", "memory": "32Mi"}},
        }
        whole = {
            "pod": pod,
            "tasks": ["homework.jobs"],
            "queues": [{"name": self.queue}],
            "concurrency": 2,
            **spec,
        }
        return {
            "apiVersion": "osnovci.app/v1alpha1",
            "kind": "QueuePool",
            "metadata": {"name": self.name, "namespace": self.namespace},
            "spec": whole,
        }

    def enqueue(self, function: str, *arguments: object, times: int = 1) -> None:
        """Enqueue jobs as any program would, with plain rq."""
        with Redis(port=16379) as connection:
            queue = Queue(self.queue, connection=connection)
            data = [
                Queue.prepare_data(f"homework.jobs.{function}", arguments) for _ in range(times)
            ]
            queue.enqueue_many(data)

    def kubectl(self, *arguments: str) -> str:
        return kubectl("-n", self.namespace, *arguments)

    def get(self) -> dict[str, Any]:
        return json.loads(self.kubectl("get", "qpool", self.name, "-o", "json"))

    def status(self) -> dict[str, Any]:
        return self.get().get("status", {})

    def conditions(self) -> dict[str, dict[str, Any]]:
        """Give the conditions of one moment, by their types."""
        return {each["type"]: each for each in self.status().get("conditions", [])}

    def condition(self, kind: str) -> dict[str, Any]:
        return self.conditions().get(kind, {})

    def pods(self) -> list[dict[str, Any]]:
        selector = f"osnovci.app/pool={self.name}"
        return json.loads(self.kubectl("get", "pods", "-l", selector, "-o", "json"))["items"]

    def wait(self, *, ready: int, within: float = WORKERS_SECONDS) -> None:
        """Wait until exactly so many workers are asked for and ready."""

        def settled() -> bool:
            status = self.status()
            return status.get("desiredReplicas") == status.get("readyReplicas") == ready

        eventually(settled, within=within)
