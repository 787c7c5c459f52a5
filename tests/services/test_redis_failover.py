"""Redis fails over in mid-traffic, and no connection is closed: who is answered by a replica leaves it."""

import asyncio
import time
from collections.abc import Generator
from pathlib import Path

import pytest
from browsers import Browser
from failover import FailingOver, failing_over
from limits import APP, limit
from redis.exceptions import ReadOnlyError
from rq import Queue
from session_builders import SESSION_KEYS
from waiting import eventually, eventually_async
from web_pods import RunningPod, app_document, environment
from workers import NAMESPACE, RunningWorker, end, pool_document

from osnovci.limit_contract import LimitDocument, LimiterState, PolicyDocument
from osnovci.limits.client import AsyncLimits, Limits
from osnovci.line import Line
from osnovci.redis_clients import for_asyncio, for_threads
from osnovci.session_contract import ENV_SESSION_KEYS

MANY = limit(max=100)


@pytest.fixture
def redis_pair(tmp_path: Path) -> Generator[FailingOver]:
    with failing_over(tmp_path) as redis:
        yield redis


async def test_limits_count_on_where_the_primary_is(redis_pair: FailingOver) -> None:
    line = Line(redis_pair.url, budget_seconds=5)
    limits = AsyncLimits(line, NAMESPACE, APP)
    for _ in range(10):
        await limits.check(MANY, "ana")
    redis_pair.fail_over()
    met = await asyncio.gather(*(limits.check(MANY, "ana") for _ in range(10)))
    assert all(each.allowed for each in met)

    async def counts_on() -> bool:
        [state] = (await limits.check(MANY, "ana")).states
        return state.remaining < 90 and limits.guard.state(time.monotonic()) == LimiterState.REDIS

    await eventually_async(counts_on)
    await line.aclose()


def test_whoever_is_logged_in_stays_so(redis_pair: FailingOver, tmp_path: Path) -> None:
    told = environment(redis_pair.url, app_document(), "web-1")
    told |= {ENV_SESSION_KEYS: SESSION_KEYS}
    log = tmp_path / "web-1.log"
    pod = RunningPod.start(redis_pair.primary.client, log, told, "session_app:app")
    try:
        browser = Browser(pod.wait_for("/api/ready").port)
        browser.log_in()
        redis_pair.fail_over()

        def is_served() -> bool:
            return pod.get("/me", host="localhost", cookie=_sent(browser)).status == 200

        eventually(is_served)
        assert browser.user == "ana"
        browser.log_in("boris")
        assert browser.user == "boris"
    finally:
        pod.close()


def _sent(browser: Browser) -> str:
    return "; ".join(f"{name}={value}" for name, value in browser.cookies.items())


def test_a_web_pod_counts_and_reports_where_the_primary_is(
    redis_pair: FailingOver, tmp_path: Path
) -> None:
    policy = PolicyDocument(
        name="limits", limits=(LimitDocument(name="api", max=1_000_000, window_ms=60_000),)
    )
    told = environment(redis_pair.url, app_document(policies=(policy,)), "web-1")
    client, log = redis_pair.primary.client, tmp_path / "web-1.log"
    pod = RunningPod.start(client, log, told, "limited_app:app")
    try:
        assert pod.wait_for("/api/ready").get("/").status == 200
        redis_pair.fail_over()
        pod.redis = redis_pair.primary.client
        before_ms = _at_ms(pod)

        def counts_and_reports() -> bool:
            assert pod.get("/").status == 200
            beat = pod.heartbeat()
            is_new = beat is not None and beat.at_ms > before_ms
            return beat is not None and is_new and beat.limiter == LimiterState.REDIS

        eventually(counts_and_reports)
    finally:
        pod.close()


def test_a_worker_works_on_where_the_primary_is(redis_pair: FailingOver, tmp_path: Path) -> None:
    long = "homework.jobs.record_and_pause"
    client, log = redis_pair.primary.client, tmp_path / "worker.log"
    worker = RunningWorker.start(client, redis_pair.url, pool_document(concurrency=2), log)
    try:
        across = Queue("email", connection=client).enqueue(long, "across", 4)
        eventually(lambda: client.llen("across") == 1)
        redis_pair.fail_over()
        worker.redis = client = redis_pair.primary.client
        across.connection = client
        beat = worker.heartbeat
        # longer than a lease, which has to be renewed meanwhile
        after = Queue("email", connection=client).enqueue(long, "after", 4)
        eventually(lambda: across.is_finished and after.is_finished)
        assert (client.llen("across"), client.llen("after")) == (1, 1)
        eventually(lambda: worker.heartbeat not in (None, beat))
        assert worker.ready
    finally:
        end(worker)


async def test_a_client_leaves_a_replica_for_the_primary(redis_pair: FailingOver) -> None:
    url = redis_pair.url
    with for_threads(url) as client:
        async with for_asyncio(url) as async_client:
            client.set("key", "before")
            await async_client.set("key", "before")
            redis_pair.fail_over()
            with pytest.raises(ReadOnlyError):
                client.set("key", "lost")
            with pytest.raises(ReadOnlyError):
                await async_client.set("key", "lost")
            assert client.set("key", "after")
            assert await async_client.set("key", "after")


def test_limits_of_threads_count_on_where_the_primary_is(redis_pair: FailingOver) -> None:
    with for_threads(redis_pair.url) as client:
        limits = Limits(client, NAMESPACE, APP)
        limits.check(MANY, "ana")
        redis_pair.fail_over()

        def counts_on() -> bool:
            [state] = limits.check(MANY, "ana").states
            at = limits.guard.state(time.monotonic())
            return state.remaining < MANY.max - 1 and at == LimiterState.REDIS

        eventually(counts_on)


def _at_ms(pod: RunningPod) -> int:
    beat = pod.heartbeat()
    return beat.at_ms if beat else 0
