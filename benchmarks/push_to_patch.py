"""From a job's push to the patch of the Deployment, as a watch sees it: how long is that.

Each push goes to a pool that has no workers yet, so that each must lead to one patch. Beside it,
in the same rounds, a floor: what a poll of the tick's length and a bare server-side apply cost
with no operator at all.
"""

import random
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from redis import Redis
from rq import Queue

from benchmarks.api import Api, Watch
from benchmarks.report import Result, spread
from benchmarks.stand import POOLS, Stand, pool, stand
from cluster.console import step, wait_for
from osnovci import observation

PUSHES = 50
BAR_SECONDS = 1.5
TICK_SECONDS = 0.25
NAMESPACE = "bench"
DEPLOYMENTS = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
FLOOR = "floor"
HORIZON = timedelta(seconds=10)


def measure() -> Result:
    """Push, one job after the other."""
    with stand([NAMESPACE]) as made:
        with step(f"Making {PUSHES} pools without workers", "about 10 s"):
            names = _pools(made)
        with step(f"Pushing {PUSHES} jobs", "about a minute"):
            delays, polls, applies = _rounds(made, names)
        made.check()
    return Result(
        name="push_to_patch",
        question="From a job's push to the patch of the Deployment",
        setting=f"{PUSHES} pushes, each to another pool at 0 workers; tick {TICK_SECONDS:g} s",
        figures=[
            *spread("push to patch", delays, BAR_SECONDS),
            *spread("floor: a poll's sight of a push", polls),
            *spread("floor: a bare apply", applies),
        ],
        detail={"delays": [round(each, 4) for each in delays]},
    )


def _pools(made: Stand) -> list[str]:
    """Make the pools; return when each has its Deployment and says so."""
    names = [f"pool-{number:02}" for number in range(PUSHES)]
    api, path = made.api, POOLS.format(NAMESPACE)
    made.start_operator()
    for name in names:
        api.request("POST", path, pool(name, NAMESPACE, minimum=0))

    def settled() -> bool:
        known = api.request("GET", path)["items"]
        return all(each.get("status", {}).get("desiredReplicas") == 0 for each in known)

    wait_for("the pools' first status", settled, 60)
    return names


def _rounds(made: Stand, names: list[str]) -> tuple[list[float], list[float], list[float]]:
    """Give the delays of pushes, of floor polls and of floor applies."""
    api, redis = made.api, made.redis
    api.apply(f"{DEPLOYMENTS}/{FLOOR}", _deployment(0))
    watch = Watch(api, DEPLOYMENTS)
    delays: list[float] = []
    polls: list[float] = []
    applies: list[float] = []
    with _polling(redis, names) as poll:
        for number, name in enumerate(names, 1):
            _pause()
            polls.append(poll.push(number))
            _pause()
            applies.append(_bare_apply(api, watch, number))
            _pause()
            delays.append(_push(redis, watch, name))
    return delays, polls, applies


def _push(redis: Redis, watch: Watch, name: str) -> float:
    started = time.perf_counter()
    Queue(name, connection=redis).enqueue("homework.jobs.pause", 1)
    return watch.until(lambda each: _replicas(each, name) > 0) - started


def _bare_apply(api: Api, watch: Watch, number: int) -> float:
    wanted = number % 2
    started = time.perf_counter()
    api.apply(f"{DEPLOYMENTS}/{FLOOR}", _deployment(wanted))
    return watch.until(lambda each: _replicas(each, FLOOR) == wanted) - started


def _replicas(deployment: dict[str, Any], name: str) -> int:
    return deployment["spec"]["replicas"] if deployment["metadata"]["name"] == name else -1


def _pause() -> None:
    """Let the next push fall anywhere in a tick."""
    time.sleep(random.uniform(0.1, 0.1 + TICK_SECONDS))


class _Poll:
    """The operator's read of Redis, in its rhythm, with nothing behind it."""

    def __init__(self, redis: Redis, names: list[str]) -> None:
        self._redis = redis
        self._queues = [*names, FLOOR]
        self._arguments = observation.arguments(NAMESPACE, dict.fromkeys(self._queues, HORIZON), [])
        self._seen = threading.Condition()
        self._waiting = 0
        self._at = 0.0
        self.stopped = threading.Event()

    def run(self) -> None:
        """Read once a tick until stopped."""
        while not self.stopped.wait(TICK_SECONDS):
            reply = self._redis.eval(observation.SCRIPT.text, 0, *self._arguments)
            reading = observation.parse(reply, self._queues, []).queues[FLOOR]
            assert not isinstance(reading, str), reading
            with self._seen:
                if reading.waiting != self._waiting:
                    self._waiting, self._at = reading.waiting, time.perf_counter()
                    self._seen.notify_all()

    def push(self, number: int) -> float:
        """Push one job and wait until it was seen; give how long that took."""
        started = time.perf_counter()
        Queue(FLOOR, connection=self._redis).enqueue("homework.jobs.pause", 1)
        with self._seen:
            assert self._seen.wait_for(lambda: self._waiting == number, timeout=10)
        return self._at - started


@contextmanager
def _polling(redis: Redis, names: list[str]) -> Generator[_Poll]:
    poll = _Poll(redis, names)
    thread = threading.Thread(target=poll.run, daemon=True)
    thread.start()
    try:
        yield poll
    finally:
        poll.stopped.set()
        thread.join()


def _deployment(replicas: int) -> dict[str, Any]:
    labels = {"app": FLOOR}
    containers = [{"name": "worker", "image": "osnovci/benchmark:none"}]
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": FLOOR, "namespace": NAMESPACE},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": containers}},
        },
    }
