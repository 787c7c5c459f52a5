"""Workers of a pool for tests of draining: what matters is named, everything else has a default."""

from datetime import timedelta

from osnovci.contract import DrainRequest, Heartbeat, WorkerState
from osnovci_operator.queuepool.crew import ANSWER_MS, Worker

NOW = 1_000_000
BOUND = timedelta(minutes=5)
LONG_AGO = NOW - ANSWER_MS - 1
OVERDUE = NOW - 300_001


def beat(
    pod: str, busy: int = 0, state: WorkerState = WorkerState.RUNNING, asked_ms: int | None = None
) -> Heartbeat:
    return Heartbeat(
        pod=pod, pool="p", state=state, busy=busy, concurrency=2, at_ms=NOW, asked_ms=asked_ms
    )


def worker(
    pod: str,
    busy: int | None = 0,
    *,
    asked: int | None = None,
    times: int = 1,
    done: bool = False,
    marked: bool = False,
    ready: bool = True,
    rolled: bool = False,
) -> Worker:
    """Give a worker; busy None tells nothing, `asked` is when, `done` confirms that request."""
    state = WorkerState.DRAINED if done else WorkerState.RUNNING
    return Worker(
        pod=pod,
        ready=ready,
        first_to_go=marked,
        beat=None if busy is None else beat(pod, busy, state, asked if done else None),
        request=None if asked is None else DrainRequest(asked_ms=asked, times=times),
        rolled=rolled,
    )
