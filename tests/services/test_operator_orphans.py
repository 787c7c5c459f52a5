"""Jobs of pods that are gone wait again at once, and no others do."""

import asyncio
import os
import signal
from pathlib import Path

import pytest
import queue_tasks
import workers
from builders import NAMESPACE, child_body
from kubernetes.aio.client import ApiClient
from operator_stand import OTHER, POD, SETTINGS, Stand
from redis import Redis
from redis.asyncio import Redis as AsyncRedis
from redis.exceptions import RedisError
from redis_server import RedisServer
from waiting import eventually, eventually_async
from workers import RunningWorker, StartWorker, pool_document

from osnovci.queues import operations
from osnovci.queues.client import Queues
from osnovci_operator import upkeep
from osnovci_operator.auditor import Auditor
from osnovci_operator.connection import Connection
from osnovci_operator.errors import KubeError
from osnovci_operator.kube import Kube
from osnovci_operator.orphans import Orphans
from osnovci_operator.pauses import Pauses
from osnovci_operator.resource import Key
from osnovci_operator.schedules import Clock
from osnovci_operator.store import Store
from osnovci_operator.upkeep import Upkeep


async def test_the_jobs_of_a_pod_that_went_wait_again(stand: Stand, client: AsyncRedis) -> None:
    body = child_body(kind="Pod", name=POD)
    stand.store.put(body)
    (job,) = stand.enqueue()
    stand.take(POD)
    await stand.orphans.step(client)
    assert (stand.waiting(), stand.asked) == (0, [])
    stand.store.remove(body)
    await stand.orphans.step(client)
    assert stand.waiting() == 1
    assert stand.told == [("JobsFreed", f"pod {POD} is gone: 1 job that it held waits again")]
    found = stand.queues.run(operations.get(job))
    assert found
    assert found.status == "queued"
    assert stand.redis.sismember("rq:workers", f"rq:worker:{POD}") == 0
    await stand.orphans.step(client)
    assert stand.asked == [POD]


async def test_a_pod_that_failed_is_gone_though_its_object_is_there(
    stand: Stand, client: AsyncRedis
) -> None:
    stand.store.put(child_body(kind="Pod", name=POD))
    stand.enqueue(2)
    stand.take(POD, 2)
    await stand.orphans.step(client)
    stand.store.put(child_body(kind="Pod", name=POD) | {"status": {"phase": "Failed"}})
    await stand.orphans.step(client)
    assert stand.waiting() == 2


async def test_a_pod_that_left_in_order_is_not_asked_for(stand: Stand, client: AsyncRedis) -> None:
    body = child_body(kind="Pod", name=POD)
    stand.store.put(body)
    await stand.orphans.step(client)
    stand.store.remove(body)
    await stand.orphans.step(client)
    assert (stand.asked, stand.told) == ([], [])


async def test_after_a_start_holders_without_a_pod_are_freed_and_no_others(
    stand: Stand, client: AsyncRedis
) -> None:
    stand.enqueue(4)
    for worker in (POD, OTHER, "laptop", "other-jobs-6d4cf56db6-x2x8z"):
        stand.take(worker)
    stand.existing = {OTHER}  # New, and the watch has not told of it yet.
    await stand.orphans.step(client)
    await stand.orphans.step(client)
    assert sorted(stand.asked) == sorted([POD, OTHER])
    assert stand.waiting() == 1
    assert [reason for reason, _ in stand.told] == ["JobsFreed"]


async def test_a_pod_whose_label_was_taken_off_keeps_its_jobs(
    stand: Stand, client: AsyncRedis
) -> None:
    body = child_body(kind="Pod", name=POD)
    stand.store.put(body)
    stand.enqueue()
    stand.take(POD)
    await stand.orphans.step(client)
    stand.existing = {POD}
    stand.store.remove(body)
    await stand.orphans.step(client)
    assert stand.waiting() == 0


async def test_what_could_not_be_asked_is_asked_again(stand: Stand, client: AsyncRedis) -> None:
    body = child_body(kind="Pod", name=POD)
    stand.store.put(body)
    stand.enqueue()
    stand.take(POD)
    away = True

    async def exists(_: str) -> bool:
        if away:
            raise KubeError(0, "the API server does not answer")
        return False

    orphans = Orphans(NAMESPACE, stand.store, exists, stand.tell)
    await orphans.step(client)
    stand.store.remove(body)
    with pytest.raises(KubeError):
        await orphans.step(client)
    assert stand.waiting() == 0
    away = False
    await orphans.step(client)
    assert stand.waiting() == 1


async def test_both_go_on_after_trouble(
    stand: Stand, client: AsyncRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(upkeep, "RETRY_SECONDS", 0.01)
    kube = Kube(ApiClient())
    connection = Connection(NAMESPACE, SETTINGS, kube)
    faults: list[Exception] = [KubeError(0, "away"), RedisError("away"), ValueError("a fault")]

    async def faulty(one: AsyncRedis) -> None:
        if faults:
            raise faults.pop()
        await Orphans.step(stand.orphans, one)

    monkeypatch.setattr(stand.orphans, "step", faulty)
    clock = Clock(NAMESPACE, stand.store, stand.woken.append, stand.tell)
    pauses = Pauses(NAMESPACE, stand.store)
    kept = Upkeep(NAMESPACE, connection, stand.orphans, stand.auditor, clock, pauses=pauses)
    task = asyncio.create_task(kept.run())
    try:
        stand.enqueue()
        stand.take(POD)
        connection.client = client

        async def freed() -> bool:
            return stand.waiting() == 1

        await eventually_async(freed)
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_the_job_of_a_gone_pod_runs_in_another_within_a_second(
    redis: Redis,
    client: AsyncRedis,
    redis_server: RedisServer,
    tmp_path: Path,
    start_worker: StartWorker,
) -> None:
    """The whole of it but for the API server: real workers, and the upkeep at its own pace."""
    document = pool_document(tasks=("queue_tasks",))
    victim = RunningWorker.start(redis, redis_server.url, document, tmp_path / "log", POD)
    queues = Queues(redis, workers.NAMESPACE)
    job_id = queues.run(operations.enqueue(queue_tasks.pause, 30))

    def runs_on() -> str:
        job = queues.run(operations.get(job_id))
        return job.worker if job and job.status == "started" else ""

    eventually(lambda: runs_on() == POD)
    start_worker(document)
    pods, told = Store(), list[str]()
    body = child_body(kind="Pod", name=POD)
    body["metadata"]["namespace"] = workers.NAMESPACE
    pods.put(body)

    async def exists(_: str) -> bool:
        return False

    async def tell(_: Key, reason: str, __: str) -> None:
        told.append(reason)

    connection = Connection(workers.NAMESPACE, SETTINGS, Kube(ApiClient()))
    connection.client = client
    orphans = Orphans(workers.NAMESPACE, pods, exists, tell)
    auditor = Auditor(workers.NAMESPACE, pods, lambda: None, lambda _: None, tell)
    clock = Clock(workers.NAMESPACE, pods, lambda _: None, tell)
    await orphans.step(client)
    pauses = Pauses(workers.NAMESPACE, pods)
    kept = Upkeep(workers.NAMESPACE, connection, orphans, auditor, clock, pauses=pauses)
    task = asyncio.create_task(kept.run())
    try:
        os.kill(victim.process.pid, signal.SIGKILL)
        victim.process.wait()
        pods.remove(body)

        async def runs_elsewhere() -> bool:
            return runs_on() == workers.POD and bool(told)

        await eventually_async(runs_elsewhere)
        assert told == ["JobsFreed"]
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_it_ends_though_redis_answers_a_cancellation_with_its_own_error(
    stand: Stand, client: AsyncRedis, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun = asyncio.Event()

    async def stubborn(_: AsyncRedis) -> None:
        begun.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError as error:
            raise RedisError("the connection was closed") from error

    monkeypatch.setattr(stand.orphans, "step", stubborn)
    connection = Connection(NAMESPACE, SETTINGS, Kube(ApiClient()))
    connection.client = client
    clock = Clock(NAMESPACE, stand.store, stand.woken.append, stand.tell)
    pauses = Pauses(NAMESPACE, stand.store)
    kept = Upkeep(NAMESPACE, connection, stand.orphans, stand.auditor, clock, pauses=pauses)
    task = asyncio.create_task(kept.run())
    await begun.wait()
    task.cancel()
    done, _ = await asyncio.wait({task}, timeout=15)
    assert done == {task}
