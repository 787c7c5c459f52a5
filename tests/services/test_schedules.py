"""Schedules on a real Redis: whoever fires, each moment once; late, overlapping and changed ones."""

import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from redis import Redis
from rq import Queue
from rq.job import Job
from schedules import POOL, redis_now, remember, schedule, state_of
from waiting import eventually
from workers import NAMESPACE, StartWorker, pool_document, queue_document

from osnovci.contract import Overlap, ScheduleDocument, ScheduleOutcome, WorkerState, schedules_key
from osnovci.queues import operations
from osnovci.queues.client import Queues
from osnovci.schedules.firing import fire
from osnovci.schedules.timetable import Timetable, job_id

KEEP_MS = 5000


def waiting(redis: Redis, queue: str = "email") -> list[str]:
    found: Any = redis.lrange(f"rq:queue:{queue}", 0, -1)
    return [each.decode() for each in found]


def outcomes(queues: Queues, *documents: ScheduleDocument, keep_ms: int = 0) -> list[str]:
    return [each.outcome for each in fire(queues, Timetable(POOL, documents, keep_ms))]


def test_a_new_schedule_begins_now_and_makes_up_for_nothing(redis: Redis, queues: Queues) -> None:
    assert outcomes(queues, schedule()) == []
    state = state_of(redis)
    assert state
    assert abs(state.mark - redis_now(redis)) <= 1
    assert waiting(redis) == []


def test_a_moment_becomes_one_job_that_names_it(redis: Redis, queues: Queues) -> None:
    document = schedule()
    remember(redis, document, mark=redis_now(redis) - 90)
    (happened,) = fire(queues, Timetable(POOL, [document]))
    moment = int(happened.moment.timestamp())
    assert moment % 60 == 0
    assert waiting(redis) == [job_id(POOL, "reminders", moment)] == [happened.job]
    job: Any = redis.hgetall(f"rq:job:{happened.job}")
    assert json.loads(job[b"data"]) == ["queue_tasks.add", None, [], {"a": 1, "b": 2}]
    assert (job[b"origin"], job[b"status"]) == (b"email", b"queued")
    assert outcomes(queues, document) == []
    state = state_of(redis)
    assert state
    assert (state.fired, state.mark) == (moment, moment)


def test_of_several_missed_only_the_latest_fires(redis: Redis, queues: Queues) -> None:
    document = schedule()
    remember(redis, document, mark=redis_now(redis) - 86_400)
    assert outcomes(queues, document) == [ScheduleOutcome.FIRED]
    state = state_of(redis)
    assert state
    assert 0 <= redis_now(redis) - state.mark <= 61
    assert len(waiting(redis)) == 1


def test_what_is_later_than_its_deadline_is_left_out(redis: Redis, queues: Queues) -> None:
    hour = redis_now(redis) // 3600
    document = schedule(cron=f"0 {(hour - 1) % 24} * * *", deadline=30)
    remember(redis, document, mark=(hour - 2) * 3600)
    (happened,) = fire(queues, Timetable(POOL, [document]))
    assert happened.outcome is ScheduleOutcome.MISSED
    assert "missed, since nobody could fire it within its startingDeadline" in str(happened)
    assert waiting(redis) == []
    assert outcomes(queues, document) == []


@pytest.mark.parametrize(
    ("overlap", "status", "expected"),
    [
        (Overlap.SKIP, "started", ScheduleOutcome.SKIPPED),
        (Overlap.SKIP, "scheduled", ScheduleOutcome.SKIPPED),
        (Overlap.SKIP, "failed", ScheduleOutcome.FIRED),
        (Overlap.SKIP, "finished", ScheduleOutcome.FIRED),
        (Overlap.SKIP, None, ScheduleOutcome.FIRED),
        (Overlap.ALLOW, "started", ScheduleOutcome.FIRED),
    ],
)
def test_overlap_is_what_the_last_job_does(
    redis: Redis, queues: Queues, overlap: Overlap, status: str | None, expected: ScheduleOutcome
) -> None:
    document = schedule(overlap=overlap)
    if status:
        redis.hset("rq:job:last", "status", status)
    remember(redis, document, mark=redis_now(redis) - 90, job="last")
    assert outcomes(queues, document) == [expected]
    assert len(waiting(redis)) == (expected is ScheduleOutcome.FIRED)
    assert outcomes(queues, document) == []


def test_many_callers_fire_a_moment_once(redis: Redis, queues: Queues) -> None:
    documents = [schedule(f"s{number}") for number in range(8)]
    mark = redis_now(redis) - 90
    for document in documents:
        remember(redis, document, mark=mark)

    def call(_: int) -> list[str]:
        happened = fire(queues, Timetable(POOL, documents, KEEP_MS))
        return [each.job for each in happened if each.outcome is ScheduleOutcome.FIRED]

    with ThreadPoolExecutor(8) as pool:
        fired = [job for jobs in pool.map(call, range(16)) for job in jobs]
    assert sorted(fired) == sorted(waiting(redis))
    assert [job.split("_")[1] for job in sorted(fired)] == [each.name for each in documents]


def test_a_moment_whose_state_was_lost_is_still_one_job(redis: Redis, queues: Queues) -> None:
    document = schedule()
    mark = redis_now(redis) - 90
    for _ in range(2):
        remember(redis, document, mark=mark)
        fire(queues, Timetable(POOL, [document]))
    assert len(set(waiting(redis))) == len(waiting(redis))


def test_workers_leave_it_to_the_operator_while_that_looks(redis: Redis, queues: Queues) -> None:
    document = schedule()
    outcomes(queues, document, keep_ms=200)
    remember(redis, document, mark=redis_now(redis) - 90)
    timetable = Timetable(POOL, [document])
    assert fire(queues, timetable) == []
    assert waiting(redis) == []
    eventually(lambda: fire(queues, timetable))
    assert len(waiting(redis)) == 1


def test_new_times_begin_now_and_only_the_operator_sets_them(redis: Redis, queues: Queues) -> None:
    document = schedule()
    remember(redis, document, mark=redis_now(redis) - 90, rule="0 7 * * * UTC", job="last")
    assert outcomes(queues, document) == []
    state = state_of(redis)
    assert state
    assert state.rule == "0 7 * * * UTC"
    assert outcomes(queues, document, keep_ms=KEEP_MS) == []
    state = state_of(redis)
    assert state
    assert (state.rule, state.job) == ("* * * * * UTC", "last")
    assert redis_now(redis) - state.mark <= 1


def test_a_schedule_that_is_no_more_is_forgotten(redis: Redis, queues: Queues) -> None:
    outcomes(queues, schedule("a"), schedule("b"), keep_ms=KEEP_MS)
    outcomes(queues, schedule("b"), keep_ms=KEEP_MS)
    assert not state_of(redis, "a")
    assert state_of(redis, "b")
    outcomes(queues, keep_ms=KEEP_MS)
    assert not redis.exists(schedules_key(NAMESPACE, POOL))


@pytest.mark.parametrize("nonsense", ["", "no JSON", "[]", '{"mark": "x"}'])
def test_a_state_that_cannot_be_read_begins_anew(
    redis: Redis, queues: Queues, nonsense: str
) -> None:
    redis.hset(schedules_key(NAMESPACE, POOL), "reminders", nonsense)
    assert outcomes(queues, schedule()) == []
    assert state_of(redis)


def test_what_cannot_fire_is_said_and_stops_no_other(redis: Redis, queues: Queues) -> None:
    good, bad = schedule("good"), schedule("bad", cron="99 * * * *")
    remember(redis, good, mark=redis_now(redis) - 90)
    timetable = Timetable(POOL, [bad, good])
    assert [each.schedule for each in fire(queues, timetable)] == ["good"]
    assert timetable.broken == {"bad": "cron: '99 * * * *' cannot be read: Bad minute"}


def test_a_worker_fires_and_runs_them_where_there_is_no_operator(
    redis: Redis, start_worker: StartWorker
) -> None:
    document = schedule()
    remember(redis, document, mark=redis_now(redis) - 90)
    pool = pool_document(queue_document(), tasks=("queue_tasks",), schedules=(document,))
    worker = start_worker(pool)
    queues = Queues(redis, NAMESPACE)

    def result() -> Any:
        state = state_of(redis)
        found = state and state.job and queues.run(operations.get(state.job))
        return found and found.result

    assert eventually(result) == 3
    assert "the operator is not there; schedule reminders, due at" in worker.log.read_text()


def test_a_worker_that_leaves_fires_nothing(redis: Redis, start_worker: StartWorker) -> None:
    document = schedule()
    tasks = ("queue_tasks", "homework.jobs")
    worker = start_worker(pool_document(tasks=tasks, schedules=(document,)))
    Queue("email", connection=redis).enqueue("homework.jobs.pause", 3)
    eventually(lambda: worker.busy)
    worker.stop()
    eventually(lambda: worker.heartbeat and worker.heartbeat.state is WorkerState.DRAINING)
    # A minute may have begun before it was told to leave.
    before = waiting(redis)
    remember(redis, document, mark=redis_now(redis) - 90)
    assert worker.ends(within=25) == 0
    assert waiting(redis) == before


def test_rqs_own_tools_read_the_job(redis: Redis, queues: Queues) -> None:
    document = schedule()
    remember(redis, document, mark=redis_now(redis) - 90)
    (happened,) = fire(queues, Timetable(POOL, [document]))
    job = Job.fetch(happened.job, connection=redis, serializer="json")
    assert (job.origin, job.func_name, job.kwargs) == ("email", "queue_tasks.add", {"a": 1, "b": 2})
