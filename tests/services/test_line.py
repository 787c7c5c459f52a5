"""A time budget is Redis's: a process that stands still itself reads late, and gives nothing up for it."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest
import uvloop
from limits import APP, limit
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisError
from redis_server import RedisServer
from session_builders import SESSION_KEYS
from waiting import PATIENCE_SECONDS
from workers import NAMESPACE

from osnovci.breaker import FAILURES_MAX, Breaker
from osnovci.contract import ENV_REDIS_URL
from osnovci.limit_contract import LimiterState
from osnovci.limits.client import AsyncLimits
from osnovci.limits.guard import Guard
from osnovci.limits.limit import Question
from osnovci.line import Line, packed
from osnovci.session_contract import ENV_SESSION_KEYS
from osnovci.sessions.middleware import Sessions
from osnovci.sessions.settings import SessionSettings
from osnovci.wire import Wire

BUDGET_SECONDS = 0.4
SLOW = ("BLPOP", "nothing", "0.2")
"""Redis answers within the budget, but late: nil, after half of it."""

Run = Callable[[Coroutine[Any, Any, None]], None]
on_both_loops = pytest.mark.parametrize("run", [asyncio.run, uvloop.run])


def stand_still(seconds: float = BUDGET_SECONDS) -> None:
    """Hold the loop up, as an application does that computes, or one that gets no core."""
    time.sleep(seconds)


async def held_up(asked: Awaitable[Any]) -> Any:
    """Await what was asked for while the loop stands still, before it could be sent."""
    asyncio.get_running_loop().call_soon(stand_still)
    return await asked


@on_both_loops
def test_an_answer_is_waited_for_though_the_loop_stood_still(
    redis_server: RedisServer, run: Run
) -> None:
    async def ask() -> None:
        line = Line(redis_server.url, BUDGET_SECONDS)
        # The first has to open the connection as well.
        assert await held_up(line.execute_command("PING")) == b"PONG"
        for _ in range(2):
            asked = asyncio.ensure_future(line.execute_command(*SLOW))
            assert await held_up(asked) is None
        # It stands still amid the wait, too, and as the answer comes.
        asked = asyncio.ensure_future(line.execute_command(*SLOW))
        for _ in range(2):
            await asyncio.sleep(0)
            stand_still()
        assert await asked is None
        await line.aclose()

    run(ask())


async def test_nobody_waits_for_a_connection_that_was_lost_as_it_was_given() -> None:
    wire = Wire(BUDGET_SECONDS)
    before = wire.send(b"", BUDGET_SECONDS)
    wire.connection_lost(None)
    for asked in (before, wire.send(b"", BUDGET_SECONDS)):
        async with asyncio.timeout(PATIENCE_SECONDS):
            with pytest.raises(RedisConnectionError, match="lost"):
                await asked


@on_both_loops
def test_a_redis_that_has_too_many_clients_says_so(
    own_redis_server: RedisServer, caplog: pytest.LogCaptureFixture, run: Run
) -> None:
    own_redis_server.client.config_set("maxclients", 1)

    async def ask() -> None:
        line = Line(own_redis_server.url, BUDGET_SECONDS)
        assert (await AsyncLimits(line, NAMESPACE, APP).check(limit(), "ana")).allowed
        with pytest.raises(RedisError, match="max number of clients"):
            await line.execute_command("PING")
        await line.aclose()

    run(ask())
    assert "Redis has as many clients as its maxclients lets it have" in caplog.text
    assert "Traceback" not in caplog.text


@on_both_loops
def test_many_requests_and_a_loop_that_stands_still_again_and_again(
    redis_server: RedisServer, run: Run
) -> None:
    async def serve() -> None:
        line = Line(redis_server.url)
        limits = AsyncLimits(line, NAMESPACE, APP)

        async def handler() -> bool:
            decision = await limits.check(limit(max=1000), "ana")
            stand_still(0.02)
            return decision.allowed

        # Together they hold the loop up for 1.2 s, and the budget is 50 ms.
        found = await asyncio.gather(*(handler() for _ in range(60)))
        assert found == [True] * 60
        assert limits.guard.state(time.monotonic()) == LimiterState.REDIS
        await line.aclose()

    run(serve())


@on_both_loops
def test_a_session_is_read_though_the_loop_stood_still(redis_server: RedisServer, run: Run) -> None:
    told = {ENV_REDIS_URL: redis_server.url, ENV_SESSION_KEYS: SESSION_KEYS}

    async def read() -> None:
        sessions = Sessions(settings=SessionSettings.parse(told))
        for _ in range(3):
            get = sessions.operations.get("0" * 43, sessions.limits, sessions.now_ms())
            assert await held_up(sessions.run(get)) is None
        await sessions.close()

    run(read())


@on_both_loops
def test_who_has_longer_waits_on_when_others_have_given_up(
    redis_server: RedisServer, run: Run
) -> None:
    async def ask() -> None:
        patient = Line(redis_server.url, PATIENCE_SECONDS)
        hasty = patient.within(0.02)
        connection = await patient.execute_command("CLIENT", "ID")
        # Redis answers in order: who comes behind waits for who came before.
        slow = asyncio.ensure_future(patient.put(packed(("BLPOP", "list", 0))))
        with pytest.raises(RedisError, match="no answer within 20 ms"):
            await hasty.execute_command("PING")
        behind = asyncio.ensure_future(patient.put(packed(("ECHO", "behind"))))
        redis_server.client.lpush("list", "pushed")
        assert (await slow, await behind) == ([b"list", b"pushed"], b"behind")
        assert await patient.execute_command("CLIENT", "ID") == connection
        await hasty.aclose()

    run(ask())


async def test_an_answer_too_late_for_limits_lets_them_ask_again(
    own_redis_server: RedisServer,
) -> None:
    breaker = Breaker()
    line = Line(own_redis_server.url, PATIENCE_SECONDS, breaker.heard_late)
    limits = AsyncLimits(line.within(0.02), NAMESPACE, APP, Guard(breaker=breaker))
    await line.execute_command("PING")
    question = Question.of([limit().window(NAMESPACE, APP, "ana")])
    own_redis_server.pause()
    try:
        for _ in range(FAILURES_MAX):
            await limits.check(limit(max=1000), "ana")
        assert limits.guard.known(question, time.monotonic())
        behind = asyncio.ensure_future(line.execute_command("PING"))
    finally:
        own_redis_server.resume()
    # Redis answers in order, so the answers of limits have come before.
    await behind
    assert limits.guard.known(question, time.monotonic()) is None
    await line.aclose()


@on_both_loops
def test_a_redis_that_stalls_is_given_up_by_a_loop_that_stands_still(
    own_redis_server: RedisServer, run: Run
) -> None:
    async def ask() -> None:
        line = Line(own_redis_server.url)
        await line.execute_command("PING")
        own_redis_server.pause()
        looked = 0
        asked = asyncio.ensure_future(line.execute_command("PING"))
        while not asked.done():
            looked += 1
            stand_still(0.02)
            await asyncio.sleep(0)
        with pytest.raises(RedisError, match="no answer within 50 ms"):
            await asked
        # It looked, and did not for ever.
        assert 3 <= looked <= 100
        await line.aclose()

    try:
        run(ask())
    finally:
        own_redis_server.resume()
