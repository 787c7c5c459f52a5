"""The connections of a real PostgreSQL are never exceeded, whatever its apps are told meanwhile."""

import asyncio
import json
import re
import threading
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime

import asyncpg
import pytest
from pools import TestPool
from programs import serving
from redis import Redis
from rq import Queue
from waiting import eventually
from web_apps import NAMESPACE, TestApp

from cluster.kubectl import kubectl

URL = "postgresql://homework:homework@127.0.0.1:15432/homework"
LIMIT = 40
"""The example's PostgreSQL has max_connections 60, of which 20 are for others than apps."""

DATABASE = {"maxConnections": 60, "reservedConnections": 20, "connectionsPerProcess": 10}
OPEN = """
    SELECT count(*) FROM pg_stat_activity
    WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
"""
REFUSED = re.compile("too many clients|remaining connection slots|too many connections")
ERRORS = "test-budget:errors"


@dataclass
class Watched:
    """What PostgreSQL and the app's status said, looked at all the time."""

    most: int = 0
    """Connections at a time."""
    looks: int = 0
    told: set[str] = field(default_factory=set[str])
    """Status and reason of DatabaseBudget."""


@contextmanager
def watched(app: TestApp) -> Generator[Watched]:
    """Look at both until the end of the block."""
    seen, ended = Watched(), threading.Event()

    async def look() -> None:
        connection = await asyncpg.connect(URL)
        while not ended.is_set():
            seen.most = max(seen.most, await connection.fetchval(OPEN))
            seen.looks += 1
            await asyncio.sleep(0.02)
        await connection.close()

    def read() -> None:
        while not ended.is_set():
            condition = app.condition("DatabaseBudget")
            seen.told.add(f"{condition['status']} {condition['reason']}")

    threads = [threading.Thread(target=lambda: asyncio.run(look())), threading.Thread(target=read)]
    for each in threads:
        each.start()
    try:
        yield seen
    finally:
        ended.set()
        for each in threads:
            each.join()


def now_open() -> int:
    async def ask() -> int:
        connection = await asyncpg.connect(URL)
        try:
            return await connection.fetchval(OPEN)
        finally:
            await connection.close()

    return asyncio.run(ask())


@pytest.fixture
def hungry(redis: Redis) -> Iterator[TestApp]:
    """Name an app that opens all it may, beside that of the example; no worker has any open."""
    app = TestApp("web-hungry")
    for others in ("osnovci.app/pool", f"osnovci.app/app={app.name}"):
        pods = ("-n", NAMESPACE, "get", "pods", "-l", others, "-o", "name")
        eventually(lambda p=pods: not kubectl(*p), within=240)
    redis.delete(ERRORS)
    yield app
    kubectl("-n", NAMESPACE, "delete", "oapp", app.name, "--ignore-not-found", "--wait=false")
    redis.delete(ERRORS)


def change(app: TestApp, version: str, *, replicas: int, processes: int = 1) -> None:
    app.apply(
        pod=serving("hungry", VERSION=version, ERRORS=ERRORS),
        replicas=replicas,
        processes=processes,
        database=DATABASE,
        shutdown={"drain": "1s", "grace": "10s"},
        rollout={"minReady": "2s", "deadline": "3m"},
    )


def roll_out_three(app: TestApp) -> None:
    change(app, "1", replicas=3)
    app.wait("Progressing", "RolledOut")
    app.wait("ConfigEnforced", "Enforced")


def refusals(since: datetime) -> list[str]:
    log = kubectl(
        "-n", NAMESPACE, "logs", "deployment/postgres", f"--since-time={since.isoformat()}"
    )
    return [line for line in log.splitlines() if REFUSED.search(line)]


def test_a_rollout_that_is_scaled_up_to_12_never_meets_a_refusal(
    hungry: TestApp, redis: Redis
) -> None:
    since = datetime.now(UTC)
    roll_out_three(hungry)
    with watched(hungry) as seen:
        # They eat: what they may have is open. 3 pods and 2 of a rollout, beside as many of the example.
        eventually(lambda: hungry.get()["status"]["database"]["inUse"] >= 3 * 4)
        before = hungry.pods()
        change(hungry, "2", replicas=3)
        eventually(lambda: hungry.pods() - before and hungry.pods() & before)
        kubectl("-n", NAMESPACE, "scale", "oapp", hungry.name, "--replicas=12")
        eventually(lambda: len(hungry.pods() - before) == 12 and not hungry.pods() & before, 300)
        hungry.wait("Progressing", "RolledOut")
        shrunk = hungry.wait("DatabaseBudget", "PoolsShrunk")
        hungry.wait("ConfigEnforced", "Enforced")
        (each,) = {
            json.loads(x)["database"]["connections_per_process"]
            for x in hungry.documents().values()
        }
        eventually(lambda: hungry.get()["status"]["database"]["inUse"] == 12 * each)
        eventually(lambda: now_open() >= 12 * each)
    print(seen, shrunk["message"])
    assert seen.most <= LIMIT
    assert seen.told == {"True PoolsShrunk"}
    assert redis.lrange(ERRORS, 0, -1) == []
    assert refusals(since) == []


def test_a_rollout_to_more_processes_never_meets_a_refusal(hungry: TestApp, redis: Redis) -> None:
    since = datetime.now(UTC)
    change(hungry, "1", replicas=4)
    hungry.wait("Progressing", "RolledOut")
    with watched(hungry) as seen:
        eventually(lambda: hungry.get()["status"]["database"]["inUse"] >= 4 * 3)
        change(hungry, "2", replicas=4, processes=4)
        hungry.wait("Progressing", "RolledOut")
        eventually(lambda: hungry.get()["status"]["database"]["inUse"] == 4 * 4)
    print(seen)
    assert seen.most <= LIMIT
    assert seen.told == {"True PoolsShrunk"}
    assert redis.lrange(ERRORS, 0, -1) == []
    assert refusals(since) == []


def test_workers_amid_a_backlog_and_a_rollout_never_meet_a_refusal(
    hungry: TestApp, pool: Callable[..., TestPool], redis: Redis
) -> None:
    since = datetime.now(UTC)
    roll_out_three(hungry)
    with watched(hungry) as seen:
        jobs = pool(
            appRef={"name": hungry.name},
            pod={"resources": {"requests": {"cpu": "5m", "memory": "32Mi"}}},
            tasks=["hungry_jobs"],
            scaling={"minReplicas": 0, "maxReplicas": 4},
        )
        jobs.wait(ready=0)
        (empty,) = jobs.status()["queues"]
        with Redis(port=16379) as connection:
            each = [Queue.prepare_data("hungry_jobs.eat", ()) for _ in range(120)]
            Queue(jobs.queue, connection=connection).enqueue_many(each)
        jobs.wait(ready=4, within=90)
        said = hungry.condition("DatabaseBudget")["message"]
        assert f"12 are for 4 workers of QueuePool {jobs.name}" in said
        before = {pod["metadata"]["name"] for pod in jobs.pods()}
        # The workers follow when it is good, amid their jobs.
        change(hungry, "2", replicas=3)
        eventually(lambda: not before & {pod["metadata"]["name"] for pod in jobs.pods()}, 180)
        eventually(lambda: not jobs.status().get("waiting"), 120)
    print(seen, said)
    assert seen.most <= LIMIT
    assert seen.told == {"True PoolsShrunk"}
    assert redis.lrange(ERRORS, 0, -1) == []
    assert refusals(since) == []
    (drained,) = jobs.status()["queues"]
    assert drained["failed"] == empty["failed"]
