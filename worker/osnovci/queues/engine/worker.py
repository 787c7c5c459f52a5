"""A worker: the engine, its keeper and its wake-ups, from start to a graceful end."""

import asyncio
import logging
import secrets
from dataclasses import dataclass

from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from osnovci.contract import Isolation, PoolDocument
from osnovci.queues.client import AsyncQueues, Queues
from osnovci.queues.engine.executor import Executor
from osnovci.queues.engine.inline import InlineExecutor
from osnovci.queues.engine.keeper import Keeper
from osnovci.queues.engine.loop import Engine
from osnovci.queues.engine.process import ProcessExecutor
from osnovci.queues.engine.wakeups import BLOCK_SECONDS, watchers
from osnovci.queues.operations import release

log = logging.getLogger(__name__)
SOCKET_SECONDS = 5.0
LEAVE_SECONDS = 1.0
PREDECESSOR = "The process before this one, of the same pod, died while it ran this job."


@dataclass(frozen=True)
class WorkerSettings:
    """What a worker is."""

    namespace: str
    name: str
    """Its pod: two processes that live at the same time never share it."""
    redis_url: str
    pool: PoolDocument


class Worker:
    """Runs the jobs of a pool's queues."""

    def __init__(self, settings: WorkerSettings) -> None:
        self._settings = settings
        url, seconds = settings.redis_url, SOCKET_SECONDS
        self._redis = AsyncRedis.from_url(
            url, socket_timeout=seconds, single_connection_client=True
        )
        self._waiting = AsyncRedis.from_url(url, socket_timeout=BLOCK_SECONDS + seconds)
        self._queues = Queues(Redis.from_url(url, socket_timeout=seconds), settings.namespace)
        self.engine = Engine(
            settings.name,
            f"{secrets.token_hex(4)}-",
            settings.pool.queues,
            AsyncQueues(self._redis, settings.namespace),
            executor_of(settings.pool),
        )

    async def run(self) -> None:
        """Work until `stop`; raises QueueError where the tasks cannot be loaded."""
        settings, engine = self._settings, self.engine
        names = [queue.name for queue in settings.pool.queues]
        await asyncio.to_thread(self._queues.run, release(settings.name, PREDECESSOR))
        keeper = Keeper(settings.name, names, self._queues, engine)
        await asyncio.to_thread(keeper.renew)
        keeper.start()
        waiting = watchers(self._waiting, settings.namespace, settings.name, names, engine)
        try:
            await engine.run()
        finally:
            for each in waiting:
                each.cancel()
            await asyncio.wait(waiting, timeout=LEAVE_SECONDS)
            await engine.close()
            await asyncio.to_thread(keeper.stop)
            await self._leave()

    async def _leave(self) -> None:
        """Let nothing of this worker stay in Redis."""
        story = "Its worker left."
        call = release(self._settings.name, story, on_purpose=True)
        await asyncio.to_thread(self._queues.run, call)
        await self._waiting.aclose()
        await self._redis.aclose()
        self._queues.redis.close()

    def stop(self) -> None:
        """Take no more jobs, let what runs end within the grace period, and leave."""
        self.engine.drain()
        loop = asyncio.get_running_loop()
        loop.call_later(self._settings.pool.grace_seconds, self.engine.give_up)


def executor_of(pool: PoolDocument) -> Executor:
    """Choose what runs the jobs."""
    if pool.isolation is Isolation.THREAD:
        return InlineExecutor(pool.tasks, pool.concurrency)
    return ProcessExecutor(
        pool.tasks,
        pool.concurrency,
        only_one=pool.isolation is Isolation.FORK,
        memory_max_bytes=pool.memory_max_bytes,
    )
