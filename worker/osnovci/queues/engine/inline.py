"""Jobs in this process: `async def` tasks as coroutines of the engine's loop, others in threads.

For jobs that wait for others. A job that crashes the process takes its neighbours with it, which
then run again elsewhere; a thread that ignores its timeout is given up, not ended.
"""

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence

from osnovci.queues.engine.body import Body, call_back, failed, prepare, refused, run
from osnovci.queues.engine.executor import Sink, body_of
from osnovci.queues.engine.jobs import Kind, Outcome, Taken
from osnovci.queues.engine.threads import Threads
from osnovci.queues.errors import JobTimeoutError, QueueError
from osnovci.queues.payload import Payload, encode_result
from osnovci.queues.running import enter
from osnovci.queues.tasks import Task, load


class InlineExecutor:
    """Runs jobs as coroutines and threads."""

    overrun_seconds = 0.0

    def __init__(self, modules: Sequence[str], concurrency: int) -> None:
        self._tasks = load(modules)
        self.concurrency = concurrency
        self._running: dict[str, asyncio.Task[None] | None] = {}
        """By execution: the coroutine's task; None for a job in a thread."""

    async def start(self, sink: Sink) -> None:
        """Start the threads."""
        self._sink = sink
        self._loop = asyncio.get_running_loop()
        self._threads = Threads(self.concurrency)

    @property
    def able(self) -> int:
        """All slots, always."""
        return self.concurrency

    def room(self, extra: int) -> int:  # noqa: ARG002  # nothing waits in here
        """Say how many more jobs may run."""
        return self.concurrency - len(self._running)

    def submit(self, job: Taken) -> None:
        """Start a job."""
        try:
            task, payload = prepare(self._tasks, body_of(job))
        except QueueError as error:
            self._running[job.execution] = None
            outcome = refused(body_of(job), error, time.time())
            self._loop.call_soon(self._end, job, outcome)
            return
        if task.is_async:
            work = self._in_loop(job, task, payload)
            self._running[job.execution] = self._loop.create_task(work)
        else:
            self._running[job.execution] = None
            self._threads.submit(job.execution, lambda: self._in_thread(job))

    async def _in_loop(self, job: Taken, task: Task, payload: Payload) -> None:
        report = self._reporter(job)
        self._end(job, await run_async(task, payload, self._tasks, body_of(job), report))

    def _in_thread(self, job: Taken) -> None:
        if job.execution in self._running:
            outcome = run(self._tasks, body_of(job), self._reporter(job))
            self._loop.call_soon_threadsafe(self._end, job, outcome)

    def _reporter(self, job: Taken) -> Callable[[float], None]:
        def report(fraction: float) -> None:
            self._loop.call_soon_threadsafe(self._sink.progressed, job.execution, fraction)

        return report

    def _end(self, job: Taken, outcome: Outcome) -> None:
        """Tell of a job's end, unless it was settled by force before."""
        if job.execution in self._running:
            del self._running[job.execution]
            self._sink.ended(job, outcome)

    def take_back(self) -> list[Taken]:
        """Nothing waits in here."""
        return []

    def stop(self, job: Taken, outcome: Outcome) -> None:
        """Cancel a coroutine; raise JobTimeoutError in a thread, and give it up if it goes on."""
        coroutine = self._running.pop(job.execution, None)
        if coroutine:
            coroutine.cancel()
        else:
            self._threads.give_up(job.execution)
        self._sink.ended(job, outcome)

    def look_after(self) -> None:
        """Nothing needs replacing in here."""

    async def close(self) -> None:
        """Leave what runs: its threads end with the process."""


async def run_async(
    task: Task,
    payload: Payload,
    tasks: Mapping[str, Task],
    body: Body,
    report: Callable[[float], None],
) -> Outcome:
    """Run a coroutine's job in this loop to its end; it is cancelled at its timeout from outside."""
    started = time.time()
    enter(body.job_id, report)
    try:
        value = await task.function(*payload.args, **payload.kwargs)
        if body.on_success:
            await asyncio.to_thread(call_back, tasks, body, payload, body.on_success, value)
    except BaseException as error:  # noqa: BLE001  # as in `run`
        if isinstance(error, asyncio.CancelledError):
            error = JobTimeoutError(
                f"it ran longer than its timeout of {body.timeout} s, or was stopped"
            )
        return await asyncio.to_thread(failed, tasks, body, payload, error, started)
    return Outcome(Kind.COMPLETED, encode_result(value, payload.format), started, time.time())
