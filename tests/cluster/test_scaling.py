"""Workers follow the backlog."""

import json
from collections.abc import Callable

import pytest
from pools import TestPool
from redis import Redis
from waiting import eventually

from cluster.console import ClusterError
from cluster.kubectl import kubectl

MakePool = Callable[..., TestPool]
SCALING = {"minReplicas": 0, "maxReplicas": 3, "idle": "3s"}


def test_a_backlog_brings_workers_and_an_empty_queue_takes_them_away(
    pool: MakePool, redis: Redis
) -> None:
    jobs = pool(scaling=SCALING)
    jobs.wait(ready=0)
    key = f"done:{jobs.name}"
    jobs.enqueue("pause", 5, times=4)
    jobs.enqueue("record", key, "x", times=20)
    eventually(lambda: jobs.status()["desiredReplicas"] == 3)

    def is_limited() -> bool:
        limited = jobs.condition("ScalingLimited")
        return limited["reason"] == "TooManyReplicas" and "maxReplicas is 3" in limited["message"]

    eventually(is_limited)
    eventually(lambda: redis.llen(key) == 20, within=240)
    jobs.wait(ready=0)
    eventually(lambda: not jobs.pods(), within=120)
    assert redis.llen(key) == 20
    redis.delete(key)


def test_a_job_at_zero_workers_brings_one_back(pool: MakePool, redis: Redis) -> None:
    jobs = pool(scaling=SCALING)
    jobs.wait(ready=0)
    for number in (1, 2):
        jobs.enqueue("record", f"back:{jobs.name}", str(number))
        eventually(lambda n=number: redis.llen(f"back:{jobs.name}") == n, within=120)
        jobs.wait(ready=0)
    redis.delete(f"back:{jobs.name}")


def test_kubectl_scale_sets_a_fixed_count_and_is_refused_while_scaling_is_set(
    pool: MakePool,
) -> None:
    fixed = pool(replicas=1)
    fixed.wait(ready=1)
    fixed.kubectl("scale", "qpool", fixed.name, "--replicas=2")
    fixed.wait(ready=2)
    assert fixed.condition("ScalingActive")["reason"] == "FixedReplicas"
    fixed.kubectl("wait", "--for=condition=Ready", f"qpool/{fixed.name}", "--timeout=120s")
    scale = json.loads(kubectl("get", "--raw", _scale_path(fixed)))
    assert scale["spec"]["replicas"] == scale["status"]["replicas"] == 2
    assert scale["status"]["selector"] == f"osnovci.app/pool={fixed.name}"
    following = pool(scaling=SCALING)
    with pytest.raises(ClusterError, match="replicas and scaling exclude each other"):
        following.kubectl("scale", "qpool", following.name, "--replicas=2")


def test_a_change_of_the_spec_rolls_the_pods_and_a_scaling_does_not(pool: MakePool) -> None:
    jobs = pool(replicas=1)
    jobs.wait(ready=1)
    (before,) = jobs.pods()
    jobs.kubectl("scale", "qpool", jobs.name, "--replicas=2")
    jobs.wait(ready=2)
    assert before["metadata"]["name"] in {each["metadata"]["name"] for each in jobs.pods()}
    change = json.dumps({"spec": {"concurrency": 1}})
    jobs.kubectl("patch", "qpool", jobs.name, "--type=merge", "-p", change)
    old = before["spec"]["containers"][0]["env"]

    def rolled() -> bool:
        return all(
            each["spec"]["containers"][0]["env"] != old
            and "deletionTimestamp" not in each["metadata"]
            for each in jobs.pods()
        )

    eventually(rolled, within=240)
    jobs.wait(ready=2)


def test_a_worker_ends_its_running_job_before_it_goes(pool: MakePool, redis: Redis) -> None:
    jobs = pool(replicas=1, concurrency=1)
    jobs.wait(ready=1)
    key, before = f"end:{jobs.name}", _completed(jobs)
    jobs.enqueue("pause", 15)
    eventually(lambda: redis.exists(f"rq:wip:{jobs.queue}"))
    jobs.kubectl("scale", "qpool", jobs.name, "--replicas=0")
    jobs.enqueue("record", key, "not taken by the worker that goes")
    eventually(lambda: not jobs.pods(), within=120)
    eventually(lambda: _completed(jobs) == before + 1)
    assert redis.llen(key) == 0
    jobs.kubectl("scale", "qpool", jobs.name, "--replicas=1")
    eventually(lambda: redis.llen(key) == 1, within=120)
    redis.delete(key)


def _completed(of: TestPool) -> int:
    return of.status()["queues"][0]["completed"]


def _scale_path(of: TestPool) -> str:
    group = "/apis/osnovci.app/v1alpha1"
    return f"{group}/namespaces/{of.namespace}/queuepools/{of.name}/scale"
