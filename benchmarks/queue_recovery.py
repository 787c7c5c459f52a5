"""How long a job of a killed worker waits until it runs again.

Some workers each run one job and are killed with -9 at moments spread over a renewal; one other
lives on. Measured is the time from the kill until the job begins there: with the lease alone, and
where the operator says at once that the pod is gone.
"""

import os
import random
import signal
import subprocess
import time
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import Any

from redis import Redis

from benchmarks import queue_peers as peers
from benchmarks.queue_peers import System
from osnovci.contract import ENV_POD, Isolation
from osnovci.queues import operations
from osnovci.queues.client import Queues

AT_ONCE = 10
LIMIT_SECONDS = 30.0
KILLED_WITHIN_SECONDS = 1.0


def rerun_delays(redis: Redis, url: str, kills: int, *, told: bool) -> list[float]:
    """Kill so many workers; give the seconds until each job ran again, the shortest first."""
    delays: list[float] = []
    while len(delays) < kills:
        redis.flushall()
        delays += _round(redis, url, told=told)
    return sorted(delays)


def _round(redis: Redis, url: str, *, told: bool) -> list[float]:
    """Kill the workers of one round, which hold a job each."""
    import bench_tasks

    queues = Queues(redis, peers.NAMESPACE)
    victims = peers.ours(url, Isolation.THREAD, 1, "held", 0)
    jobs = [operations.request(bench_tasks.held, number) for number in range(AT_ONCE)]
    with ExitStack() as running:
        processes = [running.enter_context(_worker(victims, f"victim-{n}")) for n in range(AT_ONCE)]
        queues.run(operations.enqueue_many(jobs))
        _wait_for(redis, "began", AT_ONCE)
        running.enter_context(_worker(peers.ours(url, Isolation.THREAD, 50, "held", 0), "survivor"))
        _wait_for_lease(redis, "survivor")
        killed = _kill(queues, processes, told=told)
        ran_again = _wait_for(redis, "again", AT_ONCE)
        held_by: Any = redis.hgetall("began")
    return [
        float(moment) - killed[f"victim-{_pod_number(held_by[number])}"]
        for number, moment in ran_again.items()
    ]


def _pod_number(pod: bytes) -> int:
    return int(pod.rsplit(b"-", 1)[1])


def _kill(
    queues: Queues, processes: list["subprocess.Popen[bytes]"], *, told: bool
) -> dict[str, float]:
    """Kill the workers one by one; give the moment of each."""
    killed: dict[str, float] = {}
    for number, process in enumerate(processes):
        time.sleep(random.random() * 2 * KILLED_WITHIN_SECONDS / AT_ONCE)
        os.kill(process.pid, signal.SIGKILL)
        killed[f"victim-{number}"] = time.time()
        if told:
            queues.run(operations.release(f"victim-{number}", "the pod is gone"))
    return killed


def _wait_for_lease(redis: Redis, pod: str) -> None:
    """Wait until a worker has its lease."""
    while redis.zscore(f"osnovci:{{{peers.NAMESPACE}}}:leases", pod) is None:
        time.sleep(0.02)


def _wait_for(redis: Redis, key: str, count: int) -> dict[bytes, bytes]:
    deadline = time.monotonic() + LIMIT_SECONDS
    found: Any = {}
    while len(found) < count and time.monotonic() < deadline:
        time.sleep(0.02)
        found = redis.hgetall(key)
    if len(found) < count:
        raise TimeoutError(f"{key}: {len(found)} of {count} jobs after {LIMIT_SECONDS} s")
    return found


@contextmanager
def _worker(system: System, pod: str) -> Generator["subprocess.Popen[bytes]"]:
    """Run a worker under a pod's name, and kill it in the end."""
    named = replace(system, env=system.env | {ENV_POD: pod})
    process = subprocess.Popen(named.command, env=os.environ | named.env, stderr=subprocess.DEVNULL)
    try:
        yield process
    finally:
        process.kill()
        process.wait()
