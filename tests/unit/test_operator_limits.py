"""Limits of a queue: what may not run needs no worker, and the workers are told."""

from datetime import timedelta

import pytest
from builders import NAME, reading, scaling, seen, spec

from osnovci.contract import RateDocument
from osnovci_operator.queuepool.decide import ScalingState, decide
from osnovci_operator.queuepool.queue import Queue, Rate
from osnovci_operator.queuepool.seen import PoolReading


@pytest.mark.parametrize(
    ("queues", "waiting", "due"),
    [
        pytest.param(reading(waiting=20), 4, 0, id="no more workers than may run"),
        pytest.param(reading(waiting=20, active=3), 1, 0, id="those that run are among them"),
        pytest.param(reading(waiting=1), 1, 0, id="fewer jobs than may run"),
        pytest.param(reading(waiting=9, active=6), 0, 0, id="more run than may, as it was lowered"),
        pytest.param(reading(waiting=3, due=9), 3, 1, id="those that are due come after"),
    ],
)
def test_a_queue_with_a_most_active(queues: PoolReading, waiting: int, due: int) -> None:
    (limited,) = queues.runnable(frozenset(), {"email": 4})
    assert (limited.waiting, limited.due) == (waiting, due)


def test_what_may_not_run_brings_no_worker() -> None:
    observed = seen(reading=reading(waiting=500))
    counts = [
        decide(spec(scaling=scaling(), max_active=most), observed, ScalingState())[0].replicas
        for most in (None, 4)
    ]
    assert counts == [20, 2]


def test_the_workers_are_told_of_the_limits() -> None:
    queue = Queue(name="email", max_active=3, rate=Rate(limit=5, window=timedelta(minutes=1)))
    given = spec().model_copy(update={"queues": [queue], "memory_limit": 2**28})
    document = given.document(NAME)
    assert document.memory_max_bytes == 2**28
    assert document.queues[0].max_active == 3
    assert document.queues[0].rate == RateDocument(limit=5, window_seconds=60)
