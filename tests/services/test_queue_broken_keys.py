"""Keys that other programs wrote or broke: each harms its own job or queue, and no other."""

from typing import Any

import pytest
from hand import Hand, add
from redis import Redis
from workers import queue_document

from osnovci.queues import operations
from osnovci.queues.audit import audit
from osnovci.queues.client import Queues
from osnovci.queues.job import parse_job


@pytest.fixture
def hand(queues: Queues) -> Hand:
    return Hand(queues)


def write(redis: Redis, job: Any, **fields: Any) -> None:
    record: dict[Any, Any] = {
        "status": "queued",
        "origin": "email",
        "data": '["queue_tasks.add",null,[1,2],{}]',
    }
    redis.hset(b"rq:job:" + job, mapping=record | fields)
    redis.rpush("rq:queue:email", job)


@pytest.mark.parametrize("job", [b"\xff", b"a\xc0\x80", b"\xed\xa0\x80", b"\xe2\x82"])
def test_a_job_whose_id_is_no_text_is_set_aside(
    queues: Queues, hand: Hand, redis: Redis, job: bytes
) -> None:
    write(redis, job)
    good = add(queues)
    assert [each.id for each in hand.take(2)] == [good]
    assert redis.zrange("rq:failed:email", 0, -1) == [job]
    assert hand.renew() == {f"{good}:hand1-1"}
    assert audit(queues).findings == ()
    results: Any = redis.xrange(b"rq:results:" + job)
    last = [part for pair in results[0][1].items() for part in pair]
    told = parse_job("it", [[b"status", b"failed"], last])
    assert told
    assert told.error == "The job was set aside: its id is not UTF-8 text."


@pytest.mark.parametrize(
    "job", ["žaba", "任務", "🐸", "a:b", "é\u07ff\u0800\ud7ff\ue000\U0010ffff"]
)
def test_a_job_whose_id_is_any_text_is_taken(redis: Redis, hand: Hand, job: str) -> None:
    write(redis, job.encode())
    assert [each.id for each in hand.take()] == [job]


@pytest.mark.parametrize(
    "key", ["rq:queue:odd", "rq:scheduled:odd", "rq:wip:odd", "osnovci:{namespace}:priority:odd"]
)
def test_a_queue_that_cannot_be_read_holds_up_no_other(
    queues: Queues, hand: Hand, redis: Redis, key: str
) -> None:
    hand.documents = [queue_document("odd", max_active=1), queue_document()]
    redis.set(key.replace("osnovci:{namespace}:", queues.prefix), "of another type")
    job = add(queues)
    turn = hand.turn(1)
    assert [each.id for each in turn.jobs] == [job]
    assert turn.blocked == {"odd"}
    assert "WRONGTYPE" in turn.broken["odd"]


@pytest.mark.parametrize(
    ("field", "value"), [("timeout", "nan"), ("timeout", "inf"), ("retry_intervals", "[1e999]")]
)
def test_a_field_that_is_no_number_breaks_its_job_alone(
    queues: Queues, hand: Hand, redis: Redis, field: str, value: str
) -> None:
    write(redis, b"bad", **{field: value})
    add(queues)
    bad, good = hand.take(2)
    assert "its record cannot be read" in bad.broken
    assert good.broken == ""


@pytest.mark.parametrize("priority", ["abc", "nan", "0", "1e400"])
def test_an_odd_priority_counts_as_none(
    queues: Queues, hand: Hand, redis: Redis, priority: str
) -> None:
    write(redis, b"bad", priority=priority)
    hand.take()
    assert queues.run(operations.release("hand", "its pod is gone")) == 1
    assert [each.id for each in hand.take()] == ["bad"]


def test_a_job_whose_record_is_of_another_type_is_passed_over(
    queues: Queues, hand: Hand, redis: Redis
) -> None:
    redis.set("rq:job:bad", "no hash")
    redis.rpush("rq:queue:email", "bad")
    good = add(queues)
    assert [each.id for each in hand.take(2)] == [good]


def test_an_audit_names_a_job_that_it_cannot_read_and_goes_on(queues: Queues, redis: Redis) -> None:
    redis.set("rq:job:bad", "no hash")
    redis.rpush("rq:queue:email", "bad", b"\xff")
    good = add(queues)
    redis.lrem("rq:queue:email", 0, good)
    found = {each.job_id: each for each in audit(queues).findings}
    assert found[good].done == "waits again"
    assert "WRONGTYPE" in found["bad"].found
    assert not found["bad"].is_mended


@pytest.mark.parametrize("request_", ["garbage", "{}", '{"asked_ms": "x"}', "[1]", "null"])
def test_a_worker_obeys_no_drain_request_that_cannot_be_read(
    queues: Queues, hand: Hand, redis: Redis, request_: str
) -> None:
    redis.set(f"{queues.prefix}drain:hand", request_)
    job = add(queues)
    assert [each.id for each in hand.take()] == [job]
    redis.set(f"{queues.prefix}drain:hand", '{"asked_ms": 1}')
    add(queues)
    assert hand.take() == []
