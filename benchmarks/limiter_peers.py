"""Checks a second of three limits: ours, and three libraries in an environment of their own.

Libraries are installed into ~/.cache/osnovci/peers. Each has a pool of connections of its own; ours
sends everything through one connection.
"""

import asyncio
import json
import subprocess
import sys
import time

import uvloop
from redis import Redis

from benchmarks import limiter_server
from benchmarks.queue_peers import CACHE, HERE, OURS
from osnovci.limits.client import AsyncLimits
from osnovci.limits.limit import Question
from osnovci.line import Line

PACKAGES = (
    "limits[async-redis]",
    "throttled-py[redis]",
    "pyrate-limiter",
    "redis[hiredis]",
    "uvloop",
)
PYTHON = CACHE / "limiters" / "bin" / "python"
SECONDS = 1.0
USERS = 2_000
TASKS = (1, 50)
OURS_NAME = "osnovci"
MOVING = "limits MovingWindow"


def install() -> None:
    """Install the libraries where they are missing, by their registry's ordinary client."""
    if not PYTHON.exists():
        subprocess.run([sys.executable, "-m", "venv", CACHE / "limiters"], check=True)
        target = ["--python", str(PYTHON)]
        subprocess.run([OURS / "uv", "pip", "install", "-q", *target, *PACKAGES], check=True)


def checks_a_second(redis: Redis) -> dict[str, list[float]]:
    """Give checks a second of one task and of 50, of each library and of ours."""
    redis.flushall()
    port = redis.get_connection_kwargs()["port"]
    program = [str(each) for each in (PYTHON, HERE / "app_limiters.py", port, SECONDS)]
    peers = subprocess.run(program, check=True, capture_output=True, text=True)
    found: dict[str, list[float]] = json.loads(peers.stdout)
    found[OURS_NAME] = []
    for tasks in TASKS:
        redis.flushall()
        found[OURS_NAME].append(uvloop.run(_ours(f"redis://127.0.0.1:{port}", tasks)))
    return found


async def _ours(url: str, tasks: int) -> float:
    line = Line(url, budget_seconds=5)
    limits = AsyncLimits(line, "homework", "homework")
    questions = [Question(limiter_server.windows(f"user{n}")) for n in range(USERS)]
    await limits.ask(questions[0])
    count, end = 0, time.perf_counter() + SECONDS

    async def run(n: int) -> None:
        nonlocal count
        while time.perf_counter() < end:
            # Every one asks Redis, as those of the libraries do: what is remembered is forgotten.
            limits.guard.forget()
            await limits.ask(questions[(n * 40 + count) % USERS])
            count += 1

    began = time.perf_counter()
    await asyncio.gather(*(run(n) for n in range(tasks)))
    seconds = time.perf_counter() - began
    await line.aclose()
    return count / seconds
