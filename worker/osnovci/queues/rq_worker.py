"""A process that takes and runs jobs: stock rq's worker, told what the pool says.

rq itself forks, times out, retries and records. Here is only what a pool adds: its allow-list, its
queues' timeouts and retries, how many ended jobs are kept, and a stop that loses no job.
"""

import json
import logging
import math
import os
import time
from datetime import timedelta
from importlib.resources import files
from types import FrameType
from typing import Any

from redis import Redis
from redis.exceptions import RedisError
from rq import Queue, Worker
from rq.exceptions import DequeueTimeout
from rq.executions import Execution
from rq.job import Job
from rq.utils import now
from rq.worker import WorkerStatus

from osnovci.contract import QueueDocument, RqKeys
from osnovci.errors import TaskRefusedError
from osnovci.queues import tasks
from osnovci.queues.board import Board
from osnovci.queues.serialization import EitherSerializer, serializer_of
from osnovci.settings import WorkerSettings

POP_SECONDS = 1
"""How long one wait for a job lasts; a stop is seen between two."""

WORKER_TTL_SECONDS = 30
"""rq's sockets wait about as long, so a Redis that went silent is given up after that."""

MAINTENANCE_SECONDS = 60
"""How often rq looks for jobs whose worker is gone."""

KEEP = timedelta(days=365)
"""How long rq keeps a result at most; keepCompleted trims by count before that."""

TRIM = files("osnovci.queues").joinpath("trim.lua").read_text()
TRIM_AT_MOST = 1000

Fields = dict[Any, str | int]
"""Fields of a job's hash; the names are text, which redis's types do not take for a mapping's."""

log = logging.getLogger(__name__)


def run_jobs(settings: WorkerSettings, board: Board, slot: int) -> None:
    """Take and run jobs until SIGTERM; ends when Redis is away, to be started anew."""
    rq_log = logging.getLogger("rq.worker")
    rq_log.addFilter(_says_more_than_outage)
    try:
        PoolWorker(settings, board, slot).work(logging_level="WARNING")
    except RedisError:
        raise SystemExit(1) from None


class PoolWorker(Worker):
    """rq's worker with the settings of a pool's queues."""

    def __init__(self, settings: WorkerSettings, board: Board, slot: int) -> None:
        self._pool = settings.pool
        self._documents = {queue.name: queue for queue in settings.pool.queues}
        self._board = board
        self._slot = slot
        super().__init__(
            [queue.name for queue in settings.open_queues],
            name=f"{settings.pod}.{slot}.{os.getpid()}",
            connection=Redis.from_url(settings.redis_url),
            serializer=EitherSerializer,
            worker_ttl=WORKER_TTL_SECONDS,
            maintenance_interval=MAINTENANCE_SECONDS,
            default_result_ttl=round(KEEP.total_seconds()),
            log_job_description=False,
        )
        self._trim = self.connection.register_script(TRIM)

    def request_stop(self, signum: int, frame: FrameType | None) -> None:
        """Take no more; a second time, end the job that runs, which rq then retries or fails.

        Stock rq raises an exception here, and a job popped at that moment would be lost.
        """
        del signum, frame
        if self._stop_requested and self.horse_pid:
            self.kill_horse()
        self._stop_requested = True

    def dequeue_job_and_maintain_ttl(
        self, timeout: int | None, max_idle_time: int | None = None
    ) -> tuple[Job, Queue] | None:
        """Wait for a job; None when told to stop."""
        del timeout, max_idle_time
        self.set_state(WorkerStatus.IDLE)
        while not self._stop_requested:
            self.heartbeat()
            if self.should_run_maintenance_tasks:
                self.run_maintenance_tasks()
            if taken := self._pop():
                return taken
        return None

    def execute_job(self, job: Job, queue: Queue) -> None:
        """Run one job as rq does, by the rules of its queue."""
        document = self._documents[queue.name]
        job.serializer = serializer_of(job.data)
        self._board.mark(self._slot, busy=True)
        try:
            tasks.check(job, self._pool.tasks)
            if given := complete(job, document):
                # Also in Redis, since rq goes by that when this worker is lost.
                self.connection.hset(job.key, mapping=given)
            super().execute_job(job, queue)
        except TaskRefusedError as refusal:
            self._refuse(job, queue, refusal)
        finally:
            self._board.mark(self._slot, busy=False)
        self._trim_ended(document)

    def perform_job(self, job: Job, queue: Queue, execution: Execution) -> bool:
        """Run the job, in the process forked for it, and log how it ended."""
        started = time.monotonic()
        completed = super().perform_job(job, queue, execution)
        outcome = {
            "job": job.id,
            "queue": queue.name,
            "function": job.func_name,
            "outcome": "completed" if completed else "failed",
            "seconds": round(time.monotonic() - started, 3),
        }
        log.info("a job ended", extra=outcome)
        return completed

    def _pop(self) -> tuple[Job, Queue] | None:
        try:
            taken = Queue.dequeue_any(
                self.queues, POP_SECONDS, connection=self.connection, serializer=self.serializer
            )
        except DequeueTimeout:
            return None
        if taken is None:
            return None
        job, queue = taken
        if self._stop_requested:
            self._give_back(job, queue)
            return None
        job.redis_server_version = self.get_redis_server_version()
        return job, queue

    def _give_back(self, job: Job, queue: Queue) -> None:
        with self.connection.pipeline() as pipeline:
            queue.push_job_id(job.id, pipeline=pipeline, at_front=True)
            # A worker with one queue also noted the job there, and rq would fail it a minute later.
            pipeline.lrem(queue.intermediate_queue_key, 1, job.id)
            pipeline.execute()

    def _refuse(self, job: Job, queue: Queue, refusal: TaskRefusedError) -> None:
        log.warning("refused: %s", refusal)
        job.retries_left = 0
        job.ended_at = now()
        self.handle_job_failure(job, queue, exc_string=str(refusal))
        queue.intermediate_queue.remove(job.id)

    def _trim_ended(self, queue: QueueDocument) -> None:
        keys = RqKeys(queue.name)
        self._trim(keys=[keys.completed], args=[queue.keep_completed, "finished", TRIM_AT_MOST])
        self._trim(keys=[keys.failed], args=[queue.keep_failed, "failed", TRIM_AT_MOST])


def complete(job: Job, queue: QueueDocument) -> Fields:
    """Give a job the queue's retries if it has none, and its timeout in place of rq's default.

    Returns the fields of the job's hash that changed.
    """
    given: Fields = {}
    if job.retries_left is None and queue.retries.limit:
        job.retries_left = queue.retries.limit
        # rq counts whole seconds, and a wait of 0 would be none.
        job.retry_intervals = [math.ceil(wait) for wait in queue.retries.waits_seconds()]
        given["retries_left"] = job.retries_left
        given["retry_intervals"] = json.dumps(job.retry_intervals)
    if job.timeout in {None, Queue.DEFAULT_TIMEOUT}:
        job.timeout = given["timeout"] = max(1, math.ceil(queue.timeout_seconds))
    return given


def _says_more_than_outage(record: logging.LogRecord) -> bool:
    """The heartbeat logs an outage of Redis once; rq would log it every second in each process."""
    error = record.exc_info[1] if record.exc_info else None
    arguments = record.args if isinstance(record.args, tuple) else ()
    return not any(isinstance(each, RedisError) for each in (error, *arguments))
