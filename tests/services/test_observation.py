"""One read of a real Redis: queues made with plain rq, heartbeats, and what is neither."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from redis import Redis
from redis_server import RedisServer
from rq import Queue
from rq.job import Job
from rq.registry import FailedJobRegistry, FinishedJobRegistry

from osnovci import observation
from osnovci.contract import (
    DOCUMENT_MAX_BYTES,
    DrainRequest,
    Heartbeat,
    RqKeys,
    WorkerState,
    drain_key,
    heartbeat_key,
    key_prefix,
)
from osnovci.observation import Observation, QueueReading
from osnovci.queues import operations
from osnovci.queues.client import Queues

pytestmark = pytest.mark.every_server

NAMESPACE = "homework"
HORIZON = timedelta(seconds=10)
MINUTE = timedelta(minutes=1)


def observe(redis: Redis, queues: Sequence[str] = (), pods: Sequence[str] = ()) -> Observation:
    arguments = observation.arguments(NAMESPACE, dict.fromkeys(queues, HORIZON), pods)
    reply: Any = redis.eval(observation.SCRIPT.text, 0, *arguments)
    return observation.parse(reply, queues, pods)


def reading(redis: Redis, queue: str = "email") -> QueueReading:
    row = observe(redis, [queue]).queues[queue]
    assert isinstance(row, QueueReading)
    return row


def ended(redis: Redis, queue: Queue, kind: type[FinishedJobRegistry | FailedJobRegistry]) -> None:
    """Keep a job of this queue as one that ended."""
    job = Job.create("homework.jobs.pause", connection=redis)
    registry = kind(queue=queue)
    redis.zadd(registry.key, {job.id: 2**40})


def test_a_queue_that_was_never_used_is_empty(redis: Redis) -> None:
    assert reading(redis) == QueueReading("email", 0, 0, 0, 0, 0, 0, 0, False, 0, timedelta())


def test_waiting_jobs_and_the_age_of_the_oldest(redis: Redis) -> None:
    queue = Queue("email", connection=redis)
    oldest, *_ = [queue.enqueue("homework.jobs.pause", 1) for _ in range(3)]
    assert (reading(redis).waiting, reading(redis).oldest_wait < MINUTE) == (3, True)
    hour_ago = datetime.now(UTC) - timedelta(hours=1)
    redis.hset(oldest.key, "enqueued_at", hour_ago.strftime("%Y-%m-%dT%H:%M:%S.%fZ"))
    assert timedelta(hours=1) <= reading(redis).oldest_wait < timedelta(hours=1) + MINUTE


@pytest.mark.parametrize("enqueued_at", ["", "yesterday", "2999-01-01T00:00:00Z"])
def test_a_job_of_no_known_age_has_just_come(redis: Redis, enqueued_at: str) -> None:
    job = Queue("email", connection=redis).enqueue("homework.jobs.pause", 1)
    redis.hset(job.key, "enqueued_at", enqueued_at)
    assert (reading(redis).waiting, reading(redis).oldest_wait) == (1, timedelta())


def test_a_waiting_job_whose_hash_is_gone_still_waits(redis: Redis) -> None:
    job = Queue("email", connection=redis).enqueue("homework.jobs.pause", 1)
    redis.delete(job.key)
    assert (reading(redis).waiting, reading(redis).oldest_wait) == (1, timedelta())


def test_a_job_that_no_worker_renews_is_not_active(redis: Redis) -> None:
    now = datetime.now(UTC).timestamp()
    redis.zadd(RqKeys("email").active, {"runs:1": now + 60, "ended:1": now - 1})
    assert reading(redis).active == 1


def test_scheduled_jobs_are_due_within_the_horizon(redis: Redis) -> None:
    queue = Queue("email", connection=redis)
    for delay in (-MINUTE, HORIZON / 2, HORIZON + MINUTE, timedelta(days=1)):
        queue.enqueue_in(delay, "homework.jobs.pause", 1)
    found = reading(redis)
    assert (found.due, found.scheduled, found.waiting) == (2, 4, 0)


def test_each_queue_has_a_horizon_of_its_own(redis: Redis) -> None:
    for name in ("email", "report"):
        Queue(name, connection=redis).enqueue_in(MINUTE, "homework.jobs.pause", 1)
    horizons = {"email": HORIZON, "report": 2 * MINUTE}
    reply: Any = redis.eval(
        observation.SCRIPT.text, 0, *observation.arguments(NAMESPACE, horizons, [])
    )
    found = observation.parse(reply, list(horizons), []).queues
    assert [getattr(found[name], "due", None) for name in horizons] == [0, 1]


def test_whatever_ended_has_departed_though_nothing_of_it_is_kept(redis: Redis) -> None:
    ways = {"completed": 5, "failed": 3, "retried": 2, "lost": 1}
    counters = {f"email:{way}": number for way, number in ways.items()}
    redis.hset(f"{key_prefix(NAMESPACE)}counters", mapping={**counters, "report:completed": 7})
    found = reading(redis)
    assert (found.departed, found.completed, found.failed) == (11, 0, 0)


def test_a_queue_is_paused_until_it_is_resumed(redis: Redis) -> None:
    queues = Queues(redis, NAMESPACE)
    queues.run(operations.pause("email"))
    assert (reading(redis).paused, reading(redis, "report").paused) == (True, False)
    queues.run(operations.resume("email"))
    assert not reading(redis).paused


def test_how_much_of_a_rate_is_taken(redis: Redis) -> None:
    clock: Any = redis.time()
    leaves = {str(number): (clock[0] + after) * 1e6 for number, after in ((3, -9), (5, 3), (9, 60))}
    redis.zadd(f"{key_prefix(NAMESPACE)}starts:email", leaves)
    assert reading(redis).rate_taken == 4  # of six that count now, two leave within the horizon
    assert reading(redis, "report").rate_taken == 0


def test_ended_jobs_are_counted(redis: Redis) -> None:
    queue = Queue("email", connection=redis)
    for kind, count in ((FinishedJobRegistry, 3), (FailedJobRegistry, 2)):
        for _ in range(count):
            ended(redis, queue, kind)
    found = reading(redis)
    assert (found.completed, found.failed) == (3, 2)


@pytest.mark.parametrize("key", vars(RqKeys("broken")).values())
def test_a_key_of_another_type_spoils_its_own_queue_only(redis: Redis, key: str) -> None:
    redis.set(key, "not what rq keeps here")
    Queue("email", connection=redis).enqueue("homework.jobs.pause", 1)
    queues = observe(redis, ["broken", "email"]).queues
    assert "WRONGTYPE" in str(queues["broken"])
    assert isinstance(queues["email"], QueueReading)
    assert queues["email"].waiting == 1


@pytest.mark.parametrize("number", ["nan", "inf"])
def test_a_counter_that_is_no_number_spoils_its_own_queue_only(redis: Redis, number: str) -> None:
    redis.hset(f"osnovci:{{{NAMESPACE}}}:counters", "broken:completed", number)
    queues = observe(redis, ["broken", "email"]).queues
    assert queues["broken"] == "one of its counters is no number"
    assert isinstance(queues["email"], QueueReading)


def test_many_queues_in_one_call(redis: Redis) -> None:
    names = [f"queue-{number}" for number in range(1000)]
    for number in (0, 499, 999):
        Queue(names[number], connection=redis).enqueue("homework.jobs.pause", number)
    queues = observe(redis, names).queues
    assert list(queues) == names
    waiting = [name for name in names if getattr(queues[name], "waiting", None)]
    assert waiting == ["queue-0", "queue-499", "queue-999"]


def test_nothing_asked_is_nothing_read(redis: Redis) -> None:
    found = observe(redis)
    assert (found.queues, found.heartbeats) == ({}, {})
    assert abs(datetime.now(UTC) - found.at) < MINUTE


def heartbeat(*, pod: str = "worker-1", busy: int = 1) -> Heartbeat:
    return Heartbeat(
        pod=pod,
        pool="homework-jobs",
        state=WorkerState.RUNNING,
        busy=busy,
        concurrency=2,
        at_ms=1_700_000_000_000,
    )


def test_heartbeats_are_read_by_pod(redis: Redis) -> None:
    beats = {pod: heartbeat(pod=pod) for pod in ("worker-1", "worker-2")}
    for pod, beat in beats.items():
        redis.set(heartbeat_key(NAMESPACE, pod), beat.model_dump_json())
    assert observe(redis, pods=["worker-1", "gone", "worker-2"]).heartbeats == beats


GOOD = heartbeat().model_dump_json()


def test_drain_requests_are_read_beside_the_heartbeats(redis: Redis) -> None:
    request = DrainRequest(asked_ms=5, times=2)
    redis.set(drain_key(NAMESPACE, "worker-1"), request.model_dump_json())
    redis.set(drain_key(NAMESPACE, "worker-2"), "nonsense")
    redis.set(heartbeat_key(NAMESPACE, "worker-2"), heartbeat(pod="worker-2").model_dump_json())
    found = observe(redis, pods=["worker-1", "worker-2"])
    assert found.requests == {"worker-1": request}
    assert list(found.heartbeats) == ["worker-2"]


@pytest.mark.parametrize(
    "document",
    [
        pytest.param(heartbeat(pod="worker-2").model_dump_json(), id="another pod's"),
        pytest.param(GOOD + " " * DOCUMENT_MAX_BYTES, id="too large"),
        pytest.param("", id="empty"),
        pytest.param("{", id="not JSON"),
        pytest.param("[]", id="another kind of JSON"),
        pytest.param(GOOD.replace('"busy":1', '"busy":-1'), id="a figure that cannot be"),
        pytest.param(GOOD.replace("Running", "Dancing"), id="a state that is none"),
        pytest.param("\0", id="a zero byte"),
    ],
)
def test_a_heartbeat_that_is_none_is_ignored(redis: Redis, document: str) -> None:
    redis.set(heartbeat_key(NAMESPACE, "worker-1"), document)
    redis.set(heartbeat_key(NAMESPACE, "worker-2"), heartbeat(pod="worker-2").model_dump_json())
    found = observe(redis, pods=["worker-1", "worker-2"]).heartbeats
    assert list(found) == ["worker-2"]


def test_a_heartbeat_that_is_no_text_is_ignored(redis: Redis, redis_server: RedisServer) -> None:
    """Read as the operator does: bytes that are no UTF-8 must not spoil the whole reply."""
    redis.set(heartbeat_key(NAMESPACE, "worker-1"), b"\xff\xfe")
    redis.set(heartbeat_key(NAMESPACE, "worker-2"), heartbeat(pod="worker-2").model_dump_json())
    with Redis.from_url(
        redis_server.url, decode_responses=True, encoding_errors="replace"
    ) as reader:
        found = observe(reader, pods=["worker-1", "worker-2"])
    assert list(found.heartbeats) == ["worker-2"]


def test_a_heartbeat_of_another_type_is_ignored(redis: Redis) -> None:
    redis.rpush(heartbeat_key(NAMESPACE, "worker-1"), GOOD)
    assert observe(redis, ["email"], ["worker-1"]).heartbeats == {}


def test_a_heartbeat_may_be_of_a_newer_release(redis: Redis) -> None:
    redis.set(heartbeat_key(NAMESPACE, "worker-1"), GOOD.replace("{", '{"mood":"good",', 1))
    assert observe(redis, pods=["worker-1"]).heartbeats == {"worker-1": heartbeat()}


@pytest.mark.parametrize(
    "reply",
    [
        pytest.param(None, id="nothing"),
        pytest.param(7, id="a number"),
        pytest.param("OK", id="not JSON"),
        pytest.param("{}", id="another kind of JSON"),
        pytest.param(["1", "0", "[]", "[]"], id="fewer rows than queues"),
        pytest.param(["1", "0", "[[1, 2]]", "[]"], id="fewer figures than there are"),
        pytest.param(
            ["1", "0", "[[null, 0, 0, 0, 0, 0, 0, 0, false, false]]", "[]"], id="no figure"
        ),
        pytest.param(["soon", "0", '["text"]', "[]"], id="a time that is none"),
        pytest.param(
            ["1", "0", "[[1e400, 0, 0, 0, 0, 0, 0, 0, false, false]]", "[]"], id="an endless figure"
        ),
        pytest.param(["9999999999999999999", "0", '["text"]', "[]"], id="a time beyond all clocks"),
        pytest.param(["1", "0", "[" * 100_000, "[]"], id="JSON without a bottom"),
    ],
)
def test_a_reply_that_the_script_never_gives_is_refused(reply: object) -> None:
    with pytest.raises(observation.UnexpectedReplyError):
        observation.parse(reply, ["email"], [])


def test_the_script_writes_nothing(redis: Redis) -> None:
    """Redis itself refuses any write of it, on a replica as on a primary."""
    arguments = observation.arguments(NAMESPACE, {"email": HORIZON}, ["worker-1"])
    reply: Any = redis.eval_ro(observation.SCRIPT.text, 0, *arguments)
    assert observation.parse(reply, ["email"], ["worker-1"]).heartbeats == {}
    assert redis.dbsize() == 0


def test_what_a_reply_repeats_is_taken_from_the_last_observation() -> None:
    idle = ["5", "0", "[[0, 0, 0, 0, 1, 0, 1, 0, false, false]]", "[]"]
    first = observation.parse(idle, ["email"], [])
    again = observation.parse(["6", *idle[1:]], ["email"], [], first)
    assert again.texts is first.texts
    assert again.at - first.at == timedelta(seconds=1)
    other = observation.parse(["6", *idle[1:]], ["report"], [], first)
    assert list(other.queues) == ["report"]


def test_a_waiting_job_grows_older_though_the_reply_is_the_same() -> None:
    row = '[[1, 0, 0, 0, 0, 0, 0, 0, false, "1970-01-01T00:00:00Z"]]'
    first = observation.parse(["5", "0", row, "[]"], ["email"], [])
    again = observation.parse(["8", "0", row, "[]"], ["email"], [], first)
    email = again.queues["email"]
    assert isinstance(email, QueueReading)
    assert email.oldest_wait == timedelta(seconds=8)
