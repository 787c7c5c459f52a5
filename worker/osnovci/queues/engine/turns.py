"""What a worker sends to Redis, and what it reads: one turn, one renewal. Pure."""

import json
import logging
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from osnovci.contract import DrainRequest, QueueDocument
from osnovci.queues.engine.jobs import Taken, parse_taken
from osnovci.queues.payload import encode_error
from osnovci.queues.scripts import Call, script, text

log = logging.getLogger(__name__)
LEASE_MS = 3_000
RENEW_SECONDS = 1.0
"""A worker that dies loses its lease within 3 s, and another one sees it within 1 s more."""

LOST_LEASE = encode_error(
    "The worker that ran this job died or could not reach Redis: its lease was not renewed."
)
FAIR_TURN = 4
"""Of so many turns one begins at the next queue in line instead of the first: none starves."""


@dataclass(frozen=True)
class Turn:
    """The reply to a turn."""

    room: int
    """How many jobs it could have taken."""
    due_seconds: float | None
    """Until the next scheduled job is due, or a limit lets one start."""
    late: Sequence[str]
    """Executions that were not this worker's to end: cancelled, or lost with the lease."""
    blocked: frozenset[str]
    """Queues that are paused or at a limit."""
    jobs: list[Taken]
    broken: Mapping[str, str]
    """Queues of which a key cannot be read, and why: they hold up no others."""


@dataclass(frozen=True)
class Renewal:
    """The reply to a renewal."""

    listed: frozenset[str]
    """The JOB:EXECUTION that this worker holds."""
    asked_ms: int
    """The drain request that stands for it; 0 for none."""


def plan(queues: Sequence[QueueDocument]) -> str:
    """Write how the queues are run, for turn.lua."""
    return json.dumps([_planned(queue) for queue in queues])


def _planned(queue: QueueDocument) -> list[Any]:
    rate = queue.rate
    return [
        queue.name, queue.keep_completed, queue.keep_failed, queue.paused, queue.max_active or 0,
        rate.limit if rate else 0, round(rate.window_seconds * 1000) if rate else 1000,
    ]  # fmt: skip


def first_queue(turn: int, queues: int) -> int:
    """Choose the queue at which a turn begins, counted from 1."""
    return turn // FAIR_TURN % queues + 1 if turn % FAIR_TURN == FAIR_TURN - 1 else 1


def turn(  # noqa: PLR0913  # the script's own arguments
    worker: str,
    name: str,
    *,
    want: int,
    slots: int,
    first: int,
    plan: str,
    ended: Sequence[Mapping[str, Any]],
    holds: int = 0,
    stands: bool = False,
) -> Call[Turn]:
    """End jobs and take the next; the worker knows that it `holds` so many others.

    One that `stands` runs in Redis behind a wait.
    """
    args = [
        worker, name, LEASE_MS, want, first, plan, json.dumps(ended) if ended else "[]", slots,
        holds, int(stands),
    ]  # fmt: skip
    return Call(script("turn"), args, _parse)


class Runner(Protocol):
    """Whatever runs turns on Redis."""

    async def run(self, call: Call[Turn], told: Callable[[], None]) -> Turn:
        """Run one; what it says is `told` when it is on its way, whatever becomes of this process."""
        ...


class Turns:
    """The turns of one engine, each under a name of its own."""

    def __init__(self, worker: str, run_id: str, queues: Sequence[QueueDocument]) -> None:
        self._worker, self._run_id = worker, run_id
        self._plan, self._queues = plan(queues), len(queues)
        self._number = 0
        self._broken: Mapping[str, str] = {}

    def next(
        self,
        *,
        want: int,
        slots: int,
        holds: int,
        ended: Sequence[Mapping[str, Any]],
        stands: bool = False,
    ) -> Call[Turn]:
        """Give the next one, as `turn` does."""
        number, self._number = self._number, self._number + 1
        return turn(
            self._worker,
            f"{self._run_id}{number}",
            want=want,
            slots=slots,
            first=first_queue(number, self._queues),
            plan=self._plan,
            ended=ended,
            holds=holds,
            stands=stands,
        )

    def note(self, reply: Turn) -> None:
        """Tell once of each queue that cannot be read."""
        for queue in reply.broken.keys() - self._broken.keys():
            log.error("queue %s: a key of it cannot be read: %s", queue, reply.broken[queue])
        self._broken = reply.broken


def _parse(reply: Sequence[Any]) -> Turn:
    room, due, late, blocked, jobs, broken = reply
    return Turn(
        room=room,
        due_seconds=None if due < 0 else due / 1000,
        late=[text(each) for each in late],
        blocked=frozenset(text(each) for each in blocked),
        jobs=[parse_taken(row) for row in jobs],
        broken={text(queue): text(why) for queue, why in broken},
    )


def renew(
    worker: str,
    queues: Iterable[str],
    about: Mapping[str, Any],
    progress: Sequence[tuple[str, float]],
) -> Call[Renewal]:
    """Renew the lease."""
    args = [
        worker, LEASE_MS, LOST_LEASE, json.dumps(list(queues)), json.dumps(dict(about)), json.dumps(progress),
    ]  # fmt: skip
    return Call(script("renew"), args, _parse_renewal)


def _parse_renewal(reply: Sequence[Any]) -> Renewal:
    listed, _, document = reply
    request = DrainRequest.read(document)
    return Renewal(frozenset(text(each) for each in listed), request.asked_ms if request else 0)
