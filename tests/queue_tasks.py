"""Tasks for tests of the queues; workers import this module."""

import asyncio
import os
import signal
import time
from functools import cache
from typing import Any

from redis import Redis

from osnovci.queues.running import progress
from osnovci.queues.tasks import task


@cache
def connection() -> Redis:
    return Redis.from_url(os.environ["OSNOVCI_REDIS_URL"])


@task(queue="email")
def add(a: int, b: int) -> int:
    return a + b


@task(queue="email")
async def add_async(a: int, b: int) -> int:
    await asyncio.sleep(0)
    return a + b


@task(queue="email")
def note(key: str, value: str) -> None:
    connection().rpush(key, value)


@task(queue="email")
def count(key: str, field: str, seconds: float) -> None:
    time.sleep(seconds)
    connection().hincrby(key, field, 1)


@task(queue="email")
def witness(path: str, number: int, seconds: float) -> None:
    """Write down in a file that this job begins and ends; whatever befalls Redis, that stays."""
    _append(path, f"began {number}\n")
    time.sleep(seconds)
    _append(path, f"ended {number}\n")


def _append(path: str, line: str) -> None:
    file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.write(file, line.encode())
    os.close(file)


@task(queue="email")
def pause(seconds: float) -> None:
    time.sleep(seconds)


@task(queue="email")
async def pause_async(seconds: float) -> None:
    await asyncio.sleep(seconds)


@task(queue="email")
def fail() -> None:
    raise ValueError("as it should")


@task(queue="email")
def fail_until(key: str, times: int) -> int:
    seen: Any = connection().rpush(key, time.time())
    if seen <= times:
        raise ValueError(f"failure {seen}")
    return seen


@task(queue="email")
def crash() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


@task(queue="email")
def grow(mebibytes: int) -> None:
    held = bytearray(mebibytes << 20)
    held[::4096] = b"x" * len(held[::4096])
    time.sleep(30)


@task(queue="email")
def half_way(seconds: float) -> None:
    progress(0.5)
    time.sleep(seconds)


@task
def on_success(job: Any, redis: Redis, result: Any) -> None:
    redis.rpush("called", f"success {job.id} {result}")


@task
def on_failure(job: Any, redis: Redis, kind: type[Exception], *_: Any) -> None:
    redis.rpush("called", f"failure {job.id} {kind.__name__}")


@task(queue="email")
def report(fraction: Any) -> None:
    progress(fraction)


@task(queue="email")
def size(data: Any) -> int:
    return len(data)
