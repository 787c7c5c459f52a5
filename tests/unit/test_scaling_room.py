"""Where a cold start fits easily, half a worker may lack; unseen, and where it does not, none may."""

import math
from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from osnovci.scaling.backlog import for_backlog
from osnovci.scaling.explain import sentence
from osnovci.scaling.model import Decision, Moment, Observation, Target, Why
from osnovci.scaling.plan import Plan
from osnovci.scaling.policy import AGAIN, TUNED, decide
from osnovci.scaling.staffing import for_rate
from osnovci.scaling.state import BLINK, State

ROOMY = Target(wait=20, minimum=0, maximum=20, slots=2)
TIGHT = replace(ROOMY, wait=7)


def plan(target: Target, startup: float = 4.0, *, measured: bool = True) -> Plan:
    return Plan(1.5, 3.0, 3.0, startup, startup, measured, target, TUNED)


def test_half_a_worker_may_lack_where_there_is_room() -> None:
    assert for_rate(4.5, plan(ROOMY), headroom=True) == 2
    assert for_rate(5.5, plan(ROOMY), headroom=True) == 3
    assert for_rate(4.5, plan(TIGHT), headroom=True) == 3


def test_before_a_start_was_measured_nobody_knows_of_room() -> None:
    assert for_rate(4.5, plan(ROOMY, measured=False), headroom=True) == 3
    assumed = replace(ROOMY, wait=60)
    _, _, workers = steady(600, target=assumed, startup=None)
    assert workers == 3
    _, _, workers = steady(600, target=assumed, startup=TUNED.startup_prior)
    assert workers == 2


def test_there_is_always_a_worker_for_a_rate() -> None:
    assert for_rate(0.2, plan(ROOMY), headroom=True) == 1


def test_a_need_is_held_in_proportion_to_what_the_target_lacks_of_a_start() -> None:
    holds = [plan(replace(ROOMY, wait=wait), 12.0).hold for wait in (60, 20, 13, 11, 5)]
    assert holds == sorted(holds)
    assert holds[0] == TUNED.hold_roomy
    assert holds[1] == TUNED.hold_warm
    assert TUNED.hold_warm < holds[2] < holds[3] < holds[4] == TUNED.hold_cold


def test_one_slow_start_does_not_make_a_target_too_short() -> None:
    tight = replace(ROOMY, wait=15)
    usual = replace(plan(tight, 12.0), startup=14.0)
    assert usual.cold_fits
    assert not usual.roomy
    assert usual.hold == TUNED.hold_warm
    assert usual.wait == 14.0
    assert not replace(usual, startup_mean=14.0).cold_fits


def test_without_room_a_few_slots_with_long_jobs_are_not_reckoned_to_end_in_time() -> None:
    """One job waits, eight slots of four workers are busy, 1.6 of them come free in time on average."""
    waits = Observation(1, 8, 9, 0, 0.0, ready=4)
    for target, planned, wanted in ((TIGHT, 6.0, 5), (ROOMY, 14.0, 3)):
        reckoned = plan(target)
        assert reckoned.wait == planned
        reckoned = replace(reckoned, service=5 * planned, service_lately=5 * planned)
        assert for_backlog(waits, ((0.0, 1),), 0.0, reckoned) == wanted


def steady(
    readings: int, target: Target = ROOMY, startup: float | None = 4.0
) -> tuple[Decision, State, int]:
    """1.5 jobs a second of 3 s, two workers of two slots, for so many seconds; 4.5 run on average."""
    state, workers = State(), 2
    decision = None
    for second in range(readings):
        arrived = second * 3 // 2
        seen = Observation(
            2,
            4 + second % 2,
            arrived + 6 + second % 2,
            arrived,
            1.0,
            ready=workers,
            startup=startup,
        )
        decision, state = decide(Moment(float(second), workers, seen), target, state)
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
        assert decision.recheck == (AGAIN if second <= 605 else None)
        said = "holding 2 and adding 1 for the load seen last" if decision.added else "holding"
        assert sentence(decision, ROOMY).startswith(said)
        workers = decision.replicas
        counts.append(workers)
    assert counts[:5] == [2] * 5
    assert counts[-1] == 3
    assert counts == sorted(counts)


def test_why_fewer_slots_will_do_than_will_be_busy_is_said() -> None:
    decision, _, _ = steady(600)
    assert decision.needs
    said = sentence(replace(decision, why=Why.RATE), ROOMY)
    assert "slots will be busy and one more worker is in time when a queue forms: a job" in said
    enough = replace(decision.needs, offered=4.0)
    assert "busy: a job" in sentence(Decision(2, Why.RATE, enough), ROOMY)


def test_a_pool_at_rest_gets_nobody_when_nothing_is_seen() -> None:
    decision, state, workers = steady(600)
    ended = Observation(0, 0, 905, 905, 0.0, ready=workers, startup=4.0)
    second = 600
    while decision.recheck:
        decision, state = decide(Moment(float(second), workers, ended), ROOMY, state)
        workers, second = decision.replicas, second + 1
    assert workers == 0
    assert decision.needs
    assert decision.needs.offered > 0
    for later in range(second + 3600, second + 3630):
        decision, state = decide(Moment(float(later), workers, None), ROOMY, state)
        workers = decision.replicas
    assert workers == 0


@settings(deadline=None)
@given(
    st.integers(1, 8),
    st.floats(1, 300),
    st.none() | st.floats(0, 300),
    st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=1, max_size=60),
)
def test_unseen_the_count_grows_to_what_carried_the_load_and_by_one_at_most(
    slots: int, wait: float, startup: float | None, seconds: list[tuple[int, bool]]
) -> None:
    """Jobs of one second that come and go: whatever is seen of them, and whenever."""
    target = Target(wait, 0, 50, slots)
    state, workers, arrived, carries, unseen_for = State(), 0, 0, 0, 0
    for second, (jobs, is_seen) in enumerate(seconds):
        arrived += jobs
        seen = Observation(0, jobs, arrived, arrived - jobs, 0.0, ready=workers, startup=startup)
        moment = Moment(float(second), workers, seen if is_seen else None)
        decision, state = decide(moment, target, state)
        if decision.needs:
            carries, unseen_for = math.ceil(decision.needs.offered / slots), 0
        else:
            unseen_for += 1
            assert workers <= decision.replicas <= max(workers, carries)
            assert decision.replicas <= workers + 1
            assert decision.replicas == workers or unseen_for > BLINK
            roomy = startup is not None and plan(target, startup).roomy
            assert decision.replicas == workers or roomy
        workers = decision.replicas


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
