"""Which queues a worker takes jobs from, and in which order, on a real Redis."""

from redis import Redis
from rq import Queue
from waiting import eventually
from workers import StartWorker, entries, pool_document, queue_document

RECORD = "homework.jobs.record"


def test_queues_are_taken_in_their_order(redis: Redis, start_worker: StartWorker) -> None:
    for name in ("report", "email", "notification"):
        Queue(name, connection=redis).enqueue(RECORD, "order", name)
    queues = [queue_document(name) for name in ("notification", "email", "report")]
    start_worker(pool_document(*queues))
    eventually(lambda: len(entries(redis, "order")) == 3)
    assert entries(redis, "order") == [b"notification", b"email", b"report"]


def test_a_paused_queue_waits(redis: Redis, start_worker: StartWorker) -> None:
    waiting = Queue("email", connection=redis)
    waiting.enqueue(RECORD, "ran", "email")
    start_worker(pool_document(queue_document("email", paused=True), queue_document("report")))
    Queue("report", connection=redis).enqueue(RECORD, "ran", "report")
    eventually(lambda: entries(redis, "ran") == [b"report"])
    assert waiting.count == 1


def test_a_pool_of_paused_queues_is_ready_and_runs_nothing(
    redis: Redis, start_worker: StartWorker
) -> None:
    Queue("email", connection=redis).enqueue(RECORD, "ran", "email")
    worker = start_worker(pool_document(queue_document("email", paused=True)))
    eventually(lambda: worker.heartbeat)
    assert worker.ready
    assert Queue("email", connection=redis).count == 1


def test_a_refused_job_of_the_only_queue_is_not_held_for_stuck(
    redis: Redis, start_worker: StartWorker
) -> None:
    queue = Queue("email", connection=redis)
    queue.enqueue("os.system", "never")
    start_worker(pool_document())
    eventually(lambda: queue.failed_job_registry.count == 1)
    eventually(lambda: queue.intermediate_queue.get_job_ids() == [])
