"""The plain calls, sync and async, on a real Redis; several processes on one key; the line."""

import asyncio
import os
import signal
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

import pytest
from limits import APP, limit, window
from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.exceptions import RedisError
from redis_server import RedisServer
from several import each_in_a_process
from waiting import eventually_async
from workers import NAMESPACE

from osnovci.limit_contract import FailureMode, LimiterState
from osnovci.limits.client import AsyncLimits, Limits
from osnovci.limits.guard import LimiterAwayError
from osnovci.limits.limit import Limit, Question
from osnovci.line import Line

LOGINS = limit("failed-logins", max=3, policy="")


@pytest.fixture
async def line(redis_server: RedisServer) -> AsyncGenerator[Line]:
    # The machine of the tests is busy: a slow answer is not what they are about.
    opened = Line(redis_server.url, budget_seconds=5)
    yield opened
    await opened.aclose()


@pytest.mark.every_server
def test_sync_check_peek_and_reset(redis: Redis) -> None:
    redis.script_flush()
    limits = Limits(redis, NAMESPACE, APP)
    assert limits.peek(LOGINS, "ana").states[0].remaining == 3
    assert limits.check(LOGINS, "ana", cost=2).states[0].remaining == 1
    assert not limits.check(LOGINS, "ana", cost=2).allowed
    assert limits.check(LOGINS, "ana").allowed
    denied = limits.check(LOGINS, "ana")
    assert not denied.allowed
    assert 0 < denied.retry_ms <= 60_000
    assert limits.check(LOGINS, "boris").allowed
    assert limits.reset(LOGINS, "ana")
    assert not limits.reset(LOGINS, "ana")
    assert limits.check(LOGINS, "ana").allowed


@pytest.mark.every_server
async def test_async_check_peek_and_reset(redis: Redis, line: Line) -> None:
    redis.script_flush()
    limits = AsyncLimits(line, NAMESPACE, APP)
    assert (await limits.check(LOGINS, "ana", cost=3)).states[0].remaining == 0
    assert not (await limits.peek(LOGINS, "ana")).allowed
    assert not (await limits.check(LOGINS, "ana")).allowed
    assert await limits.reset(LOGINS, "ana")
    assert (await limits.check(LOGINS, "ana")).allowed


async def test_a_client_of_redis_py_serves_as_well(redis: Redis, client: AsyncRedis) -> None:
    assert redis
    limits = AsyncLimits(client, NAMESPACE, APP)
    assert [(await limits.check(LOGINS, "ana")).allowed for _ in range(4)] == [True] * 3 + [False]


async def test_who_is_denied_costs_no_round_trip(redis: Redis, line: Line) -> None:
    limits = AsyncLimits(line, NAMESPACE, APP)
    for _ in range(4):
        await limits.check(LOGINS, "ana")
    before: Any = redis.info("stats")
    for _ in range(100):
        assert not (await limits.check(LOGINS, "ana")).allowed
    after: Any = redis.info("stats")
    assert after["total_commands_processed"] - before["total_commands_processed"] == 1


@pytest.mark.every_server
@pytest.mark.parametrize("of", [limit(max=100), limit(max=1000), limit(max=200, exact=True)])
async def test_many_at_once_get_exactly_the_limit(redis: Redis, line: Line, of: Limit) -> None:
    assert redis
    question = Question([window(of)])
    limits = [AsyncLimits(line, NAMESPACE, APP) for _ in range(4)]
    found = await asyncio.gather(*(limits[n % 4].ask(question) for n in range(of.max + 50)))
    assert sum(decision.allowed for decision in found) == of.max


FORMS = [limit("log", max=100), limit("ticks", max=300), limit("ring", max=300, exact=True)]


def _hammer(url: str) -> list[int]:
    limits = Limits(Redis.from_url(url), NAMESPACE, APP)
    return [sum(limits.check(of, "ana").allowed for _ in range(of.max)) for of in FORMS]


def test_several_processes_get_exactly_the_limit(redis: Redis, redis_server: RedisServer) -> None:
    assert redis
    found = each_in_a_process(_hammer, [redis_server.url] * 3)
    assert [sum(each) for each in zip(*found, strict=True)] == [of.max for of in FORMS]


def test_threads_share_a_client(redis: Redis) -> None:
    limits = Limits(redis, NAMESPACE, APP)
    subjects = [f"user {n % 2}" for n in range(200)]
    with ThreadPoolExecutor(8) as threads:
        found = list(threads.map(partial(limits.check, limit(max=50)), subjects))
    assert sum(decision.allowed for decision in found) == 100


@pytest.fixture
def frozen(own_redis_server: RedisServer) -> Any:
    """A way to stop a server of one's own from answering; it is let go at the end."""
    yield lambda: os.kill(own_redis_server.pid, signal.SIGSTOP)
    os.kill(own_redis_server.pid, signal.SIGCONT)


def test_sync_a_redis_that_stalls_is_not_waited_for(
    own_redis_server: RedisServer, frozen: Callable[[], None]
) -> None:
    limits = Limits.from_url(own_redis_server.url, NAMESPACE, APP)
    limits.check(LOGINS, "ana")
    frozen()
    assert [limits.check(LOGINS, "boris").allowed for _ in range(10)] == [True] * 3 + [False] * 7
    with pytest.raises(LimiterAwayError):
        limits.check(limit(failure_mode=FailureMode.CLOSED), "ana")


async def test_async_a_redis_that_stalls_is_not_waited_for(
    own_redis_server: RedisServer, frozen: Callable[[], None]
) -> None:
    line = Line(own_redis_server.url)
    limits = AsyncLimits(line, NAMESPACE, APP)
    await limits.check(LOGINS, "ana")
    frozen()
    found = await asyncio.gather(*(limits.check(LOGINS, "boris") for _ in range(10)))
    assert [decision.allowed for decision in found] == [True] * 3 + [False] * 7
    assert (await limits.check(limit(), "carl")).states[0].remaining == 4
    os.kill(own_redis_server.pid, signal.SIGCONT)

    async def is_back() -> bool:
        await limits.check(limit(max=1_000_000), "dora")
        return limits.guard.state(asyncio.get_running_loop().time()) == LimiterState.REDIS

    await eventually_async(is_back)
    await line.aclose()


async def test_a_redis_that_restarts_is_found_again(own_redis_server: RedisServer) -> None:
    line = Line(own_redis_server.url)
    assert await line.execute_command("PING") == b"PONG"
    own_redis_server.stop()
    for _ in range(2):
        with pytest.raises((RedisError, OSError)):
            await line.execute_command("PING")
    own_redis_server.start()
    assert await line.execute_command("PING") == b"PONG"
    await line.aclose()


async def test_the_line_logs_in_and_chooses_its_database(own_redis_server: RedisServer) -> None:
    own_redis_server.client.execute_command("ACL", "SETUSER", "web", "on", ">secret", "~*", "+@all")
    port = own_redis_server.port
    line = Line(f"redis://web:secret@127.0.0.1:{port}/3")
    assert await line.execute_command("ACL", "WHOAMI") == b"web"
    assert b" db=3 " in await line.execute_command("CLIENT", "INFO")
    await line.aclose()
    wrong = Line(f"redis://web:wrong@127.0.0.1:{port}/3")
    with pytest.raises(RedisError, match="WRONGPASS"):
        await wrong.execute_command("PING")
    await wrong.aclose()


async def test_an_answer_that_nobody_awaits_does_not_shift_the_others(line: Line) -> None:
    await line.execute_command("PING")
    left = asyncio.ensure_future(line.execute_command("ECHO", "left"))
    await asyncio.sleep(0)
    left.cancel()
    assert await line.execute_command("ECHO", "stayed") == b"stayed"


@pytest.mark.parametrize("client", ["line", "redis-py"])
async def test_what_a_full_redis_refuses_is_told_with_what_to_do(
    own_redis_server: RedisServer, caplog: pytest.LogCaptureFixture, client: str
) -> None:
    line = Line(own_redis_server.url, budget_seconds=5)
    own_redis_server.client.config_set("maxmemory", 1)
    if client == "line":
        decision = await AsyncLimits(line, NAMESPACE, APP).check(LOGINS, "ana")
    else:
        decision = Limits(own_redis_server.client, NAMESPACE, APP).check(LOGINS, "ana")
    assert decision.allowed
    assert "Redis is at its maxmemory" in caplog.text
    await line.aclose()


async def test_a_refusal_of_redis_is_only_its_commands(line: Line) -> None:
    asked = line.execute_command("NONSENSE"), line.execute_command("ECHO", "fine")
    found = await asyncio.gather(*asked, return_exceptions=True)
    assert isinstance(found[0], RedisError)
    assert found[1] == b"fine"
