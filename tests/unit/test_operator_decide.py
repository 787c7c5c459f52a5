"""How many workers a pool gets, and why: one sentence a row, through the whole chain of policies."""

from datetime import timedelta

import pytest
from builders import AWAY, NOON, queue_reading, reading, scaling, seen, spec, workers

from osnovci_operator.pod_life import Pods
from osnovci_operator.queuepool.decide import Bound, Reason, ScalingState, decide
from osnovci_operator.queuepool.queue import Queue
from osnovci_operator.queuepool.seen import PoolReading, Seen
from osnovci_operator.queuepool.spec import Spec

FOLLOWS = spec(scaling=scaling())
SECOND = timedelta(seconds=1)
NEARLY_STARTED = Pods(starting=(NOON - 27 * SECOND,), startup=30 * SECOND)
FIGURES = ": a job takes 1.7s, a start 4s"
UNKNOWN = ": a job takes 5.0s, a start 4s"
"""What waits is reckoned with this until a job has ended."""
"""Before anything was measured: a third of targetWait, and the start of the builder's pods."""


@pytest.mark.parametrize(
    ("given", "observed", "verdict", "message"),
    [
        pytest.param(
            FOLLOWS,
            seen(workers=workers(asked=0), reading=reading(waiting=5)),
            (2, Reason.BACKLOG),
            "the jobs that wait or are due soon need 2 workers to start within 5s" + UNKNOWN,
            id="a backlog brings the workers with which it starts in time",
        ),
        pytest.param(
            FOLLOWS,
            seen(reading=reading(waiting=1, active=1)),
            (1, Reason.BACKLOG),
            "the jobs that wait or are due soon need 1 worker to start within 5s" + UNKNOWN,
            id="a job brings a worker",
        ),
        pytest.param(
            FOLLOWS,
            seen(workers=workers(asked=3), reading=reading(active=6)),
            (3, Reason.JOBS_RUNNING),
            "the jobs that run need 3 workers" + FIGURES,
            id="jobs that run keep their workers",
        ),
        pytest.param(
            FOLLOWS,
            seen(reading=reading(due=3)),
            (1, Reason.BACKLOG),
            "the jobs that wait or are due soon need 1 worker to start within 5s" + UNKNOWN,
            id="jobs due within a start have their worker ready",
        ),
        pytest.param(
            spec(scaling=scaling(maximum=3)),
            seen(workers=workers(asked=0), reading=reading(waiting=100)),
            (3, Reason.BACKLOG),
            "the jobs that wait or are due soon need 40 workers to start within 5s"
            + UNKNOWN
            + "; the target cannot be met: maxReplicas is 3, 40 would be needed",
            id="no more than maxReplicas, and what would be needed",
        ),
        pytest.param(
            FOLLOWS,
            seen(
                workers=workers(asked=0),
                reading=reading(waiting=1),
                pods=Pods(startup=timedelta(seconds=30)),
            ),
            (1, Reason.BACKLOG),
            "the jobs that wait or are due soon need 1 worker to start within 5s: a job takes 5.0s, "
            "a start 30s; the target cannot be met: a start takes 30s, more than what is left of "
            "targetWait 5s: keep minReplicas at 1 or more, or let jobs wait longer",
            id="a start that takes longer than targetWait is said",
        ),
        pytest.param(
            FOLLOWS,
            seen(workers=workers(asked=1), reading=reading(waiting=1), pods=NEARLY_STARTED),
            (1, Reason.BACKLOG),
            "the jobs that wait or are due soon need 1 worker to start within 5s: a job takes 5.0s, "
            "a start 30s",
            id="but not where a worker has nearly started",
        ),
        pytest.param(
            spec(scaling=scaling(minimum=2)),
            seen(),
            (2, Reason.IDLE),
            "no jobs: minReplicas 2",
            id="no fewer than minReplicas",
        ),
        pytest.param(
            spec(replicas=4),
            seen(workers=workers(asked=9), reading=reading(waiting=100)),
            (4, Reason.FIXED),
            "spec.replicas fixes the count at 4; set scaling instead to follow the backlog",
            id="a fixed count does not follow the backlog",
        ),
        pytest.param(
            spec(replicas=0),
            seen(workers=workers(asked=2)),
            (0, Reason.FIXED),
            "spec.replicas fixes the count at 0; set scaling instead to follow the backlog",
            id="a fixed count of zero is a count",
        ),
        pytest.param(
            spec(replicas=4),
            seen(workers=workers(asked=1), reading=AWAY),
            (4, Reason.FIXED),
            "spec.replicas fixes the count at 4; set scaling instead to follow the backlog",
            id="a fixed count needs no Redis",
        ),
        pytest.param(
            spec(),
            seen(),
            (1, Reason.FIXED),
            "spec.replicas is not set and means 1; set scaling instead to follow the backlog",
            id="neither replicas nor scaling means one worker",
        ),
        pytest.param(
            FOLLOWS,
            seen(workers=workers(asked=7), reading=AWAY),
            (7, Reason.BACKEND_UNREADABLE),
            "holding 7, since the backlog is not known: "
            "Redis cannot be reached: connection refused",
            id="not observed is not zero",
        ),
        pytest.param(
            spec(scaling=scaling(minimum=2)),
            seen(reading=AWAY),
            (2, Reason.BACKEND_UNREADABLE),
            "holding 2, since the backlog is not known: "
            "Redis cannot be reached: connection refused",
            id="a new pool without Redis begins with minReplicas",
        ),
        pytest.param(
            FOLLOWS,
            seen(workers=workers(asked=6)),
            (6, Reason.COOLING_DOWN),
            "0 needed now, 6 needed a short while ago" + FIGURES,
            id="an operator that has just started counts what runs as needed",
        ),
    ],
)
def test_the_count_and_its_reason(
    given: Spec, observed: Seen, verdict: tuple[int, Reason], message: str
) -> None:
    decision, _ = decide(given, observed, ScalingState())
    assert (decision.replicas, decision.reason) == verdict
    assert decision.message == message


TAKEN = (("email", "older"),)


@pytest.mark.parametrize(
    ("observed", "count", "reason", "message"),
    [
        pytest.param(
            seen(workers=workers(asked=3), taken=TAKEN),
            3,
            Reason.QUEUE_TAKEN,
            "queue email belongs to the older pool older: remove it from one of the two; "
            "until then this pool's workers stay as they are",
            id="a queue of an older pool stops this one",
        ),
        pytest.param(
            seen(stranger=True, reading=AWAY),
            0,
            Reason.NAME_TAKEN,
            "a Deployment of this pool's name exists and is not the pool's: "
            "rename the pool, or delete that Deployment",
            id="a stranger's Deployment is not touched",
        ),
        pytest.param(
            seen(stranger=True, taken=TAKEN),
            0,
            Reason.QUEUE_TAKEN,
            "queue email belongs to the older pool older: remove it from one of the two; "
            "until then this pool's workers stay as they are",
            id="a taken queue is said before a taken name",
        ),
    ],
)
@pytest.mark.parametrize(
    "given", [pytest.param(FOLLOWS, id="scaling"), pytest.param(spec(replicas=4), id="fixed")]
)
def test_what_blocks(given: Spec, observed: Seen, count: int, reason: Reason, message: str) -> None:
    decision, _ = decide(given, observed, ScalingState())
    assert (decision.replicas, decision.reason, decision.blocked) == (count, reason, True)
    assert decision.message == message


@pytest.mark.parametrize(
    ("given", "observed", "bound", "message"),
    [
        pytest.param(
            spec(scaling=scaling(maximum=3)),
            seen(reading=reading(waiting=100, oldest_wait=SECOND * 90)),
            Bound.TOO_MANY,
            "the jobs need 40 workers to start within 5s, maxReplicas is 3; "
            "the oldest job has waited 90s, above targetWait 5s",
            id="maxReplicas limits and jobs are late",
        ),
        pytest.param(
            spec(scaling=scaling(maximum=3)),
            seen(reading=reading(waiting=100, oldest_wait=SECOND * 5)),
            Bound.TOO_MANY,
            "the jobs need 40 workers to start within 5s, maxReplicas is 3",
            id="maxReplicas limits and no job is late yet",
        ),
        pytest.param(
            spec(scaling=scaling(minimum=2)),
            seen(reading=reading(waiting=1)),
            Bound.TOO_FEW,
            "the jobs need 1 worker, minReplicas is 2",
            id="minReplicas keeps more than needed",
        ),
        pytest.param(
            spec(scaling=scaling(minimum=2, maximum=2)),
            seen(reading=reading(waiting=5)),
            None,
            "",
            id="a need that equals both bounds is not limited",
        ),
        pytest.param(spec(replicas=4), seen(), None, "", id="a fixed count has no bounds"),
    ],
)
def test_the_bound_that_limits(
    given: Spec, observed: Seen, bound: Bound | None, message: str
) -> None:
    decision, _ = decide(given, observed, ScalingState())
    assert (decision.bound, decision.bound_message) == (bound, message)


def test_a_queue_that_is_paused_loses_no_jobs() -> None:
    """What may not run any more has not vanished."""
    queues, state = PoolReading((queue_reading(waiting=20),), 0), ScalingState()
    for paused in (False, True, False):
        given = FOLLOWS.model_copy(update={"queues": [Queue(name="email", paused=paused)]})
        decision, state = decide(given, seen(workers=workers(asked=6), reading=queues), state)
        assert decision.reason is not Reason.JOBS_VANISHED
        assert decision.replicas == 6


def test_the_first_jobs_after_a_long_rest_are_no_slow_rate() -> None:
    """Nothing wakes a pool at rest; an hour later sixty jobs are sixty jobs of this moment."""
    state, rates = ScalingState(), list[float]()
    for rest in (1, 3600):
        _, state = decide(FOLLOWS, seen(workers=workers(asked=0)), ScalingState())
        jobs = seen(now=NOON + rest * SECOND, workers=workers(asked=0), reading=reading(waiting=60))
        _, state = decide(FOLLOWS, jobs, state)
        rates.append(state.learned.arrivals.fast)
    assert rates[1] >= rates[0] > 5


@pytest.mark.parametrize(
    ("queues", "paused", "count"),
    [
        pytest.param(reading(waiting=20), True, 0, id="a paused backlog needs nobody"),
        pytest.param(reading(due=20), True, 0, id="nor do its due jobs"),
        pytest.param(
            reading(active=2), True, 1, id="a running job of a paused queue keeps its slot"
        ),
        pytest.param(reading(waiting=20), False, 8, id="the same backlog, not paused"),
    ],
)
def test_paused_queues(queues: PoolReading, *, paused: bool, count: int) -> None:
    name = queues.queues[0].name
    given = FOLLOWS.model_copy(update={"queues": [Queue(name=name, paused=paused)]})
    decision, _ = decide(given, seen(reading=queues), ScalingState())
    assert decision.replicas == count


def test_workers_that_start_are_not_asked_for_twice() -> None:
    """They count with the time that they still need, whether their pods exist yet or not."""
    backlog = reading(waiting=20)
    for starting in ((), (NOON,) * 8, (None,) * 8):
        observed = seen(
            workers=workers(asked=8, ready=0),
            reading=backlog,
            pods=Pods(starting=starting, startup=timedelta(seconds=4)),
        )
        decision, _ = decide(FOLLOWS, observed, ScalingState())
        assert decision.replicas == 8


def test_jobs_on_workers_that_leave_keep_no_other_worker() -> None:
    given = spec(scaling=scaling(), concurrency=2)
    busy = PoolReading((queue_reading(active=10),), busy=10, draining=8)
    observed = seen(workers=workers(asked=1), reading=busy)
    decision, _ = decide(given, observed, ScalingState())
    assert decision.replicas == 1


def test_a_pool_at_its_minimum_is_left_alone() -> None:
    given = spec(scaling=scaling(minimum=2, maximum=20))
    decision, _ = decide(given, seen(workers=workers(asked=2)), ScalingState())
    assert (decision.reason, decision.recheck) == (Reason.IDLE, None)
