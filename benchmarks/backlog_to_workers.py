"""From 500 pushed jobs to the patch, and to 20 workers that are ready, on the cluster of `make up`.

Some rounds are followed until all workers are ready, real pods on a real node; beside each of
those, in turn first or second, the same pods in a plain Deployment that `kubectl scale` brings to
the same count. The others end with the patch, and their pods find no node.
"""

import random
import time
from dataclasses import dataclass, field
from typing import Any

from redis import Redis
from rq import Queue

from benchmarks.api import Api, Watch
from benchmarks.report import Figure, Result, percentile, spread
from benchmarks.stand import POOLS
from cluster.console import ClusterError, step, wait_for
from cluster.kubectl import kubectl
from cluster.paths import HOST_PORTS, KUBECONFIG

ROUNDS = 20
FOLLOWED = 5
JOBS = 500
JOB_SECONDS = 5
"""So long that there is work for all workers until the last of them is ready."""

WORKERS = 20
PATCH_BAR_SECONDS = 1.0
SCALE_BAR_SECONDS = 1.0
TICK_SECONDS = 0.25
READY_SECONDS = 120.0
NAMESPACE = "homework"
QUEUE = "backlog-to-workers"
PLAIN = "plain-deployment"
DEPLOYMENTS = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments"
PODS = f"/api/v1/namespaces/{NAMESPACE}/pods"
ANY_NODE: dict[str, str] = {}
NO_NODE = {"osnovci.app/node-of-the-benchmark": "none"}
"""Pods with this stay Pending: what is measured ended with the patch, and 20 that start and end take a minute."""

SELECTORS = {QUEUE: f"osnovci.app/pool%3D{QUEUE}", PLAIN: f"app%3D{PLAIN}"}


@dataclass(frozen=True)
class Seen:
    """The delays in seconds, and the first count that each patch asked for."""

    patches: list[float] = field(default_factory=list[float])
    first_counts: list[int] = field(default_factory=list[int])
    ready: list[float] = field(default_factory=list[float])
    plain: list[float] = field(default_factory=list[float])


def measure() -> Result:
    """Push the backlog, again and again."""
    if not KUBECONFIG.exists():
        raise ClusterError("there is no cluster: run `make up` first")
    api, redis = Api(KUBECONFIG), Redis(port=HOST_PORTS[0])
    seen = Seen()
    try:
        for number in range(ROUNDS):
            with step(f"Round {number + 1} of {ROUNDS}", "10 s to 2 min"):
                _round(api, redis, seen, number)
    finally:
        for name in (QUEUE, PLAIN):
            _clear(api, redis, name)
    return _result(seen)


def _result(seen: Seen) -> Result:
    behind = percentile(seen.ready, 50) - percentile(seen.plain, 50)
    return Result(
        name="backlog_to_workers",
        question=f"From {JOBS} pushed jobs to the patch, and to {WORKERS} ready workers",
        setting=f"{ROUNDS} rounds from 0 workers, {FOLLOWED} followed to the end; real pods",
        figures=[
            *spread("push to patch", seen.patches, PATCH_BAR_SECONDS),
            Figure(f"first patches to fewer than {WORKERS}", _too_few(seen), "", 0),
            *spread("push to ready workers", seen.ready),
            *spread("kubectl scale to ready workers", seen.plain),
            Figure("behind kubectl scale, p50", round(behind, 3), "s", SCALE_BAR_SECONDS),
        ],
        detail={"patches": seen.patches, "ready": seen.ready, "plain": seen.plain},
    )


def _too_few(seen: Seen) -> int:
    return sum(count < WORKERS for count in seen.first_counts)


def _round(api: Api, redis: Redis, seen: Seen, number: int) -> None:
    if number >= FOLLOWED:
        _backlog(api, redis, seen, follow=False)
        return
    turns = [lambda: _backlog(api, redis, seen, follow=True), lambda: _plain(api, redis, seen)]
    for turn in turns if number % 2 == 0 else reversed(turns):
        turn()


def _backlog(api: Api, redis: Redis, seen: Seen, *, follow: bool) -> None:
    """Push to a pool without workers; the watch tells when it was patched, and when all are ready."""
    path = POOLS.format(NAMESPACE)
    api.request("POST", path, _pool(nodes=ANY_NODE if follow else NO_NODE))
    wait_for("the pool's first status", lambda: _settled(api), 30)
    watch = Watch(api, DEPLOYMENTS)
    time.sleep(random.uniform(0.1, 0.1 + TICK_SECONDS))
    started = _push(redis)
    asked: list[int] = []

    def patched(each: dict[str, Any]) -> bool:
        if each["metadata"]["name"] == QUEUE and each["spec"]["replicas"] > 0:
            asked.append(each["spec"]["replicas"])
        return bool(asked)

    seen.patches.append(round(watch.until(patched) - started, 4))
    seen.first_counts.append(asked[0])
    if follow:
        at = watch.until(lambda each: _all_ready(each, QUEUE), READY_SECONDS)
        seen.ready.append(round(at - started, 3))
    _clear(api, redis, QUEUE)


def _plain(api: Api, redis: Redis, seen: Seen) -> None:
    """Have the same pods in a Deployment that no one but `kubectl scale` scales, with the same jobs."""
    path = POOLS.format(NAMESPACE)
    api.request("POST", path, _pool(nodes=ANY_NODE))
    wait_for("the pool's first status", lambda: _settled(api), 30)
    template = api.request("GET", f"{DEPLOYMENTS}/{QUEUE}")["spec"]["template"]
    _clear(api, redis, QUEUE)
    api.apply(f"{DEPLOYMENTS}/{PLAIN}", _deployment(template))
    watch = Watch(api, DEPLOYMENTS)
    _push(redis)
    started = time.perf_counter()
    kubectl("-n", NAMESPACE, "scale", "deployment", PLAIN, f"--replicas={WORKERS}")
    at = watch.until(lambda each: _all_ready(each, PLAIN), READY_SECONDS)
    seen.plain.append(round(at - started, 3))
    _clear(api, redis, PLAIN)


def _push(redis: Redis) -> float:
    """Push all jobs in one transaction; give when it was sent."""
    queue = Queue(QUEUE, connection=redis)
    jobs = [Queue.prepare_data("homework.jobs.pause", (JOB_SECONDS,)) for _ in range(JOBS)]
    with redis.pipeline() as pipeline:
        queue.enqueue_many(jobs, pipeline=pipeline)
        started = time.perf_counter()
        pipeline.execute()
    return started


def _settled(api: Api) -> bool:
    """Whether the pool has its Deployment, at 0, and says so."""
    found = api.request("GET", f"{POOLS.format(NAMESPACE)}/{QUEUE}")
    return found.get("status", {}).get("desiredReplicas") == 0


def _all_ready(deployment: dict[str, Any], name: str) -> bool:
    ready = deployment.get("status", {}).get("readyReplicas", 0)
    return deployment["metadata"]["name"] == name and ready == WORKERS


def _clear(api: Api, redis: Redis, name: str) -> None:
    """Take away the jobs, the pool or the plain Deployment, and their pods."""
    Queue(QUEUE, connection=redis).delete(delete_jobs=True)
    kind = "qpool" if name == QUEUE else "deployment"
    kubectl("-n", NAMESPACE, "delete", kind, name, "--ignore-not-found")
    selector = f"{PODS}?labelSelector={SELECTORS[name]}"
    wait_for(f"the end of {name}'s pods", lambda: not api.request("GET", selector)["items"], 120)
    # A pool of the same name that comes within a tick would meet the reading of before.
    time.sleep(4 * TICK_SECONDS)


def _pool(nodes: dict[str, str]) -> dict[str, Any]:
    resources = {"requests": {"cpu": "5m", "memory": "32Mi"}}
    return {
        "apiVersion": "osnovci.app/v1alpha1",
        "kind": "QueuePool",
        "metadata": {"name": QUEUE, "namespace": NAMESPACE},
        "spec": {
            "pod": {
                "image": "osnovci/homework:dev",
                "resources": resources,
                "nodeSelector": nodes,
            },
            "tasks": ["homework.jobs"],
            "queues": [{"name": QUEUE}],
            "scaling": {"minReplicas": 0, "maxReplicas": WORKERS},
        },
    }


def _deployment(template: dict[str, Any]) -> dict[str, Any]:
    labels = {"app": PLAIN}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": PLAIN, "namespace": NAMESPACE},
        "spec": {
            "replicas": 0,
            "selector": {"matchLabels": labels},
            "template": {**template, "metadata": {"labels": labels}},
        },
    }
