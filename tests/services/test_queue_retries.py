"""A retry by hand gives a job all the retries it began with."""

from typing import Any

import pytest
from hand import Hand, add
from waiting import eventually
from workers import queue_document

from osnovci.contract import RetryDocument
from osnovci.queues import operations
from osnovci.queues.client import Queues
from osnovci.queues.engine.jobs import Kind


def retries_until_it_fails(hand: Hand) -> int:
    """Let the one job fail until no retry follows."""
    number = 0
    while True:
        (job,) = eventually(hand.take)
        if hand.end(job, Kind.FAILED, "no").due_seconds is None:
            return number
        number += 1


@pytest.mark.parametrize(
    ("own", "retries"),
    [
        pytest.param({"retries": 2, "retry_waits": (0.01, 0.02)}, 2, id="its own"),
        pytest.param({}, 3, id="those of its queue"),
        pytest.param({"retries": 0}, 0, id="its own, which are none"),
    ],
)
def test_a_retry_by_hand_gives_all_retries_anew(
    queues: Queues, own: dict[str, Any], retries: int
) -> None:
    thrice = RetryDocument(limit=3, initial_seconds=0.01, factor=1, max_seconds=1)
    hand = Hand(queues, [queue_document(retries=thrice)])
    job_id = add(queues, **own)
    for _ in range(3):
        assert retries_until_it_fails(hand) == retries
        assert queues.run(operations.retry(job_id))


def test_the_retries_of_a_queue_are_those_it_gives_now(queues: Queues) -> None:
    one = RetryDocument(limit=1, initial_seconds=0.01, factor=1, max_seconds=1)
    hand = Hand(queues, [queue_document(retries=one)])
    job_id = add(queues)
    assert retries_until_it_fails(hand) == 1
    queues.run(operations.retry(job_id))
    two = one.model_copy(update={"limit": 2})
    assert retries_until_it_fails(Hand(queues, [queue_document(retries=two)])) == 2
