"""What requests wait when Redis stands still (SIGSTOP) under a thousand requests a second."""

import asyncio
import os
import signal
import time
from dataclasses import dataclass
from typing import Any

import uvloop
from redis import Redis

from benchmarks.limiter_clock import APP, NAMESPACE
from osnovci.limit_contract import FailureMode, LimiterState
from osnovci.limits.client import AsyncLimits
from osnovci.limits.guard import LimiterAwayError
from osnovci.limits.limit import Limit
from osnovci.line import Line

PER_SECOND = 1_000
BEFORE_SECONDS = 1.0
STALLED_SECONDS = 2.0
OPEN = Limit("global", 1_000_000, 60_000)
CLOSED = Limit("login", 1_000_000, 60_000, failure_mode=FailureMode.CLOSED)


@dataclass(frozen=True)
class Stall:
    """From the stop on, in ms."""

    requests: int
    first_ms: float
    """Until the first decision without Redis was there."""
    longest_ms: float
    """That a request waited for its decision."""
    open_let_through: int
    closed_turned_away: int
    failure_modes_in_force: bool


def stall(redis: Redis) -> Stall:
    """Measure it once."""
    redis.flushall()
    port, info = redis.get_connection_kwargs()["port"], redis.info("server")
    assert isinstance(info, dict)
    return uvloop.run(_stall(f"redis://127.0.0.1:{port}", info["process_id"]))


async def _stall(url: str, pid: int) -> Stall:
    line = Line(url)
    limits = AsyncLimits(line, NAMESPACE, APP)
    decisions: list[tuple[float, float, Limit, bool]] = []

    async def decide(n: int) -> None:
        limit = CLOSED if n % 2 else OPEN
        asked = time.perf_counter()
        try:
            let_through = (await limits.check(limit, f"user {n % 100}")).allowed
        except LimiterAwayError:
            let_through = False
        decisions.append((asked, time.perf_counter(), limit, let_through))

    await limits.check(OPEN, "ana")
    await _offer(decide, BEFORE_SECONDS)
    os.kill(pid, signal.SIGSTOP)
    try:
        stopped = time.perf_counter()
        await _offer(decide, STALLED_SECONDS)
        state = limits.guard.state(time.monotonic())
    finally:
        os.kill(pid, signal.SIGCONT)
    await line.aclose()
    after = [each for each in decisions if each[0] >= stopped]
    return Stall(
        requests=len(after),
        first_ms=(min(done for _, done, _, _ in after) - stopped) * 1000,
        longest_ms=max(done - asked for asked, done, _, _ in after) * 1000,
        open_let_through=sum(yes for *_, limit, yes in after if limit is OPEN),
        closed_turned_away=sum(not yes for *_, limit, yes in after if limit is CLOSED),
        failure_modes_in_force=state == LimiterState.FALLBACK,
    )


async def _offer(decide: Any, seconds: float) -> None:
    """Send at a steady pace, whatever comes back, and wait for all answers."""
    loop, sent = asyncio.get_running_loop(), 0
    began = loop.time()
    async with asyncio.TaskGroup() as group:
        while (passed := loop.time() - began) < seconds:
            while sent < passed * PER_SECOND:
                group.create_task(decide(sent))
                sent += 1
            await asyncio.sleep(0.001)
