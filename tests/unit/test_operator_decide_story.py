"""How a pool's count goes on over time: idle, dwell, outages, jobs that vanish, bursts that repeat."""

from collections.abc import Callable, Sequence
from datetime import timedelta

import pytest
from builders import AWAY, NO_JOBS, NOON, reading, scaling, seen, spec, workers

from osnovci_operator.backend import Unreadable
from osnovci_operator.pod_life import Pods
from osnovci_operator.queuepool.decide import Decision, Reason, ScalingState, decide
from osnovci_operator.queuepool.seen import PoolReading
from osnovci_operator.queuepool.spec import ScalingMode, Spec

FOLLOWS = spec(scaling=scaling())
SECOND = timedelta(seconds=1)

Story = Sequence[tuple[int, PoolReading | Unreadable]]
"""From which second on what is read."""


def follow(
    given: Spec, story: Story, seconds: int, *, asked: int = 0, startup: int = 4
) -> dict[int, Decision]:
    """Decide each second while the pool does as it is told; workers are ready at once."""
    state, history = ScalingState(), dict[int, Decision]()
    for second in range(seconds):
        read = [each for since, each in story if since <= second][-1]
        observed = seen(
            now=NOON + second * SECOND,
            workers=workers(asked=asked),
            reading=read,
            pods=Pods(ready=asked, startup=startup * SECOND),
        )
        decision, state = decide(given, observed, state)
        history[second], asked = decision, decision.replicas
    return history


def first(history: dict[int, Decision], holds: Callable[[Decision], bool]) -> int:
    return next(second for second, decision in history.items() if holds(decision))


WORK = [
    (0, reading(waiting=20)),
    (5, reading(active=6, departed=14)),
    (20, reading(departed=20)),
]
"""Twenty jobs, done after twenty seconds."""


@pytest.mark.parametrize("idle", [15, 60, 600])
def test_a_pool_is_at_its_minimum_when_there_was_nothing_to_do_for_idle(idle: int) -> None:
    """Whatever else would hold a worker; a start that fits targetWait may let it go sooner."""
    given = spec(scaling=scaling(minimum=1, idle=idle * SECOND))
    history = follow(given, WORK, 21 + idle)
    assert history[0].replicas == 8
    assert history[19].replicas >= 3
    last = history[20 + idle]
    assert (last.replicas, last.reason) == (1, Reason.IDLE)
    none = follow(spec(scaling=scaling(idle=idle * SECOND)), WORK, 22 + idle)
    assert first(none, lambda each: each.replicas == 0) == 20 + idle
    assert none[21 + idle].recheck is None


def test_where_a_start_fits_the_target_nobody_waits_for_idle() -> None:
    generous = scaling(target_wait=60 * SECOND, idle=600 * SECOND)
    history = follow(spec(scaling=generous), WORK, 100)
    assert history[99].replicas == 0


def test_a_count_is_not_lowered_soon_after_it_changed() -> None:
    history = follow(FOLLOWS, WORK, 16)
    assert [history[second].replicas for second in (0, 14, 15)] == [8, 8, 3]
    assert history[14].reason is Reason.COOLING_DOWN


def test_after_an_outage_idle_begins_anew() -> None:
    """Unobserved time is no time without need, however long it was."""
    story: Story = [*WORK, (30, AWAY), (300, reading(departed=20))]
    history = follow(FOLLOWS, story, 361)
    assert {history[second].reason for second in range(30, 300)} == {Reason.BACKEND_UNREADABLE}
    held = history[299].replicas
    assert held > 0
    assert [history[second].replicas for second in (300, 314, 359, 360)] == [held, held, 1, 0]


def test_what_was_learned_outlives_an_outage() -> None:
    """Jobs of twenty seconds: after the outage nobody takes them for short ones again."""
    long: Story = [(10 * number, reading(active=8, departed=4 * number)) for number in range(12)]
    story: Story = [*long, (120, AWAY), (130, reading(active=8, waiting=10, departed=50))]
    assert "a job takes 25s" in follow(FOLLOWS, story, 131, asked=4)[130].message


STEADY: Story = [
    (second, reading(active=4 + second % 2, departed=second * 3 // 2)) for second in range(300)
]
"""A load of two and a quarter workers, for which two do where a start fits easily."""


def test_a_worker_that_may_lack_is_added_when_redis_cannot_be_read_for_a_while() -> None:
    given = spec(scaling=scaling(target_wait=60 * SECOND))
    history = follow(given, [*STEADY, (300, AWAY)], 310, asked=2)
    assert [history[second].replicas for second in range(298, 308)] == [2] * 8 + [3] * 2
    assert {history[second].recheck for second in range(300, 306)} == {SECOND}
    assert {history[second].reason for second in range(300, 310)} == {Reason.BACKEND_UNREADABLE}
    assert history[306].message == (
        "holding 2 and adding 1 for the load seen last, since the backlog is not known: "
        + AWAY.message
    )
    assert (history[309].replicas, history[309].recheck) == (3, None)
    held = [history[second].only_holds(history[second - 1].replicas) for second in range(300, 310)]
    assert held == [True] * 6 + [False] + [True] * 3


def test_what_is_only_recommended_adds_nobody_when_redis_cannot_be_read() -> None:
    recommends = scaling(target_wait=60 * SECOND, mode=ScalingMode.RECOMMEND)
    history = follow(spec(scaling=recommends), [*STEADY, (300, AWAY)], 320, asked=2)
    assert {decision.replicas for decision in history.values()} == {2}


def test_jobs_that_vanish_are_not_believed_at_first() -> None:
    history = follow(FOLLOWS, [(0, reading(waiting=20)), (5, NO_JOBS)], 130)
    for second in (5, 60, 124):
        assert (history[second].replicas, history[second].reason) == (8, Reason.JOBS_VANISHED)
    assert history[5].message == "holding 8, since 20 jobs vanished that nobody saw end"
    assert not history[5].scales
    assert history[125].reason is Reason.COOLING_DOWN


def test_jobs_that_come_back_were_never_gone() -> None:
    there = reading(waiting=20)
    history = follow(FOLLOWS, [(0, there), (5, NO_JOBS), (8, there)], 10)
    assert (history[7].reason, history[8].reason) == (Reason.JOBS_VANISHED, Reason.BACKLOG)


def bursts(number: int) -> Story:
    """Sixty jobs every five minutes, each time done after half a minute."""
    return [
        each
        for at, done in ((10 + 300 * count, 60 * count) for count in range(number))
        for each in (
            (at, reading(waiting=60, departed=done)),
            (at + 10, reading(active=60, departed=done)),
            (at + 30, reading(departed=done + 60)),
        )
    ]


def test_a_burst_that_repeats_finds_its_workers() -> None:
    """Each five minutes; idle is over long before, and what was learned counts all the same."""
    given = spec(scaling=scaling(target_wait=30 * SECOND, maximum=50))
    history = follow(given, [(0, NO_JOBS), *bursts(4)], 940, startup=35)
    asked_at = first(history, lambda each: each.reason is Reason.BURST_EXPECTED)
    assert asked_at == 310 + 300 - 35 - 3
    expected = history[asked_at].replicas
    assert [history[second].replicas for second in range(asked_at, 610)] == [expected] * 38
    assert expected > 1
    before = history[asked_at - 1]
    assert before.replicas == 0
    assert before.recheck is not None


def test_a_burst_that_surely_repeats_keeps_nobody_until_then() -> None:
    """Where a start is slow, workers are kept for minutes; after three bursts it is known when."""
    story = [(0, NO_JOBS), *bursts(4)]
    given = spec(scaling=scaling(target_wait=30 * SECOND, maximum=50, idle=600 * SECOND))
    history = follow(given, story, 940, startup=35)
    assert history[310 + 200].replicas > 2 * history[610 + 200].replicas
    assert history[909].replicas == history[910].replicas > 1


def test_a_pool_at_rest_is_looked_at_again_when_a_burst_is_due() -> None:
    given = spec(scaling=scaling(target_wait=30 * SECOND, maximum=50))
    history = follow(given, [(0, NO_JOBS), *bursts(2)], 450, startup=35)
    assert history[449].replicas == 0
    assert history[449].recheck == (610 - 35 - 3 - 449) * SECOND


def test_a_long_job_seldom_changes_what_is_told() -> None:
    """Each other sentence is a status to write."""
    history = follow(FOLLOWS, [(0, reading(waiting=1)), (5, reading(active=1))], 600)
    assert len({history[second].message for second in range(60, 600)}) <= 20
    assert {history[second].reason for second in range(10, 600)} == {Reason.JOBS_RUNNING}


def test_a_job_that_waits_too_long_is_said_though_workers_are_ready() -> None:
    late = reading(waiting=4, active=2, oldest_wait=12 * SECOND)
    history = follow(FOLLOWS, [(0, reading(active=2)), (5, late)], 6, asked=1, startup=9)
    assert history[5].message.endswith(
        "; the target cannot be met: a job has waited longer than targetWait 5s"
    )
