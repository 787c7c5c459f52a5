"""Operator, Redis and objects go away, in any order; what remains does right."""

import json
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import yaml
from operator_log import OPERATOR
from pools import NAMESPACE, TestPool
from redis import Redis
from waiting import eventually

from cluster.kubectl import kubectl
from cluster.paths import ROOT

STALL_MS = 8000

MakePool = Callable[..., TestPool]
LEASE = (
    "-n",
    OPERATOR,
    "get",
    "lease",
    "osnovci-operator",
    "-o",
    "jsonpath={.spec.holderIdentity}",
)


def leader() -> str:
    return kubectl(*LEASE)


def test_another_replica_leads_within_15_seconds_of_a_kill(pool: MakePool) -> None:
    jobs = pool(replicas=0)
    eventually(lambda: jobs.condition("Ready"))
    before = eventually(leader)
    kubectl("-n", OPERATOR, "delete", "pod", before, "--grace-period=0", "--force")
    eventually(lambda: leader() not in {"", before}, within=15)
    jobs.kubectl("scale", "qpool", jobs.name, "--replicas=1")
    jobs.wait(ready=1)
    kubectl("-n", OPERATOR, "rollout", "status", "deployment", "--timeout=60s")


def test_an_orderly_stop_hands_over_at_once(pool: MakePool) -> None:
    before = eventually(leader)
    kubectl("-n", OPERATOR, "delete", "pod", before, "--timeout=10s")
    eventually(lambda: leader() not in {"", before}, within=5)
    jobs = pool(replicas=1)
    jobs.wait(ready=1)
    kubectl("-n", OPERATOR, "rollout", "status", "deployment", "--timeout=60s")


def test_a_follower_stops_when_told_to(pool: MakePool) -> None:
    before = eventually(leader)
    names = kubectl("-n", OPERATOR, "get", "pods", "-o", "jsonpath={.items[*].metadata.name}")
    follower = next(name for name in names.split() if name != before)
    kubectl("-n", OPERATOR, "delete", "pod", follower, "--timeout=10s")
    assert leader() == before
    jobs = pool(replicas=0)
    eventually(lambda: jobs.condition("Ready"))
    kubectl("-n", OPERATOR, "rollout", "status", "deployment", "--timeout=60s")


def test_redis_away_holds_the_workers_and_its_return_is_noticed(pool: MakePool) -> None:
    jobs = pool(scaling={"minReplicas": 1, "maxReplicas": 2, "idle": "1s"})
    jobs.wait(ready=1)
    jobs.enqueue("pause", 30, times=4)
    jobs.wait(ready=2)
    kubectl("-n", NAMESPACE, "scale", "deployment", "redis", "--replicas=0")
    try:
        eventually(lambda: jobs.condition("BackendReachable")["status"] == "False")
        assert jobs.condition("ScalingActive")["reason"] == "BackendUnreadable"
        assert jobs.condition("Ready")["status"] == "False"
        assert jobs.status()["desiredReplicas"] == 2
    finally:
        kubectl("-n", NAMESPACE, "scale", "deployment", "redis", "--replicas=1")
        kubectl("-n", NAMESPACE, "rollout", "status", "deployment", "redis", "--timeout=60s")
    eventually(lambda: jobs.condition("BackendReachable")["status"] == "True", within=60)
    jobs.enqueue("record", f"after:{jobs.name}", "x")

    def recorded() -> bool:
        with Redis(port=16379) as redis:
            return redis.llen(f"after:{jobs.name}") == 1

    eventually(recorded, within=120)


def test_a_stalled_redis_holds_the_workers_and_its_return_is_noticed(
    pool: MakePool, redis: Redis
) -> None:
    jobs = pool(scaling={"minReplicas": 1, "maxReplicas": 2, "idle": "1s"})
    jobs.wait(ready=1)
    jobs.enqueue("pause", 30, times=4)
    eventually(lambda: jobs.status()["desiredReplicas"] == 2)
    redis.execute_command("CLIENT", "PAUSE", STALL_MS, "ALL")
    eventually(lambda: jobs.condition("BackendReachable")["reason"] == "Unreachable")
    assert jobs.condition("ScalingActive")["reason"] == "BackendUnreadable"
    assert jobs.status()["desiredReplicas"] == 2
    eventually(lambda: jobs.condition("BackendReachable")["status"] == "True", within=60)


def test_redis_killed_and_back_has_the_jobs_it_took(pool: MakePool, redis: Redis) -> None:
    jobs = pool(replicas=0)
    jobs.enqueue("record", key := f"after:{jobs.name}", "x", times=5)
    assert redis.waitaof(1, 0, 5000) == [1, 0]
    kubectl("-n", NAMESPACE, "delete", "pod", "-l", "app=redis", "--grace-period=0", "--force")
    kubectl("-n", NAMESPACE, "rollout", "status", "deployment", "redis", "--timeout=60s")
    jobs.kubectl("scale", "qpool", jobs.name, "--replicas=1")

    def recorded() -> bool:
        with Redis(port=16379) as client:
            return client.llen(key) == 5

    eventually(recorded, within=120)


def test_nonsense_in_redis_holds_one_pool_and_no_other(pool: MakePool, redis: Redis) -> None:
    odd = pool(scaling={"minReplicas": 1, "maxReplicas": 2})
    even = pool(replicas=0)
    odd.wait(ready=1)
    odd.kubectl("delete", "pod", "-l", f"osnovci.app/pool={odd.name}", "--wait=false")
    key = f"rq:finished:{odd.queue}"
    redis.set(key, "not a sorted set")
    eventually(lambda: odd.condition("BackendReachable")["reason"] == "UnexpectedAnswer")
    assert odd.queue in odd.condition("BackendReachable")["message"]
    assert odd.status()["desiredReplicas"] == 1
    assert even.condition("BackendReachable")["status"] == "True"
    redis.delete(key)
    eventually(lambda: odd.condition("BackendReachable")["status"] == "True")


def running_on(redis: Redis, queue: str) -> str:
    """Name the worker that runs the queue's one job, or nothing."""
    members: Any = redis.zrange(f"rq:wip:{queue}", 0, -1)
    ids = [each.partition(":")[0] for each in members]
    return str(redis.hget(f"rq:job:{ids[0]}", "worker_name") or "") if ids else ""


def test_the_job_of_a_pod_that_is_gone_runs_again_within_a_second(
    pool: MakePool, redis: Redis
) -> None:
    jobs = pool(replicas=2, concurrency=1)
    jobs.wait(ready=2)
    jobs.enqueue("pause", 20)
    holder = eventually(lambda: running_on(redis, jobs.queue))
    jobs.kubectl("delete", "pod", holder, "--grace-period=0", "--force")
    eventually(lambda: running_on(redis, jobs.queue) not in {"", holder}, within=1)
    eventually(lambda: jobs.condition("JobsAccounted").get("status") == "True")


def test_a_job_that_is_in_no_place_is_found_and_runs(pool: MakePool, redis: Redis) -> None:
    jobs = pool(replicas=0)
    eventually(lambda: jobs.condition("JobsAccounted").get("reason") == "AllAccounted")
    jobs.enqueue("record", f"mended:{jobs.name}", "x")
    # Where nothing seems to happen, an audit is ten minutes away.
    eventually(lambda: jobs.status().get("waiting") == 1)
    redis.delete(f"rq:queue:{jobs.queue}")
    eventually(lambda: redis.llen(f"rq:queue:{jobs.queue}") == 1, within=150)
    assert jobs.condition("JobsAccounted")["status"] == "True"


def test_a_deleted_pool_takes_its_workers_with_it(pool: MakePool) -> None:
    jobs = pool(replicas=1)
    jobs.wait(ready=1)
    jobs.kubectl("delete", "qpool", jobs.name, "--timeout=30s")
    eventually(lambda: not jobs.pods(), within=60)


@pytest.fixture
def served_namespace() -> Iterator[str]:
    """One more namespace, as docs/how-to/add-a-namespace.md says."""
    name = "test-served"
    kubectl("create", "namespace", name)
    kubectl("apply", "-n", name, "-f", ROOT / "manifests" / "namespace" / "rolebinding.yaml")
    secret = ("create", "secret", "generic", "osnovci-redis")
    kubectl("-n", name, *secret, "--from-literal=url=redis://redis.homework.svc:6379/0")
    _serve(f"{NAMESPACE} {name}", hosts="redis.homework.svc")
    yield name
    kubectl("delete", "namespace", name, "--ignore-not-found", "--timeout=90s")
    _serve(NAMESPACE, hosts="")


def _serve(namespaces: str, *, hosts: str) -> None:
    settings = {"OSNOVCI_NAMESPACES": namespaces, "OSNOVCI_REDIS_HOSTS": hosts}
    patch = json.dumps({"data": settings})
    kubectl("-n", OPERATOR, "patch", "configmap", "osnovci-operator", "--type=merge", "-p", patch)
    kubectl("-n", OPERATOR, "rollout", "restart", "deployment", "osnovci-operator")
    kubectl("-n", OPERATOR, "rollout", "status", "deployment", "osnovci-operator", "--timeout=90s")


def test_a_namespace_is_added_and_its_deletion_ends(served_namespace: str, redis: Redis) -> None:
    jobs = TestPool("in-a-namespace", redis, served_namespace)
    kubectl("apply", "-f", "-", stdin=yaml.safe_dump(jobs.manifest(replicas=1)))
    eventually(lambda: jobs.status().get("desiredReplicas") == 1)
    kubectl("delete", "namespace", served_namespace, "--timeout=90s")


def test_a_namespace_is_deleted_while_the_operator_is_away(
    served_namespace: str, redis: Redis, pool: MakePool
) -> None:
    jobs = TestPool("in-a-namespace", redis, served_namespace)
    kubectl("apply", "-f", "-", stdin=yaml.safe_dump(jobs.manifest(replicas=1)))
    eventually(lambda: jobs.status().get("desiredReplicas") == 1)
    with operator_away():
        kubectl("delete", "namespace", served_namespace, "--timeout=90s")
    again = pool(replicas=1)
    again.wait(ready=1, within=90)


def test_the_operator_is_deleted_first_and_the_pool_after_it(pool: MakePool) -> None:
    jobs = pool(replicas=1)
    jobs.wait(ready=1)
    kubectl("delete", "namespace", OPERATOR, "--timeout=90s")
    try:
        assert len(jobs.pods()) == 1
        jobs.kubectl("delete", "qpool", jobs.name, "--timeout=30s")
        eventually(lambda: not jobs.pods(), within=60)
    finally:
        _apply_everything()
    again = pool(replicas=1)
    again.wait(ready=1, within=90)


@pytest.mark.causes_errors("404 page not found")
def test_the_crd_is_deleted_and_comes_back(pool: MakePool) -> None:
    jobs = pool(replicas=1)
    jobs.wait(ready=1)
    kubectl("delete", "crd", "queuepools.osnovci.app", "--timeout=60s")
    eventually(lambda: not jobs.pods(), within=60)
    _apply_everything()
    again = pool(replicas=1)
    again.wait(ready=1, within=90)


@pytest.mark.causes_errors("404 page not found")
def test_pool_and_crd_are_deleted_while_the_operator_is_away(pool: MakePool) -> None:
    with operator_away():
        jobs = pool(replicas=1)
        jobs.kubectl("delete", "qpool", jobs.name, "--timeout=30s")
        kubectl("delete", "crd", "queuepools.osnovci.app", "--timeout=60s")
    _apply_everything()
    again = pool(replicas=1)
    again.wait(ready=1, within=90)


@contextmanager
def operator_away() -> Generator[None]:
    """Take the operator's replicas away, and bring them back."""
    scale = ("-n", OPERATOR, "scale", "deployment", "osnovci-operator")
    kubectl(*scale, "--replicas=0")
    kubectl("-n", OPERATOR, "wait", "--for=delete", "pod", "--all", "--timeout=60s")
    try:
        yield
    finally:
        kubectl(*scale, "--replicas=2")


def _apply_everything() -> None:
    """Bring back operator, CRD and the example's pool, as `make up` does."""
    apply = ("apply", "--server-side", "--force-conflicts")
    kubectl(*apply, "-k", ROOT / "manifests" / "local")
    kubectl("wait", "--for=condition=Established", "crd", "queuepools.osnovci.app")
    kubectl("apply", "-n", NAMESPACE, "-f", ROOT / "examples/homework/deploy/queuepool.yaml")
