"""How long a change of an app's document takes until each of 20 server processes reports it in force.

Once as the operator publishes it, and once with every announcement lost, so that the processes only
look. The delay is seen in the heartbeats, as the operator sees it.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any

from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from benchmarks.report import Result, spread
from benchmarks.web_stand import NAMESPACE, pod, redis_server, serving
from cluster.console import wait_for
from osnovci import app_observation
from osnovci.app_contract import AppDocument, HealthDocument, checksum, config_key
from osnovci.app_observation import AppQuestion
from osnovci.config.publish import publish

PROCESSES = 20
CHANGES = 40
EVERY_SECONDS = 0.01
LIMIT_SECONDS = 15.0
MOST_SECONDS = 1.0
APP = "bench"
QUESTION = AppQuestion(APP, ("web-1",), PROCESSES)

Put = Callable[[AsyncRedis, AppDocument, int], Awaitable[None]]


def measure() -> Result:
    """Change the document many times, in both ways."""
    first = AppDocument(app=APP, processes=PROCESSES)
    with (
        redis_server() as redis,
        serving("benchmarks.web_apps:wrapped", pod(redis, "web-1", first)),
    ):
        wait_for("all heartbeats", lambda: len(_in_force(redis)) == PROCESSES, 120)
        announced = asyncio.run(_delays(redis, _announced, 0))
        lost = asyncio.run(_delays(redis, _lost, CHANGES))
    return Result(
        name="config_in_force",
        question=f"How long until each of {PROCESSES} processes reports a change in force?",
        setting=f"{CHANGES} changes each way; seen in the heartbeats, looked at every {EVERY_SECONDS * 1000:.0f} ms",
        figures=[
            *spread("announced", announced, MOST_SECONDS),
            *spread("every announcement lost", lost, MOST_SECONDS),
        ],
        detail={},
    )


async def _delays(redis: Redis, put: Put, before: int) -> list[float]:
    """Give the seconds of each process and change."""
    known = redis.connection_pool.connection_kwargs
    found: list[float] = []
    async with AsyncRedis(port=known["port"]) as client:
        for number in range(before + 1, before + CHANGES + 1):
            # so that it falls anywhere between two looks
            await asyncio.sleep(random.uniform(0.1, 0.6))
            health = HealthDocument(max_in_flight=number + 100)
            began = time.monotonic()
            await put(client, AppDocument(app=APP, processes=PROCESSES, health=health), number)
            found += await asyncio.to_thread(_seen, redis, number, began)
    return found


def _seen(redis: Redis, revision: int, began: float) -> list[float]:
    """Give the seconds from `began` until each process reported the revision."""
    seen: dict[int, float] = {}
    while len(seen) < PROCESSES:
        for process, running in _in_force(redis).items():
            if running == revision and process not in seen:
                seen[process] = time.monotonic() - began
        if time.monotonic() - began > LIMIT_SECONDS:
            raise RuntimeError(f"revision {revision}: {len(seen)} of {PROCESSES} report it")
        time.sleep(EVERY_SECONDS)
    return list(seen.values())


def _in_force(redis: Redis) -> dict[int, int]:
    """Give the revision that each process reports."""
    arguments = app_observation.arguments(NAMESPACE, [QUESTION])
    reply: Any = redis.execute_command("EVAL", app_observation.SCRIPT.text, 0, *arguments)
    reading = app_observation.parse(reply, [QUESTION])[APP]
    return {beat.process: beat.config_revision for beat in reading.heartbeats.get("web-1", ())}


async def _announced(client: AsyncRedis, document: AppDocument, _: int) -> None:
    await publish(client, NAMESPACE, document)


async def _lost(client: AsyncRedis, document: AppDocument, revision: int) -> None:
    """Write what publish.lua writes, and tell nobody."""
    text = document.model_dump_json()
    fields: dict[Any, Any] = {"revision": revision, "checksum": checksum(text), "document": text}
    await client.hset(config_key(NAMESPACE, APP), mapping=fields)
