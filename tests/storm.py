"""The storm: workers are killed all the time, Redis is restarted, the network is cut; and the count after."""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import queue_tasks
from redis.exceptions import RedisError
from redis_server import DurableRedis
from waiting import eventually
from workers import NAMESPACE, RunningWorker, pool_document, queue_document

from osnovci.contract import ENV_REDIS_URL, PoolDocument, key_prefix
from osnovci.queues import operations
from osnovci.queues.audit import Report, audit
from osnovci.queues.client import Queues
from osnovci.queues.operations import Options
from osnovci.queues.payload import decode
from osnovci.queues.scripts import text


@dataclass(frozen=True)
class Toll:
    """What a storm cost."""

    jobs: int
    lost: int
    """Jobs that did not end, and are not set aside."""
    failed: int
    set_aside: int
    duplicates: int
    """Runs that began besides the first of each job."""
    done_twice: int
    """Of these, how many came after a run that had done its work."""
    kills: int
    seconds: float
    report: Report

    @property
    def thrice_by_chance(self) -> float:
        """How many jobs to expect that were hit three times, as each run is hit with one chance."""
        return self.jobs * (self.duplicates / (self.jobs + self.duplicates)) ** 3


@dataclass
class Storm:
    """Some workers, and what happens to them."""

    redis: DurableRedis
    folder: Path
    pool: PoolDocument
    kill_every_seconds: float = 0.2
    workers: list[RunningWorker] = field(default_factory=list)
    kills: int = 0
    started: int = 0

    def start_worker(self) -> None:
        """Start one more worker; like a pod it has a name of its own."""
        self.started += 1
        log = self.folder / f"worker-{self.started}.log"
        pod = f"pod-{self.started}"
        redis = self.redis
        self.workers.append(RunningWorker.start(redis.client, redis.url, self.pool, log, pod))

    def kill_one(self, chance: random.Random) -> None:
        """Kill a worker that is at work, as far as Redis knows; a new one takes its place."""
        at_work = [each for each in self.workers if self._lease(each) is not None]
        if not at_work:
            return
        worker = chance.choice(at_work)
        os.kill(worker.process.pid, signal.SIGKILL)
        worker.process.wait()
        self.kills += 1
        self.workers.remove(worker)
        self.start_worker()

    def end(self) -> None:
        """Stop what is left, in order."""
        for worker in self.workers:
            worker.stop()
        for worker in self.workers:
            worker.ends(within=30)
        eventually(lambda: not self._left_behind())

    def _left_behind(self) -> list[str]:
        """Give the processes of any worker that still run: none may outlive its supervisor."""
        mine = f"{ENV_REDIS_URL}={self.redis.url}".encode()
        found: list[str] = []
        for environment in Path("/proc").glob("[0-9]*/environ"):
            with suppress(OSError):
                if mine in environment.read_bytes().split(b"\0"):
                    found.append(environment.parent.name)
        return found

    def _lease(self, worker: RunningWorker) -> Any:
        try:
            return self.redis.client.zscore(f"{key_prefix(NAMESPACE)}leases", worker.pod)
        except RedisError:
            return None


def accept(queues: Queues, jobs: int, seconds: float, runs: Path) -> None:
    """Enqueue jobs, each of which writes down its own runs."""
    for first in range(0, jobs, 500):
        many = [
            operations.request(
                queue_tasks.witness, str(runs), number, seconds, options=Options(queue="email")
            )
            for number in range(first, min(first + 500, jobs))
        ]
        queues.run(operations.enqueue_many(many))


def storm(  # what the storm is made of
    redis: DurableRedis,
    folder: Path,
    *,
    jobs: int,
    workers: int,
    concurrency: int,
    job_seconds: float,
    events: Callable[[float], Iterator[str]],
    within: float,
    seed: int = 1,
) -> Toll:
    """Run jobs through a storm; `events` says what befalls Redis as the share of jobs done grows."""
    queues = Queues(redis.client, NAMESPACE)
    runs = folder / "runs"
    accept(queues, jobs, job_seconds, runs)
    document = queue_document(keep_completed=jobs + 1, keep_failed=jobs + 1)
    tasks = ("queue_tasks",)
    it = Storm(
        redis, folder, pool_document(document, tasks=tasks, concurrency=concurrency, grace=5)
    )
    for _ in range(workers):
        it.start_worker()
    chance, began = random.Random(seed), time.monotonic()
    try:
        while (done := _done(queues)) < jobs and time.monotonic() - began < within:
            for event in events(done / jobs):
                strike(redis, event)
            it.kill_one(chance)
            time.sleep(it.kill_every_seconds)
        eventually(lambda: _done(queues) >= jobs, within=120)
    finally:
        it.end()
    return _toll(queues, runs, jobs, it.kills, time.monotonic() - began)


def strike(redis: DurableRedis, event: str) -> None:
    """Do to Redis what an event says."""
    if event == "restart":
        redis.kill()
        redis.start()
    elif event == "cut":
        redis.cut()


def _done(queues: Queues) -> int:
    try:
        found = queues.run(operations.stats("email"))["email"]
    except RedisError:
        return 0
    kept: Any = queues.redis.zcard("rq:finished:email")
    return int(kept) + found.failed


def _toll(queues: Queues, runs: Path, jobs: int, kills: int, seconds: float) -> Toll:
    report = audit(queues)
    failed: Any = queues.redis.zrange("rq:failed:email", 0, -1)
    kept = [_kept(queues, text(each)) for each in failed]
    lines = [line.split() for line in runs.read_text().splitlines()]
    began = Counter(int(number) for what, number in lines if what == "began")
    ended = Counter(int(number) for what, number in lines if what == "ended")
    return Toll(
        jobs=jobs,
        lost=len(set(range(jobs)) - set(ended) - {number for number, _ in kept}),
        failed=sum(not set_aside for _, set_aside in kept),
        set_aside=sum(set_aside for _, set_aside in kept),
        duplicates=began.total() - len(began),
        done_twice=ended.total() - len(ended),
        kills=kills,
        seconds=seconds,
        report=report,
    )


def _kept(queues: Queues, job_id: str) -> tuple[int, bool]:
    """Give the number of a job that failed, and whether it was set aside."""
    found: Any = queues.redis.hmget(f"rq:job:{job_id}", "data", "quarantined")
    return int(decode(found[0]).args[1]), found[1] is not None
