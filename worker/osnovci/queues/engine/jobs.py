"""A job in a worker's hands, how a run of it went, and what follows from that. Pure."""

import json
import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from osnovci.queues.scripts import text

if TYPE_CHECKING:
    from osnovci.contract import QueueDocument

RQ_DEFAULT_TIMEOUT = 180.0
"""What plain rq writes into a job that says nothing of its timeout."""


@dataclass(slots=True)
class Taken:
    """A job that this worker holds."""

    id: str
    execution: str
    queue: str
    data: bytes
    timeout: float | None
    """Seconds; None: the queue's own; below 0: none."""
    retries_left: int | None
    retry_intervals: Sequence[float]
    on_success: str
    on_failure: str
    waited_since: str = ""
    """When it began to wait, as rq writes it."""
    broken: str = ""
    """Why it cannot be run: its record is no job's."""
    taken_at: float = 0.0
    """On the engine's monotonic clock, as `begun_at`."""
    begun_at: float = 0.0
    """When it was handed out; 0 while it was not."""

    @property
    def member(self) -> str:
        """Name this run as the scripts do."""
        return f"{self.id}:{self.execution}"


class Kind(StrEnum):
    """How a run went; `ending` makes of it what turn.lua does."""

    COMPLETED = "completed"
    FAILED = "failed"
    REFUSED = "refused"
    """Failed without a retry: no task of this pool, or no plain data."""
    LOST = "lost"
    """Its process died."""
    BACK = "back"
    """It is given back, and counts as not run."""


@dataclass(slots=True)
class Outcome:
    """How a run went."""

    kind: Kind
    value: str | None = None
    """The result or the error, as rq's results hold them."""
    started: float = 0.0
    ended: float = 0.0


def parse_taken(row: Sequence[Any]) -> Taken:
    """Read one job of turn.lua's reply; a field that cannot be read breaks that job alone."""
    id_, execution, queue, data, timeout, left, intervals, on_success, on_failure = row[:9]
    job = Taken(
        id=text(id_),
        execution=text(execution),
        queue=text(queue),
        data=data,
        timeout=None,
        retries_left=None,
        retry_intervals=(),
        on_success=text(on_success),
        on_failure=text(on_failure),
        waited_since=text(row[9]),
    )
    try:
        job.timeout = _finite(timeout) if timeout else None
        job.retries_left = int(left) if left else None
        job.retry_intervals = [_finite(each) for each in json.loads(intervals)] if intervals else ()
    except (ValueError, TypeError) as error:
        job.broken = f"Job {job.id} was set aside: its record cannot be read: {error}"
    return job


def _finite(value: Any) -> float:
    number = float(value)
    if not math.isfinite(number):
        raise ValueError(f"{number} is no number of seconds")
    return number


def timeout_of(job: Taken, queue: "QueueDocument") -> float:
    """Give a job's own timeout, or its queue's."""
    return queue.timeout_seconds if job.timeout in {None, RQ_DEFAULT_TIMEOUT} else job.timeout or 0


def ending(job: Taken, outcome: Outcome, queue: "QueueDocument | None") -> dict[str, Any]:
    """Say what turn.lua has to do with a job: retried while it has retries left, as in rq."""
    entry: dict[str, Any] = {
        "id": job.id,
        "execution": job.execution,
        "queue": job.queue,
        "kind": outcome.kind,
        "started": f"{outcome.started:.6f}",
        "ended": f"{outcome.ended:.6f}",
    }
    if outcome.kind is Kind.COMPLETED:
        return entry | ({"value": outcome.value} if outcome.value else {})
    if outcome.kind is Kind.BACK:
        return entry
    entry["error"] = outcome.value
    left, waits = _retries(job, queue)
    if outcome.kind is Kind.FAILED and left > 0:
        wait = waits[max(len(waits) - left, 0)] if waits else 0
        entry |= {"kind": "retry", "wait": round(wait * 1000), "left": left - 1}
        if job.retries_left is None:
            entry["intervals"] = json.dumps(list(waits))
    elif outcome.kind is Kind.REFUSED:
        entry["kind"] = Kind.FAILED
    return entry


def _retries(job: Taken, queue: "QueueDocument | None") -> tuple[int, Sequence[float]]:
    """Give how many retries a job has left and their waits: its own, or else its queue's."""
    if job.retries_left is not None:
        return job.retries_left, job.retry_intervals
    if queue is None:
        return 0, ()
    return queue.retries.limit, queue.retries.waits_seconds()
