"""What people and programs look at queues with: rq's own command, ours, and both clients."""

import signal
import subprocess
import sys
from itertools import islice
from pathlib import Path

import commands
import pytest
import queue_tasks
import redis.asyncio
from hand import Hand
from redis import Redis
from redis_server import RedisServer
from rq import Queue
from waiting import eventually
from workers import NAMESPACE, StartWorker, pool_document

from osnovci.queues import operations
from osnovci.queues.client import AsyncQueues, Queues
from osnovci.queues.engine.jobs import Kind
from osnovci.queues.operations import Options

BIN = Path(sys.executable).parent


def rq_info(server: RedisServer, *options: str) -> str:
    command = [BIN / "rq", "info", "--url", server.url, "--raw", *options]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def test_rq_info_sees_our_worker_and_its_queues(
    redis: Redis, redis_server: RedisServer, start_worker: StartWorker
) -> None:
    start_worker(pool_document(tasks=("queue_tasks",), concurrency=2))
    queue = Queue("email", connection=redis)
    for _ in range(5):
        queue.enqueue("queue_tasks.pause", 20)
    eventually(lambda: queue.count == 3)

    def shown() -> bool:
        lines = rq_info(redis_server).splitlines()
        (worker,) = (line for line in lines if line.startswith("worker"))
        queues = [line for line in lines if line.startswith("queue email 3")]
        return bool(queues) and "busy email. jobs: 0 finished, 0 failed" in worker

    eventually(shown)


def words(server: RedisServer, *arguments: str) -> list[str]:
    return ["queue", "--redis", server.url, "--namespace", NAMESPACE, *arguments]


def osnovci(server: RedisServer, *arguments: str) -> str:
    done = commands.osnovci(*words(server, *arguments))
    assert not done.stderr
    return done.stdout


def test_top_shows_the_figures_again_and_again(redis: Redis, redis_server: RedisServer) -> None:
    Queue("email", connection=redis).enqueue("queue_tasks.add", 1, 2)
    # What a shell starts in its background ignores the interrupt, and so does all that comes of it.
    heeding = ("env", "--default-signal=INT", "PYTHONUNBUFFERED=1")
    top = subprocess.Popen(
        [*heeding, BIN / "osnovci", *words(redis_server, "top", "email")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert top.stdout
    figures = (line for line in top.stdout if line.startswith("email   1 "))
    assert len(list(islice(figures, 2))) == 2
    top.send_signal(signal.SIGINT)
    _, complaints = top.communicate(timeout=60)
    assert (top.returncode, complaints) == (0, "")


async def test_an_asyncio_program_enqueues_looks_and_cancels(redis_server: RedisServer) -> None:
    redis_server.client.flushall()
    async with redis.asyncio.Redis.from_url(redis_server.url) as client:
        queues = AsyncQueues(client, NAMESPACE)
        many = [
            operations.request(queue_tasks.add, number, 1, options=Options(queue="email"))
            for number in range(3)
        ]
        first, second, _ = await queues.run(operations.enqueue_many(many))
        assert await queues.run(operations.cancel(first))
        found = await queues.run(operations.get(second))
        assert found
        assert found.status == "queued"
        figures = (await queues.run(operations.stats("email")))["email"]
        assert (figures.waiting, figures.active, figures.failed) == (2, 0, 0)


def test_retry_of_all_ends_though_they_fail_again(
    redis: Redis, redis_server: RedisServer, start_worker: StartWorker
) -> None:
    start_worker(pool_document(tasks=("queue_tasks",), concurrency=2))
    queue = Queue("email", connection=redis)
    for _ in range(250):
        queue.enqueue("queue_tasks.fail")
    eventually(lambda: queue.failed_job_registry.count == 250)
    assert osnovci(redis_server, "retry", "--all", "email") == "email: 250 jobs wait again\n"
    eventually(lambda: queue.failed_job_registry.count == 250)


def test_all_jobs_of_a_place_are_deleted_in_pieces(
    queues: Queues, redis_server: RedisServer
) -> None:
    for priority in (5, 1):
        more = Options(priority=priority)
        many = [operations.request(queue_tasks.add, 1, 2, options=more) for _ in range(120)]
        queues.run(operations.enqueue_many(many))
    said = osnovci(redis_server, "purge", "email", "waiting")
    assert said == "email: 240 waiting jobs deleted\n"
    assert queues.run(operations.count("email", "waiting")) == 0
    assert [*queues.redis.scan_iter("rq:job:*")] == []


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        pytest.param(("pause", "email"), "email: paused\n", id="pause"),
        pytest.param(("resume", "email"), "email: was not paused\n", id="resume"),
        pytest.param(("purge", "email", "waiting"), "email: 1 waiting jobs deleted\n", id="purge"),
        pytest.param(("audit",), "1 jobs, 0 not in exactly one place\n", id="audit"),
        pytest.param(("retry", "--all", "email"), "email: 0 jobs wait again\n", id="retry"),
        pytest.param(
            ("cancel", "nobody"),
            "nobody: not cancelled: no such job, or it has ended\n",
            id="cancel of nothing",
        ),
    ],
)
def test_a_command_says_what_it_did(
    arguments: tuple[str, ...], said: str, redis: Redis, redis_server: RedisServer
) -> None:
    Queue("email", connection=redis).enqueue("queue_tasks.add", 1, 2)
    assert osnovci(redis_server, *arguments) == said


def refused(server: RedisServer, *arguments: str) -> tuple[int, str]:
    done = commands.osnovci(*words(server, *arguments))
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("arguments", "status"),
    [
        (("stats", "typo"), 1),
        (("purge", "typo", "failed"), 1),
        (("retry", "--all", "typo"), 1),
        (("pause", "typo"), 0),
    ],
)
def test_a_queue_that_is_not_known_is_named(
    arguments: tuple[str, ...], status: int, redis: Redis, redis_server: RedisServer
) -> None:
    Queue("email", connection=redis).enqueue("queue_tasks.add", 1, 2)
    said = "typo: no such queue is known here (yet)\n"
    assert refused(redis_server, *arguments) == (status, said)


def test_a_retry_of_nothing_says_what_to_name(redis_server: RedisServer) -> None:
    said = "osnovci: queue retry: name the jobs, or a queue with --all\n"
    assert refused(redis_server, "retry") == (2, said)


def test_cancel_and_retry_say_of_each_job_what_became_of_it(
    redis: Redis, redis_server: RedisServer
) -> None:
    job = Queue("email", connection=redis).enqueue("queue_tasks.add", 1, 2).id
    assert osnovci(redis_server, "cancel", job) == f"{job}: cancelled\n"
    assert osnovci(redis_server, "retry", job) == f"{job}: waits again\n"


def test_output_that_nobody_reads_is_no_error(redis: Redis, redis_server: RedisServer) -> None:
    Queue("email", connection=redis).enqueue("queue_tasks.add", 1, 2)
    osnovci_top = f"{BIN}/osnovci queue --redis {redis_server.url} --namespace {NAMESPACE} top"
    command = ["bash", "-c", f"set -o pipefail; {osnovci_top} | head -1"]
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    "place",
    [
        pytest.param(("--redis", "{url}", "-n", "tests", "stats"), id="before the verb"),
        pytest.param(("stats", "email", "--redis", "{url}", "-n", "tests"), id="after it"),
        pytest.param(("-n", "tests", "stats", "--redis", "{url}"), id="one each"),
        pytest.param(("-n", "x", "stats", "-n", "tests", "--redis={url}"), id="the last one holds"),
    ],
)
def test_redis_and_namespace_stand_before_or_after_the_verb(
    place: tuple[str, ...], queues: Queues, redis_server: RedisServer
) -> None:
    queues.run(operations.enqueue(queue_tasks.add, 1, 2))
    queues.run(operations.pause("email"))
    done = commands.osnovci("queue", *(each.format(url=redis_server.url) for each in place))
    assert (done.returncode, done.stderr) == (0, "")
    assert "by queue pause" in done.stdout


def test_a_password_that_is_wrong_or_missing_is_told(own_redis_server: RedisServer) -> None:
    own_redis_server.client.config_set("requirepass", "right")
    said = "osnovci: Redis refuses the user or password of --redis or OSNOVCI_REDIS_URL, or wants one: "
    for who in ("", ":wrong@", "nobody:right@"):
        url = own_redis_server.url.replace("://", f"://{who}")
        done = commands.osnovci("queue", "--redis", url, "-n", NAMESPACE, "stats")
        assert done.returncode == 2
        assert done.stderr.startswith(said)
        assert len(done.stderr.splitlines()) == 1


def test_a_key_of_another_type_is_told(redis: Redis, redis_server: RedisServer) -> None:
    redis.sadd("rq:queues", "rq:queue:email")
    redis.set("rq:queue:email", "no list")
    status, said = refused(redis_server, "stats")
    assert (status, said.count("\n")) == (2, 1)
    assert said.startswith("osnovci: a key that this command reads is of another type")
    assert "email: cannot be read: rq:queue:email: " in osnovci(redis_server, "audit")


def test_a_url_that_is_none_is_not_repeated() -> None:
    done = commands.osnovci("queue", "--redis", "amqp://:secret@x", "-n", "x", "stats")
    assert done.returncode == 2
    assert "secret" not in done.stderr


def test_rq_is_told_what_completed_and_what_failed(queues: Queues, redis: Redis) -> None:
    hand = Hand(queues)
    for kind in (Kind.COMPLETED, Kind.FAILED, Kind.BACK, Kind.FAILED):
        queues.run(operations.enqueue(queue_tasks.add, 1, 2))
        hand.end(hand.take()[0], kind)
    told = redis.hmget("rq:worker:hand", "successful_job_count", "failed_job_count")
    assert told == [b"1", b"2"]
