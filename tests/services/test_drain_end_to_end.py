"""Real workers and a real Redis, planned for as the operator does; the test ends pods as Kubernetes would."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis_server import RedisServer
from rq import Queue
from waiting import eventually, eventually_async
from workers import NAMESPACE, RunningWorker, end, entries, pool_document

from osnovci import observation
from osnovci_operator.drains import Drains
from osnovci_operator.queuepool.crew import Crew, Worker
from osnovci_operator.queuepool.drain import plan

PODS = ("one", "two", "three")
BOUND = timedelta(minutes=1)


@pytest.fixture
def running(
    redis: Redis, redis_server: RedisServer, tmp_path: Path
) -> Iterator[dict[str, RunningWorker]]:
    document = pool_document(concurrency=1)
    workers = {
        pod: RunningWorker.start(redis, redis_server.url, document, tmp_path / pod, pod)
        for pod in PODS
    }
    eventually(lambda: all(each.ready for each in workers.values()))
    yield dict(workers)
    for each in workers.values():
        each.stop()
    for each in workers.values():
        end(each)


class Pool:
    """A pool whose pods are processes: what the operator's tick and reconcile do, in one step."""

    def __init__(self, client: AsyncRedis, running: dict[str, RunningWorker]) -> None:
        self.client = client
        self.running = running
        self.asked = len(running)
        self.marked: set[str] = set()
        self.ended: list[str] = []
        self.drains = Drains(NAMESPACE)

    async def step(self, count: int) -> bool:
        """Take one step towards the count; tell whether it is reached."""
        pods = sorted(self.running)
        sent = await self.drains.write(self.client)
        reply = await self.client.eval(
            observation.SCRIPT.text, 0, *observation.arguments(NAMESPACE, {}, pods)
        )
        read = observation.parse(reply, [], pods)
        self.drains.written(sent)
        workers = tuple(
            Worker(pod, first_to_go=pod in self.marked, beat=beat, request=read.requests.get(pod))
            for pod in pods
            if (beat := read.heartbeats.get(pod))
        )
        way = plan(Crew(self.asked, workers, round(read.at.timestamp() * 1000)), count, BOUND)
        self.drains.ask(way.requests, way.withdrawn)
        while self.asked > way.replicas:
            self.asked -= 1
            pod = min(pods, key=lambda each: (each not in self.marked, each))
            pods.remove(pod)
            self.running.pop(pod).stop()
            self.ended.append(pod)
        self.marked = (self.marked | way.marked) - way.unmarked
        return self.asked == count


async def test_the_idle_worker_goes_at_once_and_the_busy_when_their_jobs_have_ended(
    redis: Redis, client: AsyncRedis, running: dict[str, RunningWorker]
) -> None:
    queue = Queue("email", connection=redis)
    jobs = [queue.enqueue("homework.jobs.record_and_pause", "runs", 6) for _ in range(2)]
    eventually(lambda: sum(each.busy for each in running.values()) == 2)
    idle = {pod for pod, each in running.items() if not each.busy}
    pool = Pool(client, running)
    await eventually_async(lambda: pool.step(2))
    assert set(pool.ended) == idle
    assert queue.started_job_registry.get_job_count(cleanup=False) == 2
    await eventually_async(lambda: pool.step(0))
    assert all(job.is_finished for job in jobs)
    assert {entry.decode() for entry in entries(redis, "runs")} == set(PODS) - idle
    assert redis.llen("runs") == 2


async def test_a_rise_takes_a_drained_worker_back(
    redis: Redis, client: AsyncRedis, running: dict[str, RunningWorker]
) -> None:
    pool = Pool(client, running)
    await pool.step(0)

    async def drained() -> bool:
        await pool.step(0)
        return bool(pool.marked)

    await eventually_async(drained)
    Queue("email", connection=redis).enqueue("homework.jobs.record", "list", "x")
    assert await pool.step(pool.asked)
    await pool.step(pool.asked)
    eventually(lambda: redis.llen("list") == 1)
    assert (pool.marked, pool.ended) == (set(), [])
