"""The engine: in each turn it ends what has run, takes what there is room for, and hands it out.

A turn is one round trip. While jobs run and there is nothing to end, or every queue is empty, the
engine waits to be woken, and turns of it stand in Redis (wakeups.py). It never waits with a job in
hand that nobody knows: Redis marks a job as held by this worker in the same script that takes it.
"""

import asyncio
import logging
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any

from osnovci.contract import QueueDocument
from osnovci.queues.engine.claims import Claims
from osnovci.queues.engine.executor import Executor
from osnovci.queues.engine.jobs import Kind, Outcome, Taken, ending, timeout_of
from osnovci.queues.engine.lease import Lease
from osnovci.queues.engine.pace import Pace
from osnovci.queues.engine.turns import Runner, Turn, Turns
from osnovci.queues.payload import encode_error
from osnovci.queues.runs import NOTED, Noted
from osnovci.queues.scripts import Call

log = logging.getLogger(__name__)
TURN_SECONDS = 5.0
RETRY_SECONDS = 0.2
HELD_TOO_LONG_SECONDS = 1.0
"""A job that waits so long in this worker goes back, for another one to run."""
MAX_ENDED = 200


class Engine:
    """Runs the jobs of some queues, `concurrency` at a time."""

    def __init__(  # noqa: PLR0913  # composed once, in worker.py
        self,
        worker: str,
        *,
        run_id: str,
        queues: Sequence[QueueDocument],
        redis: Runner,
        executor: Executor,
        busy: Callable[[int], None],
        rest: Callable[[int, int], None],
    ) -> None:
        self._tell_busy, self._tell_rest = busy, rest
        self._queues = {queue.name: queue for queue in queues}
        self._turns = Turns(worker, run_id, queues)
        self._redis, self._executor = redis, executor
        self._pace = Pace(executor.concurrency)
        self._ready: deque[Taken] = deque()
        self._ended: list[dict[str, Any]] = []
        self._claims = Claims()
        self._away = False
        self._lease = Lease(time.monotonic())
        self._timer: asyncio.TimerHandle | None = None
        self.progress: deque[tuple[str, float]] = deque()
        """What jobs reported and the next renewal tells; a deque, because the keeper is a thread."""
        self.runs: deque[Noted] = deque(maxlen=NOTED)
        """What ran, for the keeper to record; the oldest go where nobody does."""
        self.held: dict[str, Taken] = {}
        self.wake = asyncio.Event()
        self.idle = asyncio.Event()
        """Set while a slot is free and the queues have nothing for it."""
        self.blocked: frozenset[str] = frozenset()
        self.draining = False
        self._asked_ms = 0
        """The drain request that stands for this worker; 0 for none."""

    async def run(self) -> None:
        """Work until `drain` was called and every job has ended."""
        await self._executor.start(self)
        await self._turn()
        while not (self.draining and not self.held and not self._ended):
            if not self._ended:
                await self.wake.wait()
            self.wake.clear()
            await self._turn()
        self._wake_in(None)

    def _wake_in(self, seconds: float | None) -> None:
        """Have a turn when something is due, if nothing ends or arrives before; in place of the last."""
        if self._timer:
            self._timer.cancel()
        loop = asyncio.get_running_loop()
        self._timer = None if seconds is None else loop.call_later(seconds, self.wake.set)

    async def _turn(self) -> None:
        """End, take, hand out."""
        ended, self._ended = self._ended[:MAX_ENDED], self._ended[MAX_ENDED:]
        shut = self._closed or self._lease.is_over(time.monotonic())
        want = 0 if shut else self._room(self._pace.ahead)
        if not ended and want == 0:
            if self._asked_ms and not self.held:
                self._tell_rest(self._asked_ms, self._asked_ms)
            return
        holds, term = len(self.held) + len(self._ended), self._lease.term
        call = self._turns.next(want=want, slots=self._room(0), holds=holds, ended=ended)
        try:
            async with asyncio.timeout(TURN_SECONDS):
                reply = await self._redis.run(call, told=self._hand_out)
        except Exception as error:  # noqa: BLE001  # Redis is away: what ended is kept and sent again
            if not self._away:
                log.warning("turns fail, trying on: %s", error)
            self._away = True
            self._ended = ended + self._ended
            await asyncio.sleep(RETRY_SECONDS)
            self.wake.set()
            return
        self._away = False
        self._claims.settled(ended)
        if reply.late:
            log.info("%d jobs had been taken from this worker or cancelled", len(reply.late))
        self._took(reply, term)

    def standing(self) -> tuple[Call[Turn], int]:
        """Give a turn for as much as this engine can run, and the term in which it is asked.

        What the engine holds by then leaves less room.
        """
        able = self._executor.able
        call = self._turns.next(want=able, slots=able, holds=0, ended=(), stands=True)
        return call, self._lease.term

    def stood(self, reply: Turn, term: int) -> None:
        """Begin what a standing turn took; what cannot begin, as a process has died, goes back."""
        self._took(reply, term)
        waiting, self._ready = self._ready, deque()
        for job in waiting:
            self.ended(job, Outcome(Kind.BACK))
        if not reply.room:
            self.wake.set()

    def _took(self, reply: Turn, term: int) -> None:
        """Hand out what a turn of that term of the lease took, and see when to take more."""
        self._turns.note(reply)
        self._take(reply.jobs, term)
        self.blocked = reply.blocked
        self._wake_in(reply.due_seconds)
        if len(reply.jobs) < reply.room and self._room(0) and not self._closed:
            self.idle.set()
            return
        self.idle.clear()
        if reply.jobs and self._room(self._pace.ahead):
            self.wake.set()

    def _room(self, extra: int) -> int:
        """Say how many jobs may be taken, where so many may wait besides those that run.

        Ends that this turn does not tell keep their room: what was begun and may have to run again
        is never more than that.
        """
        return max(self._executor.able + extra - len(self.held) - len(self._ended), 0)

    def _take(self, jobs: Sequence[Taken], term: int) -> None:
        now = time.monotonic()
        is_ours = self._lease.lasts_since(term, now)
        for job in jobs:
            job.taken_at = now
            if job.member in self._claims.given_up:
                continue
            job.timeout = timeout_of(job, self._queues[job.queue])
            self.held[job.execution] = job
            if not is_ours:
                self.ended(job, Outcome(Kind.BACK))
            elif job.broken:
                self.ended(job, Outcome(Kind.REFUSED, encode_error(job.broken)))
            else:
                self._ready.append(job)
        if self._closed:
            self.give_back()
        self._hand_out()

    def _hand_out(self) -> None:
        """Begin what is held, once Redis has been told of what ended."""
        untold = self._pace.untold
        may = not self._lease.is_over(time.monotonic()) and len(self._ended) <= untold
        while may and self._ready and self._executor.room(untold) > 0:
            job = self._ready.popleft()
            if job.execution in self.held:  # it was not stopped while it waited here
                job.begun_at = time.monotonic()
                self._executor.submit(job)
        self._tell_busy(min(len(self.held), self._executor.concurrency))

    def ended(self, job: Taken, outcome: Outcome) -> None:
        """Note a job's end, for the next turn to tell."""
        if self.held.pop(job.execution, None) is None:
            return
        if outcome.ended > outcome.started:
            self.runs.append((job.waited_since, outcome.started, outcome.ended))
        if outcome.kind is Kind.COMPLETED:
            self._pace.note(outcome.ended - outcome.started)
        self._settle(ending(job, outcome, self._queues.get(job.queue)))
        self._hand_out()

    def _settle(self, entry: dict[str, Any]) -> None:
        self._ended.append(entry)
        self._claims.settle(entry)
        self.wake.set()

    def returned(self, job: Taken) -> None:
        """Hand a job out again that was not begun."""
        if job.execution in self.held:
            job.begun_at = 0.0
            self._ready.appendleft(job)
            if self._closed:
                self.give_back()
            self._hand_out()

    def grown(self) -> None:
        """Take a job for a process that is new."""
        self._hand_out()
        self.wake.set()

    def progressed(self, execution: str, fraction: float) -> None:
        """Note a job's progress, for the next renewal to tell."""
        if job := self.held.get(execution):
            self.progress.append((job.id, fraction))

    def drain(self) -> None:
        """Take no more jobs; give back those that were not begun."""
        self.draining = True
        self.give_back()
        self.wake.set()

    @property
    def _closed(self) -> bool:
        return self.draining or bool(self._asked_ms)

    def ask_to_drain(self, asked_ms: int) -> None:
        """Take no more jobs while this request stands, and tell when none is left; 0 ends that."""
        if asked_ms == self._asked_ms:
            return
        self._asked_ms = asked_ms
        self._tell_rest(asked_ms, 0)
        if asked_ms:
            self.idle.clear()
            self.give_back()
        self.wake.set()

    def give_back(self) -> None:
        """Give back what was not begun, here and in the executor."""
        for job in self._unbegun():
            self.ended(job, Outcome(Kind.BACK))

    def _unbegun(self) -> list[Taken]:
        found, self._ready = [*self._ready, *self._executor.take_back()], deque()
        return found

    def give_up(self) -> None:
        """End by force what still runs; it runs again elsewhere, uncounted."""
        for job in list(self.held.values()):
            self._executor.stop(job, Outcome(Kind.BACK))

    def stop_execution(self, execution: str, why: str = "", kind: Kind = Kind.BACK) -> None:
        """End a job by force, as failed for a reason or as given back.

        Of these Redis puts back what is still this worker's: not what was cancelled, or runs elsewhere.
        """
        if job := self.held.get(execution):
            now = time.time()
            self._executor.stop(job, Outcome(kind, encode_error(why), now, now))

    def renewed(self, listed: frozenset[str], asked_at: float, answered_at: float) -> None:
        """Compare what Redis says this worker holds with what it does hold; once a second."""
        lapsed = self._lease.is_over(answered_at)
        for job in list(self.held.values()):
            if job.member not in listed and (lapsed or job.taken_at < asked_at):
                log.warning("job %s was cancelled, or lost with this worker's lease", job.id)
                self.stop_execution(job.execution)
        self._lease.renew(asked_at, answered_at)
        for member in self._claims.give_up(listed, (job.member for job in self.held.values())):
            id_, execution = member.rsplit(":", 1)
            self._settle({"id": id_, "execution": execution, "kind": Kind.BACK})
        self._look_after()

    def _look_after(self) -> None:
        now = time.monotonic() - self._executor.overrun_seconds
        for job in list(self.held.values()):
            limit = job.timeout or 0
            if limit > 0 and job.begun_at and now > job.begun_at + limit:
                why = f"It ran longer than its timeout of {limit} s."
                self.stop_execution(job.execution, why, Kind.FAILED)
        self._return_waiting()
        self._executor.look_after()
        self.wake.set()

    def _return_waiting(self) -> None:
        """Give back what waits behind a long job, while others might run it."""
        late = time.monotonic() - HELD_TOO_LONG_SECONDS
        for job in self._unbegun():
            if job.taken_at < late:
                self.ended(job, Outcome(Kind.BACK))
            else:
                self.returned(job)
