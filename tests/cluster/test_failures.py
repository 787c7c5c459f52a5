"""Operator, Redis and objects go away, in any order; what remains does right."""

import json
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import yaml
from operator_log import OPERATOR
from pools import NAMESPACE, TestPool
from redis import Redis
from redis.exceptions import RedisError
from waiting import eventually

from cluster.kubectl import kubectl
from cluster.paths import ROOT
from osnovci_operator.auditor import SETTLED

STALL_MS = 12_000
ROLLED_OUT = ("-n", OPERATOR, "rollout", "status", "deployment", "--timeout=180s")

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


def seconds_until_another_leads(before: str) -> float:
    began = time.monotonic()
    eventually(lambda: leader() not in {"", before})
    return time.monotonic() - began


def test_another_replica_leads_soon_after_a_kill(pool: MakePool) -> None:
    jobs = pool(replicas=0)
    eventually(lambda: jobs.condition("Ready"))
    before = eventually(leader)
    kubectl("-n", OPERATOR, "delete", "pod", before, "--grace-period=0", "--force")
    print(f"another leads after {seconds_until_another_leads(before):.1f} s, of 15 allowed")
    jobs.kubectl("scale", "qpool", jobs.name, "--replicas=1")
    jobs.wait(ready=1)
    kubectl(*ROLLED_OUT)


def test_an_orderly_stop_hands_over_at_once(pool: MakePool) -> None:
    before = eventually(leader)
    kubectl("-n", OPERATOR, "delete", "pod", before, "--timeout=120s")
    print(f"another leads after {seconds_until_another_leads(before):.1f} s")
    jobs = pool(replicas=1)
    jobs.wait(ready=1)
    kubectl(*ROLLED_OUT)


def test_a_follower_stops_when_told_to(pool: MakePool) -> None:
    before = eventually(leader)
    names = kubectl("-n", OPERATOR, "get", "pods", "-o", "jsonpath={.items[*].metadata.name}")
    follower = next(name for name in names.split() if name != before)
    kubectl("-n", OPERATOR, "delete", "pod", follower, "--timeout=120s")
    assert leader() == before
    jobs = pool(replicas=0)
    eventually(lambda: jobs.condition("Ready"))
    kubectl(*ROLLED_OUT)


def held(pool: TestPool) -> dict[str, dict[str, Any]] | None:
    """Give the conditions where all of them know that Redis cannot be read."""
    told = pool.conditions()
    known = told["BackendReachable"]["status"] == "False"
    return told if known and told["ScalingActive"]["reason"] == "BackendUnreadable" else None


def enqueued(pool: TestPool, key: str) -> bool:
    """Have a job append to a list, where Redis takes it."""
    try:
        pool.enqueue("record", key, "x")
    except RedisError:
        return False
    return True


def recorded(key: str) -> int | None:
    """Count what jobs appended; None while Redis is not there."""
    try:
        with Redis(port=16379) as redis:
            found: Any = redis.llen(key)
            return found
    except RedisError:
        return None


def test_redis_away_holds_the_workers_and_its_return_is_noticed(pool: MakePool) -> None:
    jobs = pool(scaling={"minReplicas": 1, "maxReplicas": 2, "idle": "1s"})
    jobs.wait(ready=1)
    jobs.enqueue("pause", 30, times=4)
    eventually(lambda: jobs.status()["desiredReplicas"] == 2)
    kubectl("-n", NAMESPACE, "scale", "deployment", "redis", "--replicas=0")
    try:
        told = eventually(lambda: held(jobs))
        assert told["Ready"]["status"] == "False"
        assert jobs.status()["desiredReplicas"] == 2
    finally:
        kubectl("-n", NAMESPACE, "scale", "deployment", "redis", "--replicas=1")
        kubectl("-n", NAMESPACE, "rollout", "status", "deployment", "redis", "--timeout=180s")
    eventually(lambda: jobs.condition("BackendReachable")["status"] == "True")
    eventually(lambda: enqueued(jobs, f"after:{jobs.name}"))
    eventually(lambda: recorded(f"after:{jobs.name}") == 1, within=240)


def test_a_stalled_redis_holds_the_workers_and_its_return_is_noticed(
    pool: MakePool, redis: Redis
) -> None:
    jobs = pool(scaling={"minReplicas": 1, "maxReplicas": 2, "idle": "1s"})
    jobs.wait(ready=1)
    jobs.enqueue("pause", 30, times=4)
    eventually(lambda: jobs.status()["desiredReplicas"] == 2)
    redis.execute_command("CLIENT", "PAUSE", STALL_MS, "ALL")
    told = eventually(lambda: held(jobs))
    assert told["BackendReachable"]["reason"] == "Unreachable"
    assert jobs.status()["desiredReplicas"] == 2
    eventually(lambda: jobs.condition("BackendReachable")["status"] == "True")


def test_redis_killed_and_back_has_the_jobs_it_took(pool: MakePool, redis: Redis) -> None:
    jobs = pool(replicas=0)
    jobs.enqueue("record", key := f"after:{jobs.name}", "x", times=5)
    assert redis.waitaof(1, 0, 60_000) == [1, 0]
    kubectl("-n", NAMESPACE, "delete", "pod", "-l", "app=redis", "--grace-period=0", "--force")
    kubectl("-n", NAMESPACE, "rollout", "status", "deployment", "redis", "--timeout=180s")
    jobs.kubectl("scale", "qpool", jobs.name, "--replicas=1")
    eventually(lambda: recorded(key) == 5, within=240)


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


def test_the_job_of_a_pod_that_is_gone_runs_again(pool: MakePool, redis: Redis) -> None:
    jobs = pool(replicas=2, concurrency=1)
    jobs.wait(ready=2)
    jobs.enqueue("pause", 20)
    holder = eventually(lambda: running_on(redis, jobs.queue))
    jobs.kubectl("delete", "pod", holder, "--grace-period=0", "--force")
    began = time.monotonic()
    eventually(lambda: running_on(redis, jobs.queue) not in {"", holder})
    print(f"it runs again after {time.monotonic() - began:.2f} s")
    eventually(lambda: jobs.condition("JobsAccounted").get("status") == "True")


def test_a_job_that_is_in_no_place_is_found_and_runs(pool: MakePool, redis: Redis) -> None:
    jobs = pool(replicas=0)
    eventually(lambda: jobs.condition("JobsAccounted").get("reason") == "AllAccounted")
    jobs.enqueue("record", f"mended:{jobs.name}", "x")
    enqueued_at = datetime.now(UTC)
    eventually(lambda: jobs.status().get("waiting") == 1)
    # An audit leaves what has only just come to the next.
    eventually(lambda: datetime.now(UTC) - enqueued_at > SETTLED + timedelta(seconds=1))
    redis.delete(f"rq:queue:{jobs.queue}")
    # A pool that comes has the namespace audited; else that is a minute away.
    pool(replicas=0)
    eventually(lambda: redis.llen(f"rq:queue:{jobs.queue}"), within=180)
    eventually(lambda: jobs.condition("JobsAccounted")["status"] == "True")


def test_a_deleted_pool_takes_its_workers_with_it(pool: MakePool) -> None:
    jobs = pool(replicas=1)
    jobs.wait(ready=1)
    jobs.kubectl("delete", "qpool", jobs.name, "--timeout=120s")
    eventually(lambda: not jobs.pods())


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
    kubectl("delete", "namespace", name, "--ignore-not-found", "--timeout=240s")
    _serve(NAMESPACE, hosts="")


def _serve(namespaces: str, *, hosts: str) -> None:
    settings = {"OSNOVCI_NAMESPACES": namespaces, "OSNOVCI_REDIS_HOSTS": hosts}
    patch = json.dumps({"data": settings})
    kubectl("-n", OPERATOR, "patch", "configmap", "osnovci-operator", "--type=merge", "-p", patch)
    kubectl("-n", OPERATOR, "rollout", "restart", "deployment", "osnovci-operator")
    kubectl("-n", OPERATOR, "rollout", "status", "deployment", "osnovci-operator", "--timeout=240s")


def test_a_namespace_is_added_and_its_deletion_ends(served_namespace: str, redis: Redis) -> None:
    jobs = TestPool("in-a-namespace", redis, served_namespace)
    kubectl("apply", "-f", "-", stdin=yaml.safe_dump(jobs.manifest(replicas=1)))
    eventually(lambda: jobs.status().get("desiredReplicas") == 1)
    kubectl("delete", "namespace", served_namespace, "--timeout=240s")


def test_a_namespace_is_deleted_while_the_operator_is_away(
    served_namespace: str, redis: Redis, pool: MakePool
) -> None:
    jobs = TestPool("in-a-namespace", redis, served_namespace)
    kubectl("apply", "-f", "-", stdin=yaml.safe_dump(jobs.manifest(replicas=1)))
    eventually(lambda: jobs.status().get("desiredReplicas") == 1)
    with operator_away():
        kubectl("delete", "namespace", served_namespace, "--timeout=240s")
    again = pool(replicas=1)
    again.wait(ready=1)


def test_the_operator_is_deleted_first_and_the_pool_after_it(pool: MakePool) -> None:
    jobs = pool(replicas=1)
    jobs.wait(ready=1)
    kubectl("delete", "namespace", OPERATOR, "--timeout=240s")
    try:
        assert len(jobs.pods()) == 1
        jobs.kubectl("delete", "qpool", jobs.name, "--timeout=120s")
        eventually(lambda: not jobs.pods())
    finally:
        _apply_everything()
    again = pool(replicas=1)
    again.wait(ready=1)


@pytest.mark.causes_errors("404 page not found")
def test_the_crd_is_deleted_and_comes_back(pool: MakePool) -> None:
    jobs = pool(replicas=1)
    jobs.wait(ready=1)
    kubectl("delete", "crd", "queuepools.osnovci.app", "--timeout=120s")
    eventually(lambda: not jobs.pods())
    _apply_everything()
    again = pool(replicas=1)
    again.wait(ready=1)


@pytest.mark.causes_errors("404 page not found")
def test_pool_and_crd_are_deleted_while_the_operator_is_away(pool: MakePool) -> None:
    with operator_away():
        jobs = pool(replicas=1)
        jobs.kubectl("delete", "qpool", jobs.name, "--timeout=120s")
        kubectl("delete", "crd", "queuepools.osnovci.app", "--timeout=120s")
    _apply_everything()
    again = pool(replicas=1)
    again.wait(ready=1)


@contextmanager
def operator_away() -> Generator[None]:
    """Take the operator's replicas away, and bring them back."""
    scale = ("-n", OPERATOR, "scale", "deployment", "osnovci-operator")
    kubectl(*scale, "--replicas=0")
    kubectl("-n", OPERATOR, "wait", "--for=delete", "pod", "--all", "--timeout=120s")
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
