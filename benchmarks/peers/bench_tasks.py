"""Osnovci's and rq's tasks of the comparison."""

import asyncio
import os
import time
from functools import cache

from redis import Redis

from osnovci.queues.tasks import task


@task(queue="bench")
def noop() -> None:
    """Do nothing."""


@task(queue="bench")
async def noop_async() -> None:
    """Do nothing, as a coroutine."""


@task(queue="bench")
async def io10() -> None:
    """Wait 10 ms."""
    await asyncio.sleep(0.01)


@task(queue="bench")
async def held(number: int) -> None:
    """Be held for ever the first time; tell the moment the second time."""
    if _redis().hsetnx("began", str(number), os.environ["OSNOVCI_POD"]):
        await asyncio.sleep(3600)
    _redis().hset("again", str(number), str(time.time()))


@cache
def _redis() -> Redis:
    return Redis.from_url(os.environ["OSNOVCI_REDIS_URL"])


@task(queue="bench")
def ping(at: float) -> None:
    """Tell how long ago this job was enqueued."""
    delay_ms = (time.time() - at) * 1000
    _redis().rpush("delays", str(delay_ms))
