"""The worker as a process: it reports, stops in order, and outlives what dies around it."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from redis import Redis
from redis_server import RedisServer
from rq import Queue
from rq.job import Job, JobStatus
from waiting import eventually
from workers import RunningWorker, StartWorker, command, environment, free_port, pool_document

from osnovci.contract import ENV_POOL, ENV_REDIS_URL, WorkerState

RECORD = "homework.jobs.record"
PAUSE = "homework.jobs.pause"


def begin(redis: Redis, worker: RunningWorker, seconds: float) -> Job:
    """Have the worker begin a job of this length."""
    job = Queue("email", connection=redis).enqueue(PAUSE, seconds)
    eventually(lambda: worker.busy == 1)
    return job


def test_heartbeats_tell_how_many_jobs_run(redis: Redis, start_worker: StartWorker) -> None:
    worker = start_worker(pool_document(concurrency=2))
    beat = eventually(lambda: worker.heartbeat)
    assert (beat.pod, beat.pool, beat.state) == ("worker-1", "homework-jobs", WorkerState.RUNNING)
    assert (beat.busy, beat.concurrency) == (0, 2)
    queue = Queue("email", connection=redis)
    for _ in range(2):
        queue.enqueue(PAUSE, 1.5)
    eventually(lambda: worker.busy == 2)
    eventually(lambda: worker.heartbeat and worker.heartbeat.busy == 0)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_stop_lets_the_job_end_and_takes_no_other(
    redis: Redis, start_worker: StartWorker, number: int
) -> None:
    worker = start_worker(pool_document())
    running = begin(redis, worker, 2)
    worker.stop(number)
    waiting = Queue("email", connection=redis).enqueue(RECORD, "list", "never")
    eventually(lambda: worker.heartbeat and worker.heartbeat.state == WorkerState.DRAINING)
    assert worker.probe("/ready") == (503, "draining: no new job is taken")
    assert worker.probe("/alive") == (200, "ok")
    assert worker.ends(within=25) == 0
    assert running.get_status() == JobStatus.FINISHED
    assert waiting.get_status() == JobStatus.QUEUED
    assert worker.heartbeat is None


def test_an_idle_worker_leaves_at_once(start_worker: StartWorker) -> None:
    worker = start_worker(pool_document(concurrency=2))
    worker.stop()
    assert worker.ends(within=25) == 0


def test_a_stop_is_heard_while_the_worker_starts(redis_server: RedisServer, tmp_path: Path) -> None:
    log = tmp_path / "worker.log"
    worker = RunningWorker.start(redis_server.client, redis_server.url, pool_document(), log)
    eventually(lambda: worker.catches(signal.SIGTERM))
    worker.stop()
    assert worker.ends(within=25) == 0


def test_a_stop_amid_an_import_is_an_orderly_end() -> None:
    """Python wraps what is raised while a class is made, as imports make many."""
    program = """
import os, signal
from osnovci.signals import leave
signal.signal(signal.SIGTERM, leave)
class Stopped:
    def __set_name__(self, owner, name):
        os.kill(os.getpid(), signal.SIGTERM)
class Made:
    stopped = Stopped()
"""
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_stop_between_jobs_loses_none(redis: Redis, start_worker: StartWorker) -> None:
    queue = Queue("email", connection=redis)
    jobs = [queue.enqueue(RECORD, "list", str(number)) for number in range(60)]
    worker = start_worker(pool_document(concurrency=2))
    eventually(lambda: redis.llen("list"))
    worker.stop()
    assert worker.ends(within=25) == 0
    states = [job.get_status() for job in jobs]
    assert set(states) <= {JobStatus.FINISHED, JobStatus.QUEUED}
    assert states.count(JobStatus.QUEUED) == queue.count
    assert queue.intermediate_queue.get_job_ids() == []


def test_a_second_stop_gives_the_job_back(redis: Redis, start_worker: StartWorker) -> None:
    worker = start_worker(pool_document())
    running = begin(redis, worker, 60)
    worker.stop()
    eventually(lambda: worker.heartbeat and worker.heartbeat.state == WorkerState.DRAINING)
    worker.stop()
    assert worker.ends(within=25) == 0
    assert running.get_status() == JobStatus.QUEUED


def test_two_stops_at_once_give_the_job_back(redis: Redis, start_worker: StartWorker) -> None:
    worker = start_worker(pool_document())
    running = begin(redis, worker, 60)
    worker.stop(signal.SIGTERM)
    worker.stop(signal.SIGINT)
    assert worker.ends(within=25) == 0
    assert running.get_status() == JobStatus.QUEUED


def test_a_job_that_outlives_the_grace_is_given_back(
    redis: Redis, start_worker: StartWorker
) -> None:
    worker = start_worker(pool_document(grace=1))
    running = begin(redis, worker, 60)
    worker.stop()
    assert worker.ends(within=25) == 0
    assert running.get_status() == JobStatus.QUEUED


def test_a_killed_process_is_replaced(redis: Redis, start_worker: StartWorker) -> None:
    worker = start_worker(pool_document(concurrency=2))
    before = worker.children
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: not worker.children & before and len(worker.children) == len(before))
    Queue("email", connection=redis).enqueue(RECORD, "list", "ran")
    eventually(lambda: redis.llen("list") == 1)
    assert "ended with -9, started anew" in worker.log.read_text()


def test_the_slot_of_a_killed_process_is_free_again(
    redis: Redis, start_worker: StartWorker
) -> None:
    worker = start_worker(pool_document())
    begin(redis, worker, 3)
    for pid in worker.children:
        os.kill(pid, signal.SIGKILL)
    eventually(lambda: worker.heartbeat and worker.heartbeat.busy == 0)


def test_redis_may_go_and_come_back(own_redis_server: RedisServer, tmp_path: Path) -> None:
    redis = own_redis_server.client
    log = tmp_path / "worker.log"
    worker = RunningWorker.start(redis, own_redis_server.url, pool_document(), log)
    try:
        eventually(lambda: worker.ready)
        own_redis_server.stop()
        eventually(lambda: worker.probe("/ready") == (503, "Redis does not answer"))
        assert worker.probe("/alive") == (200, "ok")
        own_redis_server.start()
        Queue("email", connection=redis).enqueue(RECORD, "list", "ran")
        eventually(lambda: redis.llen("list") == 1)
        eventually(lambda: worker.ready)
        assert log.read_text().count("Redis cannot be reached") == 1
        assert log.read_text().count("Redis is reached again") == 1
    finally:
        worker.stop()
        assert worker.ends(within=25) == 0


def test_a_worker_without_redis_waits_for_it_and_leaves_when_told(tmp_path: Path) -> None:
    nobody = f"redis://127.0.0.1:{free_port()}/0"
    worker = RunningWorker.start(Redis(), nobody, pool_document(), tmp_path / "worker.log")
    eventually(lambda: worker.probe("/ready") == (503, "Redis does not answer"))
    worker.stop()
    assert worker.ends(within=25) == 0
    assert "Traceback" not in worker.log.read_text()


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [
        (ENV_POOL, "", "OSNOVCI_POOL is not set; the operator sets it in the pods that it makes"),
        (ENV_REDIS_URL, "http://redis", "OSNOVCI_REDIS_URL must begin with redis://, rediss://"),
        ("PYTHONPATH", "", "the module homework.jobs, which this image cannot import"),
    ],
)
def test_a_wrong_environment_is_one_sentence(name: str, value: str, sentence: str) -> None:
    wrong = environment("redis://127.0.0.1:1/0", pool_document()) | {name: value}
    done = subprocess.run(
        command(free_port()), env=wrong, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 2
    assert sentence in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_taken_probe_port_is_one_sentence(redis_server: RedisServer) -> None:
    done = subprocess.run(
        command(redis_server.port),
        env=environment(redis_server.url, pool_document()),
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 2
    assert f"probe port {redis_server.port}: [Errno 98] Address already in use" in done.stderr


def test_nothing_outlives_a_killed_worker(redis: Redis, start_worker: StartWorker) -> None:
    worker = start_worker(pool_document(concurrency=2))
    begin(redis, worker, 60)
    family = descendants(worker.process.pid)
    assert len(family) >= 5
    worker.stop(signal.SIGKILL)
    eventually(lambda: not any(alive(pid) for pid in family))


def descendants(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [int(each) for each in listed] + [
        below for each in listed for below in descendants(int(each))
    ]


def alive(pid: int) -> bool:
    """Whether a process runs; one that is dead and not yet buried does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False
