"""What holds of the worker count over any sequence of observations."""

import itertools
from datetime import timedelta

from builders import AWAY, NOON, reading, scaling, seen, spec, workers
from hypothesis import example, given, settings
from hypothesis import strategies as st

from osnovci.scaling.policy import TUNED
from osnovci.scaling.state import BLINK
from osnovci_operator.backend import Unreadable
from osnovci_operator.queuepool.decide import Decision, ScalingState, decide
from osnovci_operator.queuepool.seen import PoolReading, Seen
from osnovci_operator.queuepool.spec import Spec

Moments = list[tuple[int, PoolReading | Unreadable]]

unhurried = settings(deadline=None)
"""How long an example takes says more of the machine than of the code."""

READINGS = st.one_of(
    st.just(AWAY),
    st.builds(
        reading,
        waiting=st.integers(0, 60),
        active=st.integers(0, 20),
        due=st.integers(0, 10),
        departed=st.integers(0, 100),
    ),
)
DWELL = timedelta(seconds=TUNED.dwell)
DOUBT = TUNED.implausible
MOMENTS = st.lists(st.tuples(st.integers(0, 90), READINGS), min_size=1, max_size=30)
"""The seconds since the moment before, and what Redis says."""


@st.composite
def scaled(draw: st.DrawFn) -> Spec:
    minimum = draw(st.integers(0, 5))
    bounds = scaling(
        minimum=minimum,
        maximum=draw(st.integers(max(minimum, 1), 20)),
        idle=timedelta(seconds=draw(st.integers(1, 120))),
        target_wait=timedelta(seconds=draw(st.sampled_from((5, 60)))),
    )
    return spec(scaling=bounds, concurrency=draw(st.integers(1, 8)))


def run(pool: Spec, moments: Moments) -> list[tuple[Seen, Decision]]:
    """Decide at each moment; the Deployment is always what was decided before."""
    now, state, asked = NOON, ScalingState(), 0
    history: list[tuple[Seen, Decision]] = []
    for seconds, read in moments:
        now += timedelta(seconds=seconds)
        existing = workers(asked=asked) if history else None
        observed = seen(now=now, workers=existing, reading=read)
        decision, state = decide(pool, observed, state)
        asked = decision.replicas
        history.append((observed, decision))
    return history


@unhurried
@given(scaled(), MOMENTS)
def test_the_count_stays_within_its_bounds(pool: Spec, moments: Moments) -> None:
    bounds = pool.scaling
    assert bounds
    for _, decision in run(pool, moments):
        assert bounds.min_replicas <= decision.replicas <= bounds.max_replicas


@unhurried
@given(scaled(), MOMENTS)
def test_an_unreadable_moment_removes_nobody_and_a_short_one_adds_nobody(
    pool: Spec, moments: Moments
) -> None:
    """What may lack, where a start fits easily, is added when nothing was seen for a while."""
    assert pool.scaling
    roomy, read_at = pool.scaling.target_wait > timedelta(seconds=5), NOON
    for observed, decision in run(pool, moments):
        if observed.reading is not AWAY:
            read_at = observed.now
        elif observed.workers:
            assert decision.replicas >= observed.workers.asked
            if not roomy or observed.now - read_at <= timedelta(seconds=BLINK):
                assert decision.replicas == observed.workers.asked


@unhurried
@given(scaled(), MOMENTS)
@example(  # a blink while there was nothing to do
    spec(scaling=scaling(idle=timedelta(seconds=2))),
    [(0, reading(waiting=20)), (1, reading(departed=20)), (1, AWAY), (1, reading(departed=20))],
)
def test_a_decrease_keeps_its_distance_or_follows_an_idle(pool: Spec, moments: Moments) -> None:
    """The bound on flapping: within the dwell of a change only an idle that is over lowers it.

    Time without a reading of more than BLINK is none of it.
    """
    assert pool.scaling
    asked, changed_at, busy_at, blind_since = 0, NOON, NOON, None
    for observed, decision in run(pool, moments):
        late = blind_since and observed.now - blind_since > timedelta(seconds=BLINK)
        if isinstance(observed.reading, PoolReading):
            if late or present(observed.reading):
                busy_at = observed.now
            blind_since = None
        else:
            blind_since = blind_since or observed.now
        if decision.replicas < asked and observed.now - changed_at < DWELL:
            assert decision.replicas == pool.scaling.min_replicas
            assert observed.now - busy_at >= pool.scaling.idle
        if decision.replicas != asked:
            changed_at = observed.now
        asked = decision.replicas


@unhurried
@given(scaled(), MOMENTS)
def test_a_recheck_lies_ahead(pool: Spec, moments: Moments) -> None:
    """Jobs that wait or run, and workers above the minimum, are looked at each second."""
    assert pool.scaling
    for observed, decision in run(pool, moments):
        assert decision.recheck is None or decision.recheck > timedelta()
        if decision.scales and decision.replicas > pool.scaling.min_replicas:
            assert decision.recheck == timedelta(seconds=1)
        if observed.reading is AWAY and decision.recheck:
            assert decision.recheck == timedelta(seconds=1)


@unhurried
@given(scaled(), MOMENTS)
def test_a_pool_without_jobs_comes_to_rest_at_its_minimum(pool: Spec, moments: Moments) -> None:
    """Whatever happened: an idle after the last doubt is over, at minReplicas, and left alone.

    But not before a burst that seemed to repeat has failed to come.
    """
    bounds = pool.scaling
    assert bounds
    lasted = sum(seconds for seconds, _ in moments)
    seconds = lasted + DOUBT + bounds.idle.total_seconds() + 30
    quiet: Moments = [(10, reading(departed=100))] * int(seconds / 10)
    _, last = run(pool, [*moments, *quiet])[-1]
    assert (last.replicas, last.recheck) == (bounds.min_replicas, None)


@unhurried
@given(scaled(), MOMENTS, st.integers(0, 20))
def test_a_restarted_operator_keeps_what_runs_for_a_while(
    pool: Spec, moments: Moments, asked: int
) -> None:
    bounds = pool.scaling
    assert bounds
    ages = itertools.accumulate(seconds for seconds, _ in moments[1:])
    state, before = ScalingState(), asked
    for age, (_, read) in zip([0, *ages], moments, strict=True):
        elapsed = timedelta(seconds=age)
        if elapsed >= min(DWELL, bounds.idle) or not isinstance(read, PoolReading):
            break
        observed = seen(now=NOON + elapsed, workers=workers(asked=before), reading=read)
        decision, state = decide(pool, observed, state)
        assert decision.replicas >= min(asked, bounds.max_replicas)
        before = decision.replicas


def present(read: PoolReading) -> int:
    return sum(queue.waiting + queue.active + queue.due for queue in read.queues)
