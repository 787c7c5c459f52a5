"""Where a cold start fits easily, half a worker may lack; unseen, and where it does not, none may."""

from dataclasses import replace

from osnovci.scaling.model import Decision, Moment, Observation, Target, Why
from osnovci.scaling.plan import Plan
from osnovci.scaling.policy import TUNED, decide
from osnovci.scaling.staffing import for_rate
from osnovci.scaling.state import State

ROOMY = Target(wait=20, minimum=0, maximum=20, slots=2)
TIGHT = replace(ROOMY, wait=7)


def plan(target: Target, startup: float = 4.0) -> Plan:
    return Plan(1.5, 3.0, 3.0, startup, target, TUNED)


def test_half_a_worker_may_lack_where_there_is_room() -> None:
    assert for_rate(4.5, plan(ROOMY), headroom=True) == 2
    assert for_rate(5.5, plan(ROOMY), headroom=True) == 3
    assert for_rate(4.5, plan(TIGHT), headroom=True) == 3


def test_there_is_always_a_worker_for_a_rate() -> None:
    assert for_rate(0.2, plan(ROOMY), headroom=True) == 1


def test_a_need_is_held_in_proportion_to_what_the_target_lacks_of_a_start() -> None:
    holds = [plan(replace(ROOMY, wait=wait), 12.0).hold for wait in (60, 20, 14, 11, 5)]
    assert holds == sorted(holds)
    assert holds[0] == TUNED.hold_roomy
    assert holds[1] == TUNED.hold_warm
    assert TUNED.hold_warm < holds[2] < holds[3] < holds[4] == TUNED.hold_cold


def steady(readings: int) -> tuple[Decision, State, int]:
    """1.5 jobs a second of 3 s, two workers of two slots, for so many seconds; 4.5 run on average."""
    state, workers = State(), 2
    decision = None
    for second in range(readings):
        arrived = second * 3 // 2
        seen = Observation(
            2, 4 + second % 2, arrived + 6 + second % 2, arrived, 1.0, ready=workers, startup=4.0
        )
        decision, state = decide(Moment(float(second), workers, seen), ROOMY, state)
        workers = decision.replicas
    assert decision
    return decision, state, workers


def test_two_workers_are_enough_while_the_queue_is_seen() -> None:
    decision, _, workers = steady(600)
    assert decision.needs
    assert 4 < decision.needs.offered <= 5
    assert workers == 2


def test_what_lacks_is_added_when_nothing_is_seen_for_a_while_and_only_then() -> None:
    _, state, workers = steady(600)
    counts: list[int] = []
    for second in range(600, 630):
        decision, state = decide(Moment(float(second), workers, None), ROOMY, state)
        assert decision.why is Why.UNAVAILABLE
        workers = decision.replicas
        counts.append(workers)
    assert counts[:5] == [2] * 5
    assert counts[-1] == 3
    assert counts == sorted(counts)


def test_a_rate_is_over_soon_after_the_last_job() -> None:
    target = replace(ROOMY, idle=300)
    _, state, workers = steady(600)
    ended = Observation(0, 0, 905, 905, 0.0, ready=workers, startup=4.0)
    left = None
    for second in range(600, 700):
        decision, state = decide(Moment(float(second), workers, ended), target, state)
        workers = decision.replicas
        if not workers and left is None:
            left = second - 600
    assert left is not None
    assert left < 60
