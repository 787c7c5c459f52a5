"""A worker: the engine, its keeper and its wake-ups, from start to a graceful end."""

import asyncio
import logging
import secrets
import signal
from collections.abc import Callable

from redis.exceptions import RedisError

from osnovci.contract import Isolation, PoolDocument
from osnovci.queues.board import Board
from osnovci.queues.client import Line, Queues
from osnovci.queues.drain import HURRY
from osnovci.queues.engine import nursery
from osnovci.queues.engine.executor import Executor
from osnovci.queues.engine.inline import InlineExecutor
from osnovci.queues.engine.keeper import Keeper
from osnovci.queues.engine.loop import Engine
from osnovci.queues.engine.precise import precise_loop
from osnovci.queues.engine.process import ProcessExecutor
from osnovci.queues.engine.turns import LEASE_MS
from osnovci.queues.engine.wakeups import watchers
from osnovci.queues.operations import release
from osnovci.redis_clients import for_asyncio, for_threads
from osnovci.settings import WorkerSettings

log = logging.getLogger(__name__)
SOCKET_SECONDS = 5.0
LEAVE_SECONDS = 1.0
PREDECESSOR = "The process before this one, of the same pod, died while it ran this job."


class Worker:
    """Runs the jobs of a pool's queues."""

    def __init__(
        self,
        settings: WorkerSettings,
        executor: Executor,
        busy: Callable[[int], None],
        rest: Callable[[int, int], None],
    ) -> None:
        self._settings, self._executor = settings, executor
        url = settings.redis_url
        # A turn has a limit of its own: redis-py starts a task for each command that has one.
        self._redis = for_asyncio(url, socket_timeout=None, socket_connect_timeout=SOCKET_SECONDS)
        self._turns = Line(self._redis, settings.namespace)
        self._queues = Queues(for_threads(url, socket_timeout=LEASE_MS / 1000), settings.namespace)
        self.engine = Engine(
            settings.pod,
            run_id=f"{secrets.token_hex(4)}-",
            queues=settings.pool.queues,
            redis=self._turns,
            executor=executor,
            busy=busy,
            rest=rest,
        )

    async def run(self) -> None:
        """Work until `stop`."""
        settings, engine = self._settings, self.engine
        names = [queue.name for queue in settings.pool.queues]
        await asyncio.to_thread(self._queues.run, release(settings.pod, PREDECESSOR))
        keeper = Keeper(settings, self._queues, engine)
        await asyncio.to_thread(keeper.renew)
        keeper.start()
        waiting = watchers(self._redis, settings.namespace, settings.pod, names, engine)
        working = asyncio.create_task(engine.run())
        for each in waiting:
            each.add_done_callback(lambda ended: _heed(ended, working))
        try:
            await working
        finally:
            for each in waiting:
                each.cancel()
            await asyncio.wait(waiting, timeout=LEAVE_SECONDS)
            await self._executor.close()
            await asyncio.to_thread(keeper.stop)
            await self._leave()

    async def _leave(self) -> None:
        """Let nothing of this worker stay in Redis."""
        story = "Its worker left."
        call = release(self._settings.pod, story, on_purpose=True)
        await asyncio.to_thread(self._queues.run, call)
        await self._turns.aclose()
        await self._redis.aclose()
        self._queues.redis.close()

    def stop(self) -> None:
        """Take no more jobs, let those that run end, and leave."""
        self.engine.drain()

    def hurry(self) -> None:
        """The same, but end by force what runs."""
        self.engine.drain()
        self.engine.give_up()


def _heed(watcher: asyncio.Task[None], working: asyncio.Task[None]) -> None:
    """End the worker where a watcher of it broke: it would be deaf from then on."""
    if not watcher.cancelled() and (error := watcher.exception()) and not working.done():
        log.critical("a watcher of this worker broke, which ends it", exc_info=error)
        working.cancel()


def run_jobs(settings: WorkerSettings, board: Board) -> None:
    """Be the engine's process: work until SIGTERM; ends when Redis is away at its start."""
    executor = executor_of(settings.pool)
    try:
        with asyncio.Runner(loop_factory=precise_loop) as runner:
            runner.run(_run(settings, executor, board))
    except RedisError:
        raise SystemExit(1) from None


async def _run(settings: WorkerSettings, executor: Executor, board: Board) -> None:
    worker = Worker(settings, executor, board.count, board.rest)
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, worker.stop)
    loop.add_signal_handler(HURRY, worker.hurry)
    await worker.run()


def executor_of(pool: PoolDocument) -> Executor:
    """Choose what runs the jobs; raises SettingsError where the tasks cannot be loaded.

    It may fork, so it comes before threads and connections.
    """
    if pool.isolation is Isolation.THREAD:
        return InlineExecutor(pool.tasks, pool.concurrency)
    only_one = pool.isolation is Isolation.FORK
    return ProcessExecutor(
        nursery.start(pool.tasks, only_one=only_one),
        pool.concurrency,
        only_one=only_one,
        memory_max_bytes=pool.memory_max_bytes,
    )
