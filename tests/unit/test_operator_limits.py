"""Limits of a queue: what may not run needs no worker, and the workers are told."""

from dataclasses import replace
from datetime import timedelta

import pytest
from builders import NAME, queue_reading, reading, scaling, seen, spec

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
    (limited,) = queues.runnable([Queue(name="email", max_active=4)], timedelta(seconds=9))
    assert (limited.waiting, limited.due) == (waiting, due)


@pytest.mark.parametrize(
    ("taken", "starts"),
    [
        pytest.param(0, 30, id="none counts any more: a whole window's"),
        pytest.param(12, 18, id="some count still"),
        pytest.param(30, 0, id="as many as may have started"),
        pytest.param(50, 0, id="the rate was lowered"),
    ],
)
def test_a_queue_with_a_rate(taken: int, starts: int) -> None:
    queue = Queue(name="email", rate=Rate(limit=30, window=timedelta(minutes=1)))
    row = queue_reading(waiting=500, active=3, due=9, rate_taken=taken)
    (limited,) = PoolReading((row,), 0).runnable([queue], timedelta(seconds=9))
    assert (limited.waiting, limited.due) == (starts, 0)
    both = queue.model_copy(update={"max_active": 5})
    (limited,) = PoolReading((row,), 0).runnable([both], timedelta(seconds=9))
    assert limited.waiting == min(starts, 2)


def test_in_a_long_time_a_short_window_comes_again() -> None:
    rate = Rate(limit=30, window=timedelta(seconds=2))
    assert rate.starts(timedelta(seconds=9), 10) == 20 + 4 * 30


def test_what_a_rate_keeps_back_brings_no_worker() -> None:
    row = queue_reading(waiting=500, rate_taken=3)
    slow = Queue(name="email", rate=Rate(limit=3, window=timedelta(minutes=1)))
    given = spec(scaling=scaling()).model_copy(update={"queues": [slow]})
    observed = seen(reading=PoolReading((row,), 0))
    assert decide(given, observed, ScalingState())[0].replicas == 0
    started = seen(reading=PoolReading((replace(row, rate_taken=2),), 0))
    assert decide(given, started, ScalingState())[0].replicas == 1


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
