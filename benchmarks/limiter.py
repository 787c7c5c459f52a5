"""What rate limits cost: Redis's time, memory, and checks a second beside three libraries.

`python -m benchmarks --only limiter`. Libraries are installed into ~/.cache/osnovci/peers.
"""

import asyncio
import json
import statistics
import subprocess
import sys
import time

import uvloop
from redis import Redis

from benchmarks import limiter_server
from benchmarks.queue_peers import CACHE, HERE, OURS
from benchmarks.report import Figure, Result
from benchmarks.web_stand import redis_server
from osnovci.limits.client import AsyncLimits
from osnovci.limits.limit import Limit, Question
from osnovci.line import Line

PACKAGES = (
    "limits[async-redis]",
    "throttled-py[redis]",
    "pyrate-limiter",
    "redis[hiredis]",
    "uvloop",
)
PYTHON = CACHE / "limiters" / "bin" / "python"
ROUNDS = 3
SECONDS = 1.0
USERS = 2_000
TASKS = (1, 50)
OURS_NAME = "osnovci"
MOVING = "limits MovingWindow"


def measure() -> Result:
    """Measure all."""
    install()
    with redis_server() as redis:
        spent = limiter_server.microseconds_a_call(redis)
        sizes = {
            name: limiter_server.memory(redis, limit) for name, limit in _memory_limits().items()
        }
        rates = [_round(redis) for _ in range(ROUNDS)]
    return _result(spent, sizes, rates)


def install() -> None:
    """Install the libraries where they are missing, by their registry's ordinary client."""
    if not PYTHON.exists():
        subprocess.run([sys.executable, "-m", "venv", CACHE / "limiters"], check=True)
        target = ["--python", str(PYTHON)]
        subprocess.run([OURS / "uv", "pip", "install", "-q", *target, *PACKAGES], check=True)


def _memory_limits() -> dict[str, Limit]:
    policy = "homework-limits"
    return {
        "a log of 100": Limit("global", 100, 900_000, policy=policy),
        "a ring of 10,000": Limit("api", 10_000, 60_000, exact=True, policy=policy),
        "ticks of 10,000": Limit("api", 10_000, 60_000, policy=policy),
    }


def _round(redis: Redis) -> dict[str, list[float]]:
    """Give checks a second of one task and of 50, of each library and of ours."""
    redis.flushall()
    port = redis.get_connection_kwargs()["port"]
    program = [str(each) for each in (PYTHON, HERE / "app_limiters.py", port, SECONDS)]
    peers = subprocess.run(program, check=True, capture_output=True, text=True)
    found: dict[str, list[float]] = json.loads(peers.stdout)
    found[OURS_NAME] = []
    for tasks in TASKS:
        redis.flushall()
        found[OURS_NAME].append(uvloop.run(_checks_a_second(f"redis://127.0.0.1:{port}", tasks)))
    return found


async def _checks_a_second(url: str, tasks: int) -> float:
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


def _result(
    spent: dict[str, float],
    sizes: dict[str, tuple[int, int]],
    rates: list[dict[str, list[float]]],
) -> Result:
    middle = {
        name: [statistics.median(each[name][n] for each in rates) for n in range(2)]
        for name in rates[0]
    }
    ours = middle.pop(OURS_NAME)
    fastest = max(each[1] for each in middle.values())
    small, ring, ticks = sizes.values()
    return Result(
        name="limiter",
        question="What do rate limits cost?",
        setting="three limits a request: 100 in 15 min, 60 in 1 min, 20 in 1 h; loopback, uvloop",
        figures=[
            Figure("Redis's time a call", spent["ours"], "µs"),
            Figure(
                "of reading and writing three keys", ratio(spent["ours"], spent["floor"]), "x", 1.2
            ),
            Figure("of sorted sets", ratio(spent["ours"], spent["sorted sets"]), "x", 0.6),
            Figure("checks/s, one task", round(ours[0]), "/s"),
            Figure("checks/s, 50 tasks", round(ours[1]), "/s"),
            Figure(
                "of ours, limits' MovingWindow, one task",
                ratio(middle[MOVING][0], ours[0]),
                "x",
                1 / 2.7,
            ),
            Figure("the same, 50 tasks", ratio(middle[MOVING][1], ours[1]), "x", 1 / 2.7),
            Figure("of ours, the fastest library, 50 tasks", ratio(fastest, ours[1]), "x", 1 / 2.3),
            Figure("memory of a log of 100, of a sorted set's", ratio(*small), "x", 1 / 6),
            Figure("memory of a ring of 10,000", ratio(*ring), "x", 1 / 20),
            Figure("memory of ticks of 10,000", round(ticks[0] / ticks[1], 6), "x", 1 / 2000),
        ],
        detail={"checks/s": rates, "bytes, ours and a sorted set's": sizes, "µs": spent},
    )


def ratio(one: float, other: float) -> float:
    return round(one / other, 3)
