"""What a pool's schedules do to its count before they fire."""

from datetime import timedelta

import pytest
from builders import NOON, reading, scaling, seen, spec, workers

from osnovci_operator.pod_life import Pods
from osnovci_operator.queuepool.decide import ScalingState, decide
from osnovci_operator.queuepool.decision import Reason
from osnovci_operator.queuepool.schedule import Schedule
from osnovci_operator.queuepool.seen import PoolReading, ScheduleReading, Seen
from osnovci_operator.queuepool.spec import Spec

SECOND = timedelta(seconds=1)
STARTS = 30 * SECOND
AHEAD = STARTS + 2 * SECOND
NAMES = ("reminders", "sync", "report")


def scheduled(*, concurrency: int = 2, max_active: int | None = None) -> Spec:
    schedules = tuple(
        Schedule(name=name, cron="0 7 * * *", task="homework.jobs.run", queue="email")
        for name in NAMES
    )
    return spec(
        scaling=scaling(),
        concurrency=concurrency,
        max_active=max_active,
        schedules=schedules,
    )


def observed(
    *due: timedelta,
    asked: int = 0,
    passed: timedelta = timedelta(),
    left_out: bool = False,
    queues: PoolReading | None = None,
) -> Seen:
    """Give what is seen when a time has passed, and the schedules were due so long after noon."""
    readings = zip(NAMES, due, strict=False)
    return seen(
        now=NOON + passed,
        workers=workers(asked=asked),
        pods=Pods(ready=asked, startup=STARTS),
        reading=queues or reading(),
        schedules=tuple(
            ScheduleReading(name, upcoming=NOON + left, left_out=left_out)
            for name, left in readings
        ),
    )


@pytest.mark.parametrize(
    ("own", "what", "count"),
    [
        pytest.param(scheduled(), observed(AHEAD), 1, id="one is due within a start"),
        pytest.param(scheduled(), observed(AHEAD + SECOND), 0, id="one is due later"),
        pytest.param(
            scheduled(concurrency=1),
            observed(SECOND, SECOND, SECOND),
            2,
            id="several count together",
        ),
        pytest.param(scheduled(), observed(-SECOND), 0, id="one that was due waits, or was fired"),
        pytest.param(
            scheduled(), observed(SECOND, left_out=True), 0, id="one whose last job runs still"
        ),
        pytest.param(
            scheduled(), observed(SECOND, queues=reading(paused=True)), 0, id="in a paused queue"
        ),
        pytest.param(
            scheduled(concurrency=1, max_active=1),
            observed(SECOND, SECOND),
            1,
            id="no more than its queue may run",
        ),
        pytest.param(spec(scaling=scaling()), observed(SECOND), 0, id="of a spec that was changed"),
    ],
)
def test_the_count_before_schedules_fire(own: Spec, what: Seen, count: int) -> None:
    decision, _ = decide(own, what, ScalingState())
    assert decision.replicas == count
    if count:
        assert decision.reason is Reason.BACKLOG
        assert decision.message.startswith("the jobs that wait or are due soon need")


def test_a_pool_at_rest_is_looked_at_when_its_worker_is_to_be_asked_for() -> None:
    decision, _ = decide(scheduled(), observed(2 * AHEAD, 3 * AHEAD), ScalingState())
    assert decision.recheck == AHEAD


def test_schedules_that_were_not_looked_at_change_nothing() -> None:
    own, nobody = scheduled(), seen(workers=workers(asked=0), schedules=None)
    decision, _ = decide(own, nobody, ScalingState())
    assert (decision.replicas, decision.reason) == (0, Reason.IDLE)


def test_the_worker_is_there_from_before_the_time_until_the_job_runs() -> None:
    """It is asked for once, and stays through the second in which the time has come and none fired it."""
    own, state, counts = scheduled(), ScalingState(), list[int]()
    asked = 0
    for second in range(60):
        passed = second * SECOND
        fired = reading(waiting=1) if second >= 42 else None
        decision, state = decide(
            own, observed(40 * SECOND, asked=asked, passed=passed, queues=fired), state
        )
        asked = decision.replicas
        counts.append(asked)
    begun = counts.index(1)
    assert begun == 40 - AHEAD / SECOND
    assert counts[begun:] == [1] * (60 - begun)
