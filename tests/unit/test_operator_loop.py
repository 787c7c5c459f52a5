"""The work queue, on a real event loop: what waits is released by events, never by time."""

import asyncio
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest
from builders import key

from osnovci_operator.errors import KubeError
from osnovci_operator.loop import Loop
from osnovci_operator.resource import Key

POOL, OTHER = key(name="pool"), key(name="other")
DEADLINE_SECONDS = 15


@asynccontextmanager
async def running(
    reconcile: Callable[[Key], Awaitable[timedelta | None]],
) -> AsyncGenerator[Loop]:
    """Run a loop; what the test waits for must come before the deadline."""
    loop = Loop(reconcile)
    task = asyncio.create_task(loop.run())
    try:
        async with asyncio.timeout(DEADLINE_SECONDS):
            yield loop
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


class Gate:
    """A reconcile that stops at a gate, and counts."""

    def __init__(self) -> None:
        self.open = asyncio.Event()
        self.begun: asyncio.Queue[Key] = asyncio.Queue()
        self.ended: asyncio.Queue[Key] = asyncio.Queue()
        self.calls: Counter[Key] = Counter()
        self.inside: Counter[Key] = Counter()

    async def reconcile(self, key: Key) -> None:
        self.calls[key] += 1
        self.inside[key] += 1
        self.begun.put_nowait(key)
        if key == POOL:
            await self.open.wait()
        self.inside[key] -= 1
        self.ended.put_nowait(key)


async def test_wakes_before_a_reconcile_are_one() -> None:
    gate = Gate()
    gate.open.set()
    async with running(gate.reconcile) as loop:
        for _ in range(5):
            loop.wake(POOL)
        loop.wake(OTHER)
        assert [await gate.ended.get(), await gate.ended.get()] == [POOL, OTHER]
    assert gate.calls[POOL] == 1


async def test_wakes_during_a_reconcile_are_one_more() -> None:
    gate = Gate()
    async with running(gate.reconcile) as loop:
        loop.wake(POOL)
        assert await gate.begun.get() == POOL
        for _ in range(5):
            loop.wake(POOL)
        gate.open.set()
        assert [await gate.ended.get(), await gate.ended.get()] == [POOL, POOL]
        loop.wake(OTHER)
        assert await gate.ended.get() == OTHER
    assert gate.calls[POOL] == 2


async def test_a_key_is_never_reconciled_twice_at_once_and_delays_no_other() -> None:
    gate = Gate()
    async with running(gate.reconcile) as loop:
        loop.wake(POOL)
        assert await gate.begun.get() == POOL
        loop.wake(POOL)
        loop.wake(OTHER)
        assert await gate.ended.get() == OTHER
        assert gate.inside[POOL] == 1
        assert loop.stuck_seconds() > 0
        gate.open.set()
        assert [await gate.ended.get(), await gate.ended.get()] == [POOL, POOL]
    assert loop.stuck_seconds() == 0


@pytest.mark.parametrize(
    "error",
    [
        pytest.param(KubeError(503, "the API server does not answer"), id="the API server"),
        pytest.param(ZeroDivisionError("a mistake of ours"), id="a mistake of ours"),
    ],
)
async def test_what_fails_is_tried_again_by_itself(
    error: Exception, caplog: pytest.LogCaptureFixture
) -> None:
    attempts: asyncio.Queue[Key] = asyncio.Queue()

    async def reconcile(key: Key) -> None:
        attempts.put_nowait(key)
        if not caplog.messages:
            raise error

    async with running(reconcile) as loop:
        loop.wake(POOL)
        assert [await attempts.get(), await attempts.get()] == [POOL, POOL]
    assert len(caplog.messages) == 1
    assert caplog.messages[0].startswith("queuepool homework/pool: ")


async def test_a_key_that_fails_delays_no_other() -> None:
    ended: asyncio.Queue[Key] = asyncio.Queue()

    async def reconcile(key: Key) -> None:
        if key == POOL:
            raise KubeError(503, "the API server does not answer")
        ended.put_nowait(key)

    async with running(reconcile) as loop:
        loop.wake(POOL)
        loop.wake(OTHER)
        assert await ended.get() == OTHER


async def test_a_key_is_looked_at_again_when_it_asks() -> None:
    looks: asyncio.Queue[Key] = asyncio.Queue()

    async def reconcile(key: Key) -> timedelta | None:
        looks.put_nowait(key)
        return timedelta(milliseconds=1) if key == POOL else None

    async with running(reconcile) as loop:
        loop.wake(OTHER)
        loop.wake(POOL)
        assert [await looks.get() for _ in range(4)] == [OTHER, POOL, POOL, POOL]


async def test_a_wake_does_not_wait_for_the_recheck() -> None:
    looks: asyncio.Queue[Key] = asyncio.Queue()

    async def reconcile(key: Key) -> timedelta:
        looks.put_nowait(key)
        return timedelta(hours=1)

    async with running(reconcile) as loop:
        loop.wake(POOL)
        assert await looks.get() == POOL
        loop.wake(POOL)
        assert await looks.get() == POOL
