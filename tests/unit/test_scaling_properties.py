"""Whatever is observed: the bounds, the dwell, and that nothing shrinks on what was not seen."""

from dataclasses import dataclass, replace

from hypothesis import example, given, settings
from hypothesis import strategies as st

from osnovci.scaling.explain import sentence
from osnovci.scaling.model import Decision, Moment, Observation, Target, Why
from osnovci.scaling.policy import TUNED, decide
from osnovci.scaling.state import BLINK, State

unhurried = settings(deadline=None)


@st.composite
def targets(draw: st.DrawFn) -> Target:
    minimum = draw(st.integers(0, 5))
    maximum = draw(st.integers(max(minimum, 1), 45))
    wait, idle = draw(st.floats(0.1, 300)), draw(st.floats(0.1, 600))
    return Target(wait, minimum, maximum, draw(st.integers(1, 16)), idle)


TARGETS = targets()
OBSERVATIONS = st.builds(
    Observation,
    waiting=st.integers(0, 2000),
    active=st.integers(0, 200),
    arrivals=st.integers(0, 5000),
    completions=st.integers(0, 5000),
    oldest_wait=st.floats(0, 5000),
    ready=st.integers(0, 60),
    starting=st.lists(st.floats(0, 600), max_size=5).map(tuple),
    draining_active=st.integers(0, 200),
    startup=st.none() | st.floats(0, 30) | st.floats(0, 600),
    startup_mean=st.none() | st.floats(0, 600),
    due=st.integers(0, 100),
    due_within=st.floats(0, 60),
    withdrawn=st.integers(0, 5000),
)
"""Any figures at all: counters may run backwards, jobs vanish, workers outnumber those asked for."""

MOMENTS = st.lists(st.tuples(st.floats(0, 120), st.none() | OBSERVATIONS), min_size=1, max_size=40)
"""The seconds since the moment before, and what was seen."""


@dataclass(frozen=True)
class Step:
    at: float
    before: int
    seen: Observation | None
    decision: Decision


def run(
    target: Target, workers: int, moments: list[tuple[float, Observation | None]]
) -> list[Step]:
    """Decide at each moment; there always is what was asked for."""
    now, state, steps = 0.0, State(), list[Step]()
    for passed, seen in moments:
        now += passed
        decision, state = decide(Moment(now, workers, seen), target, state)
        steps.append(Step(now, workers, seen, decision))
        workers = decision.replicas
    return steps


@unhurried
@given(TARGETS, st.integers(0, 60), MOMENTS)
def test_the_count_stays_within_its_bounds(
    target: Target, workers: int, moments: list[tuple[float, Observation | None]]
) -> None:
    for step in run(target, workers, moments):
        assert target.minimum <= step.decision.replicas <= target.maximum


def nothing(ready: int) -> Observation:
    return Observation(0, 0, 5000, 5000, 0.0, ready=ready)


@unhurried
@given(TARGETS, MOMENTS)
@example(  # a blink while there was nothing to do
    Target(1, 0, 5, 2, idle=1),
    [
        (1, Observation(20, 0, 5000, 4980, 0.0, ready=0)),
        (1, nothing(5)),
        (0.9, None),
        (0.2, nothing(5)),
    ],
)
def test_a_decrease_keeps_its_distance_from_any_change(
    target: Target, moments: list[tuple[float, Observation | None]]
) -> None:
    """The stated bound: at most 1 + t / dwell decreases in any time t, and turns from up to down.

    But for those to the minimum when there was nothing to do for idle, as far as was seen: time
    without a reading of more than BLINK is none of it.
    """
    changed_at: float | None = None
    busy_at, blind_since = 0.0, None
    for step in run(target, target.minimum, moments):
        late = blind_since is not None and step.at - blind_since > BLINK
        if step.seen and (step.seen.jobs or late):
            busy_at = step.at
        blind_since = None if step.seen else (blind_since or step.at)
        if step.decision.replicas < step.before and changed_at is not None:
            idled = step.decision.replicas == target.minimum and step.at - busy_at >= target.idle
            assert idled or step.at - changed_at >= TUNED.dwell
        if step.decision.replicas != step.before:
            changed_at = step.at


@unhurried
@given(TARGETS, st.integers(0, 60), MOMENTS)
def test_nothing_shrinks_on_missing_data(
    target: Target, workers: int, moments: list[tuple[float, Observation | None]]
) -> None:
    for step in run(target, workers, moments):
        if step.seen is None:
            assert step.decision.why is Why.UNAVAILABLE
            assert step.decision.replicas >= min(step.before, target.maximum)


@unhurried
@given(TARGETS, st.integers(0, 60), MOMENTS, st.floats(6, 600))
def test_the_first_look_after_a_blackout_shrinks_nothing(
    target: Target,
    workers: int,
    moments: list[tuple[float, Observation | None]],
    blind: float,
) -> None:
    *_, last = run(target, workers, [*moments, (1, None), (blind, nothing(workers))])
    assert last.decision.replicas >= min(last.before, target.maximum)


@unhurried
@given(TARGETS, st.integers(1, 60), st.integers(2, 500))
def test_jobs_that_vanish_at_once_shrink_nothing(target: Target, workers: int, jobs: int) -> None:
    busy = Observation(jobs, 0, 0, 0, 1.0, ready=workers)
    empty = Observation(0, 0, 0, 0, 0.0, ready=workers)
    seconds = int(TUNED.implausible)
    steps = run(target, workers, [(1, busy), *[(1, empty)] * seconds])
    for step in steps[1:]:
        assert step.decision.why is Why.IMPLAUSIBLE
        assert step.decision.replicas >= min(step.before, target.maximum)


@unhurried
@given(TARGETS, st.integers(0, 60), MOMENTS)
def test_a_lost_state_costs_no_worker(
    target: Target, workers: int, moments: list[tuple[float, Observation | None]]
) -> None:
    first = run(target, workers, moments)[0]
    assert first.decision.replicas >= min(workers, target.maximum)


@unhurried
@given(TARGETS, st.integers(0, 60), MOMENTS)
def test_a_pool_without_jobs_comes_to_rest_at_its_minimum(
    target: Target, workers: int, moments: list[tuple[float, Observation | None]]
) -> None:
    quiet = [(10.0, replace(nothing(0), startup=5.0))] * 200
    *_, last = run(target, workers, [*moments, *quiet])
    assert last.decision.replicas == target.minimum


@unhurried
@given(TARGETS, st.integers(0, 60), MOMENTS)
def test_every_decision_is_one_sentence(
    target: Target, workers: int, moments: list[tuple[float, Observation | None]]
) -> None:
    for step in run(target, workers, moments):
        said = sentence(step.decision, target)
        assert said
        assert "\n" not in said


@unhurried
@given(TARGETS, st.integers(0, 60), MOMENTS, st.floats(0.001, 100_000), st.none() | OBSERVATIONS)
def test_a_clock_that_is_set_back_costs_no_worker(
    target: Target,
    workers: int,
    moments: list[tuple[float, Observation | None]],
    back: float,
    seen: Observation | None,
) -> None:
    *_, last = run(target, workers, [*moments, (-back, seen)])
    assert last.decision.replicas >= min(last.before, target.maximum)


def test_a_clock_that_is_set_back_is_not_waited_for() -> None:
    """What was learned is forgotten; else the count could not fall before the clock had caught up."""
    target = Target(60.0, 0, 100, 2)
    many = Observation(500, 0, 500, 0, 3.0, ready=0, startup=4.0)
    few = Observation(0, 1, 500, 499, 0.0, ready=1, startup=4.0)
    *_, last = run(target, 0, [(0, many), (-3600, few), *[(1, few)] * 60])
    assert last.decision.replicas == 1
