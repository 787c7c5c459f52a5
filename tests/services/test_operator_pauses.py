"""Whoever looks at queues in Redis learns that one is paused, and by whom."""

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest
from builders import NAMESPACE, pool_body
from operator_stand import Stand
from redis.asyncio import Redis as AsyncRedis
from redis_server import RedisServer

from osnovci.queues import operations
from osnovci_operator import pauses as module
from osnovci_operator.pauses import Pauses


def body(*, paused: bool) -> dict[str, Any]:
    made = pool_body()
    return made | {"spec": made["spec"] | {"queues": [{"name": "email", "paused": paused}]}}


@pytest.fixture
def pauses(stand: Stand, monkeypatch: pytest.MonkeyPatch) -> Pauses:
    monkeypatch.setattr(module, "EVERY_SECONDS", 0)
    return Pauses(NAMESPACE, stand.store)


def paused(stand: Stand) -> tuple[bool, bool]:
    found = stand.queues.run(operations.stats("email"))["email"]
    return found.paused, found.paused_by_spec


async def test_what_the_spec_pauses_is_told_until_it_no_longer_does(
    stand: Stand, client: AsyncRedis, pauses: Pauses
) -> None:
    stand.store.put(body(paused=True))
    await pauses.step(client)
    assert paused(stand) == (False, True)
    stand.queues.run(operations.pause("email"))
    assert paused(stand) == (True, True)
    stand.store.put(body(paused=False))
    await pauses.step(client)
    assert paused(stand) == (True, False)


async def test_what_redis_lost_is_told_again(
    stand: Stand, client: AsyncRedis, pauses: Pauses, monkeypatch: pytest.MonkeyPatch
) -> None:
    stand.store.put(body(paused=True))
    await pauses.step(client)
    stand.redis.flushall()
    await pauses.step(client)
    assert paused(stand) == (False, False)
    monkeypatch.setattr(module, "AGAIN_SECONDS", 0)
    await pauses.step(client)
    assert paused(stand) == (False, True)


async def test_osnovci_queue_stats_says_who_paused_a_queue(
    stand: Stand, client: AsyncRedis, pauses: Pauses, redis_server: RedisServer
) -> None:
    stand.enqueue()
    stand.store.put(body(paused=True))
    await pauses.step(client)
    stand.queues.run(operations.pause("email"))
    command = [Path(sys.executable).parent / "osnovci", "queue", "stats", "email"]
    place = {"OSNOVCI_REDIS_URL": redis_server.url, "OSNOVCI_NAMESPACE": NAMESPACE}
    done = await asyncio.create_subprocess_exec(*command, env=place, stdout=asyncio.subprocess.PIPE)
    shown, _ = await done.communicate()
    assert shown.decode().splitlines()[1].endswith("by queue pause, by its spec")
