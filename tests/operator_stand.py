"""A namespace of the operator on a real Redis: what exists, who holds jobs, and what is told.

Whether a pod exists is an answer given by the test; that the API server gives it is tested in
tests/cluster.
"""

from datetime import timedelta
from typing import TYPE_CHECKING

import queue_tasks
from builders import NAME, NAMESPACE, key, pool_body
from redis import Redis
from workers import queue_document

from osnovci import observation
from osnovci.queues import operations
from osnovci.queues.client import Queues
from osnovci.queues.engine.turns import plan, renew, turn
from osnovci.queues.operations import Options
from osnovci_operator.auditor import Auditor
from osnovci_operator.orphans import Orphans
from osnovci_operator.resource import Key
from osnovci_operator.settings import Settings
from osnovci_operator.store import Store

if TYPE_CHECKING:
    from osnovci.observation import Observation

POD, OTHER = f"{NAME}-6d4cf56db6-x2x8z", f"{NAME}-6d4cf56db6-b7k2q"
QUEUES = frozenset({"email"})
SETTINGS = Settings((NAMESPACE,), "osnovci-system", "operator-1", frozenset(), 8080, "INFO")


class Stand:
    """A namespace with one pool: what exists, what is held, and what was told."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self.queues = Queues(redis, NAMESPACE)
        self.store = Store()
        self.store.put(pool_body())
        self.existing: set[str] = set()
        self.asked: list[str] = []
        self.told: list[tuple[str, str]] = []
        self.woken: list[Key] = []
        self.last: Observation | None = None
        self.orphans = Orphans(NAMESPACE, self.store, self.exists, self.tell)
        self.auditor = Auditor(
            NAMESPACE, self.store, lambda: self.last, self.woken.append, self.tell
        )

    async def exists(self, pod: str) -> bool:
        self.asked.append(pod)
        return pod in self.existing

    async def tell(self, about: Key, reason: str, note: str) -> None:
        assert about == key()
        self.told.append((reason, note))

    def enqueue(self, number: int = 1) -> list[str]:
        return [
            self.queues.run(operations.enqueue(queue_tasks.add, 1, 2, options=Options()))
            for _ in range(number)
        ]

    def take(self, worker: str, want: int = 1) -> None:
        """Take jobs and a lease as a worker does, and leave it at that."""
        self.queues.run(renew(worker, ["email"], {}, []))
        written = plan([queue_document()])
        self.queues.run(
            turn(worker, worker, want=want, slots=want, first=1, plan=written, ended=())
        )

    def waiting(self) -> int:
        return int(self.redis.llen("rq:queue:email"))  # pyright: ignore[reportArgumentType]

    def observe(self) -> None:
        """Read as the tick does."""
        asked = (NAMESPACE, {"email": timedelta(seconds=10)}, list[str]())
        reply = self.redis.eval(observation.SCRIPT.text, 0, *observation.arguments(*asked))
        self.last = observation.parse(reply, ["email"], [], self.last)
