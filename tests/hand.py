"""A worker by hand, for tests of the scripts: takes, ends and renews when told."""

from dataclasses import dataclass, field
from typing import Any

import queue_tasks
from workers import queue_document

from osnovci.contract import QueueDocument
from osnovci.queues import operations
from osnovci.queues.client import Queues
from osnovci.queues.engine.jobs import Kind, Outcome, Taken, ending
from osnovci.queues.engine.turns import Turn, plan, renew, turn
from osnovci.queues.operations import Options
from osnovci.queues.payload import encode_error


@dataclass
class Hand:
    """A worker by hand: takes and ends jobs when told."""

    queues: Queues
    documents: list[QueueDocument] = field(default_factory=lambda: [queue_document()])
    name: str = "hand"
    turns: int = 0

    def turn(
        self, want: int = 0, *ended: dict[str, Any], first: int = 1, slots: int | None = None
    ) -> Turn:
        self.turns += 1
        held: Any = self.queues.redis.scard(f"{self.queues.prefix}held:{self.name}")
        return self.queues.run(
            turn(
                self.name,
                f"{self.name}{self.turns}",
                want=want,
                slots=want if slots is None else slots,
                first=first,
                plan=plan(self.documents),
                ended=ended,
                holds=held - len(ended),
            )
        )

    def take(self, want: int = 1, slots: int | None = None) -> list[Taken]:
        return self.turn(want, slots=slots).jobs

    def renew(self) -> frozenset[str]:
        return self.queues.run(renew(self.name, ["email"], {}, [])).listed

    def end(self, job: Taken, kind: Kind, value: str = "", **more: Any) -> Turn:
        document = next(each for each in self.documents if each.name == job.queue)
        entry = ending(job, Outcome(kind, encode_error(value)), document)
        return self.turn(0, entry | more)


def add(queues: Queues, **options: Any) -> str:
    return queues.run(operations.enqueue(queue_tasks.add, 1, 2, options=Options(**options)))
