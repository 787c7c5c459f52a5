"""One process that takes jobs: stock rq's worker, told what the pool says.

rq itself takes, forks, times out, retries and records. Here is only what a pool adds: its
allow-list, and its timeout and retries for jobs that were enqueued without their own.
"""

import logging
import math
import os
from collections.abc import MutableSequence
from datetime import timedelta
from importlib import import_module
from typing import Any

from redis import Redis
from rq import Queue, Worker
from rq.job import Job

from osnovci import logs
from osnovci.contract import PoolDocument, QueueDocument
from osnovci.errors import TaskNotAllowedError
from osnovci.settings import WorkerSettings

KEEP = timedelta(days=365)
"""How long rq keeps a result at most; the pool's keepCompleted trims by count before that."""

log = logging.getLogger(__name__)


def work(settings: WorkerSettings, slot: int, busy: MutableSequence[int]) -> None:
    """Take and run jobs until SIGTERM; `busy[slot]` is 1 while a job runs."""
    os.setpgrp()  # A terminal's Ctrl-C is the supervisor's to handle.
    logs.configure("INFO", quiet=("rq",))
    for module in settings.pool.tasks:
        import_module(module)
    queues = [queue for queue in settings.pool.queues if not queue.paused]
    worker = PoolWorker(
        [queue.name for queue in queues],
        name=f"{settings.pod}.{slot}.{os.getpid()}",
        connection=Redis.from_url(settings.redis_url),
        default_result_ttl=int(KEEP.total_seconds()),
        job_class=type("AllowedJob", (PoolJob,), {"tasks": settings.pool.tasks}),
        log_job_description=False,
    )
    worker.follow(settings.pool, slot, busy)
    worker.work(logging_level="WARNING")


class PoolJob(Job):
    """A job that runs only if its function is in one of the pool's modules."""

    tasks: tuple[str, ...] = ()

    def perform(self) -> Any:
        """Run the job, or refuse it before anything of it is imported."""
        name = self.func_name or ""
        if not any(name.startswith(f"{task}.") for task in self.tasks):
            self.retries_left = 0
            raise TaskNotAllowedError(self.id, name, self.tasks)
        return super().perform()


class PoolWorker(Worker):
    """rq's worker with the settings of a pool's queues."""

    max_connection_wait_time = 2.0

    def follow(self, pool: PoolDocument, slot: int, busy: MutableSequence[int]) -> None:
        """Apply a pool's settings from now on."""
        self._pool_queues = {queue.name: queue for queue in pool.queues}
        self._slot = slot
        self._busy = busy

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Run one job as rq does, with what the pool's queue says where the job says nothing."""
        complete(job, self._pool_queues[queue.name])
        self._busy[self._slot] = 1
        try:
            super().execute_job(job, queue)
        finally:
            self._busy[self._slot] = 0


def complete(job: Job, queue: QueueDocument) -> None:
    """Give a job the queue's retries if it has none, and its timeout in place of rq's default."""
    if job.retries_left is None and queue.retries.limit:
        job.retries_left = queue.retries.limit
        # rq counts whole seconds.
        job.retry_intervals = [math.ceil(wait) for wait in queue.retries.waits_seconds()]
    if job.timeout in {None, Queue.DEFAULT_TIMEOUT}:
        job.timeout = max(1, round(queue.timeout_seconds))
