"""A paused queue, by whomever: it is named, with who paused it, and its jobs need no worker."""

import pytest
from builders import AWAY, queue_reading, reading, scaling, seen, spec

from osnovci.observation import QueueReading
from osnovci_operator.queuepool.decide import ScalingState, decide
from osnovci_operator.queuepool.queue import Queue
from osnovci_operator.queuepool.seen import PoolReading
from osnovci_operator.queuepool.status import queues_paused

PAUSED = queue_reading(paused=True)
OPEN = queue_reading()


@pytest.mark.parametrize(
    ("queue", "by_spec", "status", "message"),
    [
        pytest.param(OPEN, (), False, "jobs are taken from every queue", id="none"),
        pytest.param(OPEN, ("email",), True, "email is paused by spec.queues", id="by the spec"),
        pytest.param(
            PAUSED, (), True, "email is paused until `osnovci queue resume email`", id="by hand"
        ),
        pytest.param(
            PAUSED,
            ("email",),
            True,
            "email is paused by spec.queues and until `osnovci queue resume email`",
            id="by both",
        ),
    ],
)
def test_a_paused_queue_is_named_with_who_paused_it(
    queue: QueueReading, by_spec: tuple[str, ...], *, status: bool, message: str
) -> None:
    found = queues_paused(frozenset(by_spec), seen(reading=PoolReading((queue,), 0)))
    assert (found.status, found.message) == (status, message)


def test_whether_a_queue_is_paused_is_not_known_while_redis_is_away() -> None:
    assert queues_paused(frozenset(), seen(reading=AWAY)).status is None


def test_a_queue_that_is_paused_in_redis_brings_no_worker() -> None:
    observed = seen(reading=reading(waiting=500, due=3, paused=True))
    decision, _ = decide(spec(scaling=scaling()), observed, ScalingState())
    assert decision.replicas == 0
    assert decision.message.endswith("; paused, so not counted: email (500 jobs)")


def test_a_queue_that_the_spec_pauses_is_named_too() -> None:
    given = spec(scaling=scaling()).model_copy(
        update={"queues": [Queue(name="email", paused=True)]}
    )
    decision, _ = decide(given, seen(reading=reading(waiting=1)), ScalingState())
    assert decision.message.endswith("; paused, so not counted: email (1 job)")
