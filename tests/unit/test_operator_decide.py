"""How many workers a pool gets, and why: one sentence a row, through the whole chain of policies."""

from dataclasses import replace
from datetime import timedelta

import pytest
from builders import AWAY, NOON, reading, scaling, seen, spec, workers

from osnovci_operator.queuepool.decide import (
    Bound,
    Decision,
    Peak,
    Reason,
    ScalingState,
    decide,
)
from osnovci_operator.queuepool.queue import Queue
from osnovci_operator.queuepool.seen import PoolReading, Seen
from osnovci_operator.queuepool.spec import Spec

FOLLOWS = spec(scaling=scaling())
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)


def needed(count: int, ago: timedelta) -> ScalingState:
    return ScalingState((Peak(NOON - ago, count),))


@pytest.mark.parametrize(
    ("given", "observed", "state", "verdict", "message"),
    [
        pytest.param(
            FOLLOWS,
            seen(workers=workers(asked=0), reading=reading(waiting=5)),
            ScalingState(),
            (3, Reason.BACKLOG),
            "5 jobs waiting, running or due soon need 3 workers, between 0 and 20",
            id="a backlog brings a slot for each job",
        ),
        pytest.param(
            FOLLOWS,
            seen(reading=reading(waiting=1, active=1)),
            ScalingState(),
            (1, Reason.BACKLOG),
            "2 jobs waiting, running or due soon need 1 worker, between 0 and 20",
            id="a job that runs keeps its slot",
        ),
        pytest.param(
            FOLLOWS,
            seen(reading=reading(due=3)),
            ScalingState(),
            (2, Reason.BACKLOG),
            "3 jobs waiting, running or due soon need 2 workers, between 0 and 20",
            id="jobs due soon have their workers ready",
        ),
        pytest.param(
            spec(scaling=scaling(maximum=3)),
            seen(workers=workers(asked=0), reading=reading(waiting=100)),
            ScalingState(),
            (3, Reason.BACKLOG),
            "100 jobs waiting, running or due soon need 50 workers, between 0 and 3",
            id="no more than maxReplicas",
        ),
        pytest.param(
            spec(scaling=scaling(minimum=2)),
            seen(),
            ScalingState(),
            (2, Reason.IDLE),
            "no jobs: minReplicas 2",
            id="no fewer than minReplicas",
        ),
        pytest.param(
            spec(replicas=4),
            seen(workers=workers(asked=9), reading=reading(waiting=100)),
            ScalingState(),
            (4, Reason.FIXED),
            "spec.replicas fixes the count at 4; set scaling instead to follow the backlog",
            id="a fixed count does not follow the backlog",
        ),
        pytest.param(
            spec(replicas=0),
            seen(workers=workers(asked=2)),
            ScalingState(),
            (0, Reason.FIXED),
            "spec.replicas fixes the count at 0; set scaling instead to follow the backlog",
            id="a fixed count of zero is a count",
        ),
        pytest.param(
            spec(replicas=4),
            seen(workers=workers(asked=1), reading=AWAY),
            ScalingState(),
            (4, Reason.FIXED),
            "spec.replicas fixes the count at 4; set scaling instead to follow the backlog",
            id="a fixed count needs no Redis",
        ),
        pytest.param(
            spec(),
            seen(),
            ScalingState(),
            (1, Reason.FIXED),
            "spec.replicas is not set and means 1; set scaling instead to follow the backlog",
            id="neither replicas nor scaling means one worker",
        ),
        pytest.param(
            FOLLOWS,
            seen(workers=workers(asked=7), reading=AWAY),
            needed(1, ago=MINUTE * 10),
            (7, Reason.BACKEND_UNREADABLE),
            "holding 7, since the backlog is not known: "
            "Redis cannot be reached: connection refused",
            id="not observed is not zero",
        ),
        pytest.param(
            spec(scaling=scaling(minimum=2)),
            seen(reading=AWAY),
            ScalingState(),
            (2, Reason.BACKEND_UNREADABLE),
            "holding 2, since the backlog is not known: "
            "Redis cannot be reached: connection refused",
            id="a new pool without Redis begins with minReplicas",
        ),
        pytest.param(
            FOLLOWS,
            seen(workers=workers(asked=5)),
            needed(5, ago=MINUTE - SECOND),
            (5, Reason.COOLING_DOWN),
            "0 jobs waiting, running or due soon need 0 workers; 5 were needed within the last 1m",
            id="what was needed within idle stays",
        ),
        pytest.param(
            FOLLOWS,
            seen(workers=workers(asked=5)),
            needed(5, ago=MINUTE),
            (0, Reason.IDLE),
            "no jobs: minReplicas 0",
            id="what was not needed for idle goes",
        ),
        pytest.param(
            FOLLOWS,
            seen(workers=workers(asked=5), reading=reading(active=2)),
            needed(5, ago=MINUTE),
            (1, Reason.BACKLOG),
            "2 jobs waiting, running or due soon need 1 worker, between 0 and 20",
            id="after idle the count falls to the need, not to minReplicas",
        ),
        pytest.param(
            FOLLOWS,
            seen(workers=workers(asked=6)),
            ScalingState(),
            (6, Reason.COOLING_DOWN),
            "0 jobs waiting, running or due soon need 0 workers; 6 were needed within the last 1m",
            id="an operator that has just started counts what runs as needed",
        ),
    ],
)
def test_the_count_and_its_reason(
    given: Spec, observed: Seen, state: ScalingState, verdict: tuple[int, Reason], message: str
) -> None:
    decision, _ = decide(given, observed, state)
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
            "the jobs need 50 workers, maxReplicas is 3; "
            "the oldest job has waited 90s, above targetWait 5s",
            id="maxReplicas limits and jobs are late",
        ),
        pytest.param(
            spec(scaling=scaling(maximum=3)),
            seen(reading=reading(waiting=100, oldest_wait=SECOND * 5)),
            Bound.TOO_MANY,
            "the jobs need 50 workers, maxReplicas is 3",
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
            seen(reading=reading(waiting=4)),
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


def test_a_pool_cools_down_step_by_step() -> None:
    """Each need counts for its own idle; the recheck falls on the moment a step ends."""
    moments = [(0, 10), (20, 4), (40, 0)]
    observed = seen(workers=workers(asked=0))
    decision, state = Decision(0, Reason.IDLE, ""), ScalingState()
    for second, jobs in moments:
        now = NOON + second * SECOND
        changed = replace(observed, now=now, reading=reading(waiting=jobs))
        decision, state = decide(FOLLOWS, changed, state)
    assert (decision.replicas, decision.recheck) == (5, 20 * SECOND)
    decision, state = decide(FOLLOWS, replace(observed, now=NOON + 60 * SECOND), state)
    assert (decision.replicas, decision.recheck) == (2, 20 * SECOND)
    decision, state = decide(FOLLOWS, replace(observed, now=NOON + 80 * SECOND), state)
    assert (decision.replicas, decision.reason, decision.recheck) == (0, Reason.IDLE, None)


def test_after_an_outage_what_runs_counts_as_needed_for_one_idle() -> None:
    """Unobserved time is no time without need, however long it was."""
    state = needed(5, ago=SECOND)
    away = seen(workers=workers(asked=5), reading=AWAY)
    for minutes in (0, 1, 5):
        decision, state = decide(FOLLOWS, replace(away, now=NOON + minutes * MINUTE), state)
        assert decision.replicas == 5
    back = replace(away, now=NOON + 6 * MINUTE, reading=reading())
    decision, state = decide(FOLLOWS, back, state)
    assert (decision.replicas, decision.reason) == (5, Reason.COOLING_DOWN)
    decision, _ = decide(FOLLOWS, replace(back, now=back.now + MINUTE), state)
    assert decision.replicas == 0


@pytest.mark.parametrize(
    ("queues", "paused", "count"),
    [
        pytest.param(reading(waiting=20), True, 0, id="a paused backlog needs nobody"),
        pytest.param(
            reading(active=2), True, 1, id="a running job of a paused queue keeps its slot"
        ),
        pytest.param(reading(waiting=20), False, 10, id="the same backlog, not paused"),
    ],
)
def test_paused_queues(queues: PoolReading, *, paused: bool, count: int) -> None:
    name = queues.queues[0].name
    given = FOLLOWS.model_copy(update={"queues": [Queue(name=name, paused=paused)]})
    decision, _ = decide(given, seen(reading=queues), ScalingState())
    assert decision.replicas == count


def test_a_pool_at_its_minimum_does_not_cool_down() -> None:
    given = spec(scaling=scaling(minimum=2, maximum=20))
    decision, _ = decide(given, seen(workers=workers(asked=2)), needed(1, ago=SECOND))
    assert (decision.reason, decision.recheck) == (Reason.IDLE, None)
