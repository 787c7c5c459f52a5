"""How long an idle worker takes to begin a job: Osnovci and BullMQ by turns, job by job.

Both workers wait on the same Redis all the time, so whatever else the machine does meets both alike.
A process that lives as long enqueues the jobs of each, with that system's own client. The time goes
from just before its call to the first line of the job: it holds the call, which is measured beside it.
"""

import os
import random
import subprocess
import sys
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from typing import Any

from redis import Redis

from benchmarks import queue_peers as peers
from osnovci.contract import Isolation

WARM_UP = 100
"""Of each, before it counts: node compiles what runs often."""

START_SECONDS = 2.0
LIMIT_SECONDS = 10
REST_SECONDS = (0.015, 0.035)


@dataclass
class Side:
    """One system: who enqueues its jobs, and what was measured."""

    client: subprocess.Popen[str]
    pickup_ms: list[float] = field(default_factory=list[float])
    call_ms: list[float] = field(default_factory=list[float])

    def ping(self, redis: Redis) -> None:
        """Enqueue one job, and wait until it has told its delay."""
        assert self.client.stdin
        assert self.client.stdout
        print("ping", file=self.client.stdin, flush=True)
        told: Any = redis.blpop(["delays"], LIMIT_SECONDS)
        self.pickup_ms.append(float(told[1]))
        self.call_ms.append(float(self.client.stdout.readline()))


def measure(redis: Redis, url: str, port: int, pings: int) -> dict[str, float]:
    """Give p50 and p99 of the pickup, and p50 of the call that enqueues, in ms."""
    redis.flushall()
    ours, bull = peers.ours(url, Isolation.PROCESS, 2, "ping", 0), peers.bullmq(port, 2, "ping", 0)
    with ExitStack() as stack:
        for system in (ours, bull):
            stack.enter_context(peers.worker(system))
        clients = {
            "osnovci": ([sys.executable, str(peers.HERE / "ping.py")], ours.env),
            "BullMQ": (["node", str(peers.HERE / "bull.mjs"), str(port), "ping"], bull.env),
        }
        sides = {n: Side(stack.enter_context(_client(*how))) for n, how in clients.items()}
        time.sleep(START_SECONDS)
        for _ in range(WARM_UP + pings):
            for side in sides.values():
                side.ping(redis)
                time.sleep(random.uniform(*REST_SECONDS))
    return {
        f"{what} ms: {name}": round(value, 2)
        for name, side in sides.items()
        for what, value in _figures(side)
    }


@contextmanager
def _client(command: list[str], env: dict[str, str]) -> Generator[subprocess.Popen[str]]:
    """Run a process that enqueues a job for each line, and answers with the ms its call took."""
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command, env=os.environ | env, text=True, stdin=pipe, stdout=pipe
    ) as process:
        yield process


def _figures(side: Side) -> Generator[tuple[str, float]]:
    for percent in (50, 99):
        yield f"idle pickup p{percent}", _percentile(side.pickup_ms[WARM_UP:], percent)
    yield "call that enqueues p50", _percentile(side.call_ms[WARM_UP:], 50)


def _percentile(values: list[float], percent: int) -> float:
    return sorted(values)[min(len(values) * percent // 100, len(values) - 1)]
