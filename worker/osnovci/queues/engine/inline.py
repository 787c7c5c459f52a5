"""Jobs in this process: `async def` tasks as coroutines of the engine's loop, others in threads.

For jobs that wait for others. A job that crashes the process takes its neighbours with it, which
then run again elsewhere; a thread that ignores its timeout is given up, not ended.
"""

import asyncio
import ctypes
import threading
import time
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

from osnovci.queues.engine.body import prepare, refused, run, run_async
from osnovci.queues.engine.executor import Sink, body_of
from osnovci.queues.engine.jobs import Outcome, Taken
from osnovci.queues.errors import JobTimeoutError, QueueError
from osnovci.queues.tasks import load


class InlineExecutor:
    """Runs jobs as coroutines and threads."""

    overrun_seconds = 0.0

    def __init__(self, modules: Sequence[str], concurrency: int) -> None:
        self._modules = modules
        self.concurrency = concurrency
        self._running: dict[str, Any] = {}
        """By execution: the coroutine's task, or the ident of the job's thread (0: not begun)."""

    async def start(self, sink: Sink) -> None:
        """Load the tasks."""
        self._sink = sink
        self._loop = asyncio.get_running_loop()
        self._tasks = load(self._modules)
        self._pool = ThreadPoolExecutor(self.concurrency, "job")

    def room(self, extra: int) -> int:  # noqa: ARG002  # nothing waits in here
        """Say how many more jobs may run."""
        return self.concurrency - len(self._running)

    def submit(self, job: Taken) -> None:
        """Start a job."""
        try:
            task, payload = prepare(self._tasks, body_of(job))
        except QueueError as error:
            self._running[job.execution] = 0
            outcome = refused(body_of(job), error, time.time())
            self._loop.call_soon(self._end, job, outcome)
            return
        if task.is_async:
            work = run_async(task, payload, self._tasks, body_of(job), self._reporter(job))
            coroutine = self._loop.create_task(work)
            self._running[job.execution] = coroutine
            coroutine.add_done_callback(lambda done: self._end(job, done.result()))
        else:
            self._running[job.execution] = 0
            self._pool.submit(self._in_thread, job).add_done_callback(
                lambda done: self._from_thread(job, done)
            )

    def _in_thread(self, job: Taken) -> Outcome:
        if self._running.get(job.execution) != 0:
            raise JobTimeoutError("it was stopped before it began")
        self._running[job.execution] = threading.get_ident()
        return run(self._tasks, body_of(job), self._reporter(job))

    def _from_thread(self, job: Taken, done: Future[Outcome]) -> None:
        if not done.exception():
            self._loop.call_soon_threadsafe(self._end, job, done.result())

    def _reporter(self, job: Taken) -> Any:
        def report(fraction: float) -> None:
            self._loop.call_soon_threadsafe(self._sink.progressed, job.execution, fraction)

        return report

    def _end(self, job: Taken, outcome: Outcome) -> None:
        """Tell of a job's end, unless it was settled by force before."""
        if self._running.pop(job.execution, None) is not None:
            self._sink.ended(job, outcome)

    def take_back(self) -> list[Taken]:
        """Nothing waits in here."""
        return []

    def stop(self, job: Taken, outcome: Outcome | None) -> None:
        """Cancel a coroutine; raise JobTimeoutError in a thread, and give it up if it goes on."""
        work = self._running.pop(job.execution, None)
        if isinstance(work, asyncio.Task):
            work.cancel()
        elif work:
            raised = ctypes.py_object(JobTimeoutError)
            ctypes.pythonapi.PyThreadState_SetAsyncExc(ctypes.c_ulong(work), raised)
        if outcome:
            self._sink.ended(job, outcome)

    def look_after(self) -> None:
        """Nothing needs replacing in here."""

    async def close(self) -> None:
        """Leave what runs: the process ends with its worker."""
        self._pool.shutdown(wait=False, cancel_futures=True)
