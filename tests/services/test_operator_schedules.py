"""The operator's clock on a real Redis: it fires, keeps what came of it, and wakes the pool."""

import asyncio
import logging
from collections.abc import AsyncGenerator
from typing import Any

import pytest
import redis.asyncio as aioredis
from builders import NAME, NAMESPACE, key, pool_body
from redis import Redis
from redis_server import RedisServer
from schedules import at, redis_now, remember, state_of

from osnovci.contract import ScheduleDocument, schedules_key
from osnovci_operator.queuepool.seen import ScheduleReading
from osnovci_operator.queuepool.spec import Pool
from osnovci_operator.resource import Key
from osnovci_operator.schedules import Clock
from osnovci_operator.store import Store

REMINDERS = {
    "name": "reminders",
    "cron": "* * * * *",
    "task": "homework.jobs.send_reminders",
    "queue": "email",
}


@pytest.fixture
async def client(redis: Redis, redis_server: RedisServer) -> AsyncGenerator[aioredis.Redis]:
    """As the broker's: it reads text."""
    del redis
    client = aioredis.Redis.from_url(redis_server.url, decode_responses=True)
    yield client
    await client.aclose()


def body(*schedules: dict[str, Any], **more: Any) -> dict[str, Any]:
    made = pool_body(**more)
    return made | {"spec": made["spec"] | {"schedules": list(schedules)}}


def document(pool: Pool) -> ScheduleDocument:
    return pool.spec.schedules[0].document()


class Hand:
    """A clock, its store, and whom it woke."""

    def __init__(self, client: aioredis.Redis, every_seconds: float = 0) -> None:
        self.client = client
        self.store = Store()
        self.woken = list[Key]()
        self.told = list[tuple[str, str]]()
        self.clock = Clock(NAMESPACE, self.store, self.woken.append, self._tell, every_seconds)

    def put(self, made: dict[str, Any]) -> Pool:
        self.store.put(made)
        return Pool.parse(made)

    async def turn(self) -> None:
        await self.clock.step(self.client)

    @property
    def readings(self) -> tuple[ScheduleReading, ...]:
        found = self.clock.reading(key())
        assert found is not None
        return found

    async def _tell(self, key: Key, reason: str, note: str) -> None:
        del key
        self.told.append((reason, note))


async def test_it_fires_and_says_what_came_of_it(redis: Redis, client: aioredis.Redis) -> None:
    hand = Hand(client)
    pool = hand.put(body(REMINDERS))
    assert hand.clock.reading(key()) is None
    mark = redis_now(redis) - 90
    remember(redis, document(pool), mark=mark, namespace=NAMESPACE)
    await hand.turn()
    state = state_of(redis, namespace=NAMESPACE)
    assert state
    assert state.fired
    assert redis.lrange("rq:queue:email", 0, -1) == [(state.job or "").encode()]
    (reading,) = hand.readings
    assert (reading.fired, reading.job) == (at(state.fired), state.job)
    assert reading.upcoming
    assert reading.upcoming > at(redis_now(redis) - 1)
    assert hand.woken == [key()]
    assert hand.told == []


async def test_a_time_without_a_job_is_an_event(redis: Redis, client: aioredis.Redis) -> None:
    hand = Hand(client)
    pool = hand.put(body(REMINDERS))
    redis.hset("rq:job:last", "status", "started")
    mark = redis_now(redis) - 90
    remember(redis, document(pool), mark=mark, job="last", namespace=NAMESPACE)
    await hand.turn()
    ((reason, note),) = hand.told
    assert reason == "ScheduleSkipped"
    assert "skipped, since its last job last has not ended; set overlap: Allow" in note
    assert redis.llen("rq:queue:email") == 0
    assert hand.readings[0].left_out, "no worker is started ahead for the next one"


async def test_a_pool_made_anew_knows_nothing_of_the_one_before(
    redis: Redis, client: aioredis.Redis
) -> None:
    hand = Hand(client)
    hand.put(body(REMINDERS))
    await hand.turn()
    before = state_of(redis, namespace=NAMESPACE)
    assert before
    old = before.model_copy(update={"mark": redis_now(redis) - 90, "fired": 60, "job": "last"})
    redis.hset(schedules_key(NAMESPACE, NAME), "reminders", old.model_dump_json())
    hand.put(body(REMINDERS, uid="another"))
    await hand.turn()
    assert redis.llen("rq:queue:email") == 0
    (reading,) = hand.readings
    assert (reading.fired, reading.job) == (None, None)
    after = state_of(redis, namespace=NAMESPACE)
    assert after
    assert (after.uid, after.mark > old.mark) == ("another", True)


async def test_it_looks_as_often_as_it_is_told(client: aioredis.Redis, redis: Redis) -> None:
    hand = Hand(client, every_seconds=60)
    hand.put(body(REMINDERS))
    await hand.turn()
    redis.flushall()
    await hand.turn()
    assert not state_of(redis, namespace=NAMESPACE)


async def test_a_pool_without_its_queues_fires_nothing(
    redis: Redis, client: aioredis.Redis
) -> None:
    hand = Hand(client)
    hand.put(pool_body(name="older", uid="0"))
    hand.put(body(REMINDERS))
    await hand.turn()
    assert not state_of(redis, namespace=NAMESPACE)


async def test_taken_out_of_the_spec_it_is_forgotten(redis: Redis, client: aioredis.Redis) -> None:
    hand = Hand(client)
    hand.put(body(REMINDERS))
    await hand.turn()
    assert state_of(redis, namespace=NAMESPACE)
    hand.put(body())
    await hand.turn()
    assert not state_of(redis, namespace=NAMESPACE)
    assert hand.clock.reading(key()) == ()


async def test_a_redis_that_refuses_is_said_once_and_held(
    redis: Redis, client: aioredis.Redis, caplog: pytest.LogCaptureFixture
) -> None:
    hand = Hand(client)
    hand.put(body(REMINDERS))
    await hand.turn()
    keys: Any = redis.keys(f"*schedules:{NAME}*")
    redis.delete(*keys)
    redis.set(f"osnovci:{{{NAMESPACE}}}:schedules:{NAME}", "no hash")
    with caplog.at_level(logging.WARNING):
        await hand.turn()
        await hand.turn()
    assert len(caplog.records) == 1
    assert "its schedules cannot be looked at" in caplog.text
    assert hand.clock.reading(key()) is None
    redis.flushall()
    await hand.turn()
    assert hand.clock.reading(key())


async def test_two_operators_and_a_minute_are_one_job(redis: Redis, client: aioredis.Redis) -> None:
    hands = [Hand(client) for _ in range(4)]
    pools = [hand.put(body(REMINDERS)) for hand in hands]
    remember(redis, document(pools[0]), mark=redis_now(redis) - 90, namespace=NAMESPACE)
    await asyncio.gather(*(hand.turn() for hand in hands))
    assert redis.llen("rq:queue:email") == 1
    for hand in hands:
        await hand.turn()
        assert [each.job for each in hand.readings] == [job.job for job in hands[0].readings]
