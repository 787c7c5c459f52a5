"""Limits of a queue: what may not run needs no worker, and the workers are told."""

from datetime import timedelta

import pytest
from builders import NAME, reading, scaling, seen, spec

from osnovci.contract import RateDocument
from osnovci_operator.queuepool.decide import ScalingState, decide
from osnovci_operator.queuepool.queue import Queue, Rate
from osnovci_operator.queuepool.seen import PoolReading


@pytest.mark.parametrize(
    ("queues", "count"),
    [
        pytest.param(reading(waiting=20), 2, id="no more workers than may run"),
        pytest.param(reading(waiting=20, active=3), 2, id="those that run are among them"),
        pytest.param(reading(waiting=1), 1, id="fewer jobs than may run"),
        pytest.param(reading(waiting=9, active=6), 3, id="more run than may, since it was lowered"),
    ],
)
def test_a_queue_with_a_most_active(queues: PoolReading, count: int) -> None:
    given = spec(scaling=scaling(), max_active=4)
    decision, _ = decide(given, seen(reading=queues), ScalingState())
    assert decision.replicas == count


def test_the_workers_are_told_of_the_limits() -> None:
    queue = Queue(name="email", max_active=3, rate=Rate(limit=5, window=timedelta(minutes=1)))
    given = spec().model_copy(update={"queues": [queue], "memory_limit": 2**28})
    document = given.document(NAME)
    assert document.memory_max_bytes == 2**28
    assert document.queues[0].max_active == 3
    assert document.queues[0].rate == RateDocument(limit=5, window_seconds=60)
