"""A limit of failures: charged first, taken back where it was none, exact however many try at once."""

import asyncio
import random
from collections.abc import AsyncGenerator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from limits import APP, Model, StepClock, limit, window
from redis import Redis
from redis_server import RedisServer
from several import each_in_a_process
from workers import NAMESPACE

from osnovci.limits.client import AsyncLimits, Limits
from osnovci.limits.guard import Guard
from osnovci.limits.limit import Decision, Limit, LimitError, Question
from osnovci.limits.refund import Refund
from osnovci.line import Line

FAILURES = limit("failures", max=5, policy="")
LONG = limit("long", max=5, window_ms=30 * 24 * 3600 * 1000, policy="")
"""Its moments have another width."""
BRIEF = limit("brief", max=8, window_ms=40, policy="")


@pytest.fixture
async def line(redis_server: RedisServer) -> AsyncGenerator[Line]:
    opened = Line(redis_server.url, budget_seconds=5)
    yield opened
    await opened.aclose()


def remaining(limits: Limits, of: Limit, subject: str = "ana") -> int:
    return limits.peek(of, subject).states[0].remaining


@pytest.mark.every_server
@pytest.mark.parametrize("of", [FAILURES, LONG])
def test_what_is_taken_back_is_free_again_and_nothing_else(redis: Redis, of: Limit) -> None:
    limits = Limits(redis, NAMESPACE, APP)
    first, second, both = (limits.check(of, "ana", cost) for cost in (1, 1, 2))
    assert remaining(limits, of) == 1
    limits.refund(both, 2)
    assert remaining(limits, of) == 3
    limits.refund(first)
    assert remaining(limits, of) == 4
    # A second time it takes nothing of others.
    if second.at_ms != first.at_ms:
        limits.refund(first)
    assert remaining(limits, of) == 4
    limits.refund(second)
    assert remaining(limits, of) == 5
    assert not redis.exists(window(of).key)
    limits.refund(second)
    assert not redis.exists(window(of).key)


@given(
    steps=st.lists(
        st.tuples(st.integers(0, 30_000), st.integers(1, 3), st.integers(-5, 20)), max_size=40
    )
)
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@pytest.mark.parametrize("of", [limit(max=6), limit(max=128, window_ms=20_000_000)])
def test_any_order_of_charges_and_refunds(
    redis: Redis, of: Limit, steps: list[tuple[int, int, int]]
) -> None:
    """A unit that was taken back is as one that was never charged; each step may take one back."""
    redis.flushall()
    clock, model, asked = StepClock(redis), Model(), window(of)
    charged: list[tuple[Decision, int]] = []
    for pause, cost, back in steps:
        clock.at_ms += pause
        fits = model.fits([asked], clock.at_ms, cost)
        decision = clock.ask(asked, cost=cost)
        assert decision.allowed == fits
        if fits:
            model.charge([asked], clock.at_ms, cost)
            charged.append((decision, cost))
        if 0 <= back < len(charged):
            taken, units = charged.pop(back)
            refund = Refund.of(taken, units)
            count: Any = redis.execute_command(*refund.call.in_full)
            kept = model.units[asked.key]
            alive = taken.at_ms > max(kept) - of.window_ms
            assert count == (units if alive else 0)
            for _ in range(units):
                kept.remove(taken.at_ms)
        used = model.used(asked, clock.at_ms)
        assert clock.ask(asked, counts=False).states[0].remaining == of.max - used


@pytest.mark.every_server
@pytest.mark.parametrize("of", [limit(max=3), limit(max=3, window_ms=20_000_000)])
def test_time_does_not_run_back_past_what_was_taken_back(redis: Redis, of: Limit) -> None:
    """A clock set back counts on where the unit stood, as others were forgotten by then."""
    clock, asked = StepClock(redis), window(of)
    begun = clock.at_ms
    clock.ask(asked, cost=2)
    clock.at_ms = begun + of.window_ms - 1
    clock.ask(asked)
    clock.at_ms = newest = begun + of.window_ms
    redis.execute_command(*Refund.of(clock.ask(asked), 1).call.in_full)
    clock.at_ms = begun
    assert clock.ask(asked).allowed
    assert clock.ask(asked).allowed
    assert begun + clock.ask(asked).states[0].retry_ms == newest - 1 + of.window_ms
    clock.at_ms = newest - 1 + of.window_ms
    assert clock.ask(asked).allowed
    assert clock.ask(asked).states[0].retry_ms == 1


def test_what_was_denied_or_is_of_a_large_limit_is_not_taken_back(redis: Redis) -> None:
    limits = Limits(redis, NAMESPACE, APP)
    found = [limits.check(FAILURES, "ana") for _ in range(6)]
    with pytest.raises(LimitError, match="what was denied has charged nothing"):
        limits.refund(found[-1])
    with pytest.raises(LimitError, match="its max is 1,000"):
        limits.refund(limits.check(limit(max=1000), "ana"))
    # Whoever is known to be denied is asked about again.
    limits.refund(found[0])
    assert limits.check(FAILURES, "ana").allowed


def test_what_is_over_is_not_taken_from_others(redis: Redis) -> None:
    limits = Limits(redis, NAMESPACE, APP)
    old = limits.check(BRIEF, "ana")
    # As if it had taken its time.
    long_ago = old._replace(at_ms=old.at_ms - 3 * BRIEF.window_ms)
    kept = remaining(limits, BRIEF)
    limits.refund(long_ago)
    assert remaining(limits, BRIEF) >= kept


async def test_without_redis_the_process_takes_back_its_own(redis_server: RedisServer) -> None:
    away = Line("redis://127.0.0.1:1/0")
    limits = AsyncLimits(away, NAMESPACE, APP, Guard())
    for _ in range(12):
        await limits.refund(await limits.check(FAILURES, "ana"))
    found = [(await limits.check(FAILURES, "ana")).allowed for _ in range(6)]
    assert found == [True] * 5 + [False]
    await away.aclose()
    # What it charged here it does not take from Redis.
    line = Line(redis_server.url, budget_seconds=5)
    there = AsyncLimits(line, NAMESPACE, APP)
    in_redis = await there.check(FAILURES, "boris")
    await there.refund(in_redis._replace(at_ms=0))
    assert (await there.peek(FAILURES, "boris")).states[0].remaining == 4
    await line.aclose()


def _try_to_log_in(told: tuple[str, int]) -> tuple[list[int], int]:
    """Try on and on; give the moments of the failures that were let through, and the successes."""
    url, seed = told
    chance = random.Random(seed)
    limits = Limits(Redis.from_url(url), NAMESPACE, APP)
    failed: list[int] = []
    well = 0

    def attempt(is_right: bool) -> None:  # noqa: FBT001
        nonlocal well
        charged = limits.check(BRIEF, "ana")
        if not charged.allowed:
            return
        if is_right:
            limits.refund(charged)
            well += 1
        else:
            failed.append(charged.at_ms)

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(attempt, [chance.random() < 0.6 for _ in range(1_500)]))
    return failed, well


def test_several_processes_fail_no_more_often_than_the_limit(
    redis: Redis, redis_server: RedisServer
) -> None:
    assert redis
    found = each_in_a_process(_try_to_log_in, [(redis_server.url, seed) for seed in range(3)])
    failures = sorted(moment for failed, _ in found for moment in failed)
    assert len(failures) > BRIEF.max
    assert sum(well for _, well in found) > BRIEF.max
    for earlier, later in zip(failures, failures[BRIEF.max :], strict=False):
        assert later - earlier >= BRIEF.window_ms


def _fail_at_once(url: str) -> int:
    limits = Limits(Redis.from_url(url), NAMESPACE, APP)
    with ThreadPoolExecutor(8) as threads:
        found = threads.map(limits.check, [FAILURES] * 40, ["ana"] * 40)
        return sum(each.allowed for each in found)


def test_whoever_fails_at_once_in_several_processes_fails_as_often_as_the_limit(
    redis: Redis, redis_server: RedisServer
) -> None:
    limits = Limits(redis, NAMESPACE, APP)
    for _ in range(20):
        limits.refund(limits.check(FAILURES, "ana"))
    found = each_in_a_process(_fail_at_once, [redis_server.url] * 3)
    assert sum(found) == FAILURES.max


async def test_many_successes_at_once_leave_the_limit_as_it_was(redis: Redis, line: Line) -> None:
    assert redis
    limits = AsyncLimits(line, NAMESPACE, APP)
    wide = limit("wide", max=128, policy="")

    async def succeed() -> None:
        await limits.refund(await limits.check(wide, "ana"))

    await asyncio.gather(*(succeed() for _ in range(100)))
    assert (await limits.peek(wide, "ana")).states[0].remaining == 128


def test_nothing_is_charged_by_a_look(redis: Redis) -> None:
    limits = Limits(redis, NAMESPACE, APP)
    assert limits.peek(FAILURES, "ana").at_ms == 0
    assert limits.ask(Question([window(FAILURES)])).at_ms > 0
