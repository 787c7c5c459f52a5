"""The audit at the operator's pace: when it runs, and what it tells."""

import asyncio
import time
from collections.abc import Iterable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
import queue_tasks
from builders import NAMESPACE, pool, pool_body
from operator_stand import QUEUES, Stand
from redis.asyncio import Redis as AsyncRedis
from redis_server import RedisServer

from osnovci.queues import operations
from osnovci.queues.audit import PIECE
from osnovci_operator import auditor as module
from osnovci_operator.queuepool import accounts
from osnovci_operator.queuepool.accounts import Accounts
from osnovci_operator.queuepool.spec import Pool
from osnovci_operator.store import Store


async def test_the_first_audit_counts_and_wakes_the_pool(stand: Stand, client: AsyncRedis) -> None:
    stand.enqueue(3)
    assert stand.auditor.accounts(QUEUES) is None
    await stand.auditor.step(client)
    assert stand.auditor.accounts(QUEUES) == Accounts(3)
    assert stand.auditor.accounts(QUEUES | {"report"}) is None
    assert (stand.woken, stand.told) == ([pool().key], [])


async def test_what_is_mended_is_told_and_what_is_not_is_kept(
    stand: Stand, client: AsyncRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SETTLED", timedelta(seconds=-10))
    lost, strange = stand.enqueue(2)
    stand.redis.lrem("rq:queue:email", 0, lost)
    stand.redis.hset(f"rq:job:{strange}", "status", "strange")
    await stand.auditor.step(client)
    note = f"job {lost} was queued, in no place: waits again"
    assert stand.told == [("JobsMended", note)]
    found: Any = stand.auditor.accounts(QUEUES)
    said = f'job {strange} of email is waiting: left: its status "strange" is unknown'
    assert found.left == (said,)


async def test_an_idle_namespace_is_audited_rarely_and_a_busy_one_each_minute(
    stand: Stand, client: AsyncRedis
) -> None:
    async def is_audited_after(wait: timedelta) -> bool:
        stand.observe()
        stand.auditor.ended_at = before = time.monotonic() - wait.total_seconds()
        await stand.auditor.step(client)
        return stand.auditor.ended_at != before

    stand.observe()
    await stand.auditor.step(client)
    assert not await is_audited_after(accounts.EVERY)
    assert await is_audited_after(accounts.QUIET)
    (job,) = stand.enqueue()
    assert not await is_audited_after(accounts.NEW)
    assert await is_audited_after(accounts.EVERY)
    stand.queues.run(operations.cancel(job))
    assert await is_audited_after(accounts.EVERY)
    assert not await is_audited_after(accounts.EVERY)


class CountingStore(Store):
    """Knows how often the pools were gone through."""

    gathered = 0

    def pools(self, namespace: str | None = None) -> Iterable[Pool]:
        self.gathered += 1
        return super().pools(namespace)


async def test_pools_are_gone_through_only_for_an_audit(stand: Stand, client: AsyncRedis) -> None:
    store = CountingStore()
    store.put(pool_body())
    auditor = module.Auditor(NAMESPACE, store, lambda: stand.last, stand.woken.append, stand.tell)
    stand.observe()
    for _ in range(5):
        await auditor.step(client)
    assert (auditor.accounts(QUEUES), store.gathered) == (Accounts(0), 1)


async def test_a_new_queue_is_audited_soon(stand: Stand, client: AsyncRedis) -> None:
    stand.observe()
    await stand.auditor.step(client)
    stand.store.put(pool_body(queues=("email", "report")))
    assert stand.last
    rows = stand.last.queues | {"report": stand.last.queues["email"]}
    stand.last = replace(stand.last, queues=rows)
    stand.auditor.ended_at -= accounts.NEW.total_seconds()
    await stand.auditor.step(client)
    assert stand.auditor.accounts(QUEUES | {"report"}) == Accounts(0)


async def test_an_audit_that_fails_says_why_and_is_tried_again(
    stand: Stand, client: AsyncRedis, own_redis_server: RedisServer
) -> None:
    stand.enqueue(1)
    async with AsyncRedis.from_url(own_redis_server.url) as other:
        own_redis_server.stop()
        await stand.auditor.step(other)
    found: Any = stand.auditor.accounts(QUEUES)
    assert found.unknown.startswith("Redis cannot be reached: ")
    own_redis_server.start()
    stand.auditor.ended_at -= accounts.RETRY.total_seconds()
    await stand.auditor.step(client)
    assert stand.auditor.accounts(QUEUES) == Accounts(1)


async def test_an_audit_that_fails_now_and_then_is_bridged(
    stand: Stand, client: AsyncRedis, own_redis_server: RedisServer
) -> None:
    stand.enqueue(1)
    await stand.auditor.step(client)
    counts: list[Accounts | None] = []
    async with AsyncRedis.from_url(own_redis_server.url) as other:
        own_redis_server.stop()
        for _ in range(3):
            stand.auditor.ended_at -= accounts.EVERY.total_seconds() * 10
            await stand.auditor.step(other)
            counts.append(stand.auditor.accounts(QUEUES))
    own_redis_server.start()
    assert counts[:2] == [Accounts(1), Accounts(1)]
    assert counts[2]
    assert counts[2].unknown


async def test_an_audit_lets_others_run_after_each_piece(stand: Stand, client: AsyncRedis) -> None:
    many = [operations.request(queue_tasks.add, 1, 2) for _ in range(5000)]
    stand.queues.run(operations.enqueue_many(many))
    turns = 0
    audit = asyncio.create_task(stand.auditor.step(client))
    while not audit.done():
        turns += 1
        await asyncio.sleep(0)
    await audit
    assert stand.auditor.accounts(QUEUES) == Accounts(5000)
    assert turns > 2 * 5000 / PIECE
