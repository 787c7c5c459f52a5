"""With mode Recommend the count that would be is told, and the pool keeps its own."""

import itertools
from datetime import timedelta

import pytest
from builders import AWAY, NOON, pool, reading, scaling, seen, spec, workers
from hypothesis import given
from hypothesis import strategies as st

from osnovci_operator.queuepool.decide import ScalingState, decide
from osnovci_operator.queuepool.decision import Bound, Decision, Reason
from osnovci_operator.queuepool.seen import PoolReading, Seen
from osnovci_operator.queuepool.spec import ScalingMode, Spec
from osnovci_operator.queuepool.status import status

BOUNDS = scaling(mode=ScalingMode.RECOMMEND)
RECOMMENDS = spec(scaling=BOUNDS)
FIGURES = ": a job takes 5.0s, a start 4s"


@pytest.mark.parametrize(
    ("own", "observed", "verdict", "message"),
    [
        pytest.param(
            RECOMMENDS,
            seen(workers=workers(asked=1, ready=0), reading=reading(waiting=20)),
            (1, 8, Reason.RECOMMENDING),
            "would run 8 workers: the jobs that wait or are due soon need 8 workers to start "
            "within 5s" + FIGURES + "; the count stays 1",
            id="the count that a Deployment has",
        ),
        pytest.param(
            spec(scaling=BOUNDS, replicas=3),
            seen(workers=workers(asked=1, ready=0), reading=reading(waiting=20)),
            (3, 8, Reason.RECOMMENDING),
            "would run 8 workers: the jobs that wait or are due soon need 8 workers to start "
            "within 5s" + FIGURES + "; replicas says 3",
            id="the count that kubectl scale or an HPA sets",
        ),
        pytest.param(
            spec(scaling=scaling(mode=ScalingMode.RECOMMEND, minimum=2)),
            seen(),
            (2, 2, Reason.RECOMMENDING),
            "would run 2 workers: no jobs: minReplicas 2; the count stays 2",
            id="a new pool begins with minReplicas",
        ),
        pytest.param(
            spec(scaling=BOUNDS, replicas=3),
            seen(workers=workers(asked=1), reading=AWAY),
            (3, 3, Reason.BACKEND_UNREADABLE),
            "holding 3, since the backlog is not known: "
            "Redis cannot be reached: connection refused",
            id="without a backlog nothing is recommended",
        ),
    ],
)
def test_what_would_be(
    own: Spec, observed: Seen, verdict: tuple[int, int, Reason], message: str
) -> None:
    decision, _ = decide(own, observed, ScalingState())
    assert (decision.replicas, decision.desired, decision.reason) == verdict
    assert (decision.message, decision.scales) == (message, False)


def test_the_status_has_what_would_be_and_ready_judges_what_is() -> None:
    observed = seen(workers=workers(asked=2), reading=reading(waiting=400))
    decision, _ = decide(RECOMMENDS, observed, ScalingState())
    written = status(pool(), {}, observed, decision, None)
    assert (written["replicas"], written["desiredReplicas"]) == (2, 20)
    ready = next(each for each in written["conditions"] if each["type"] == "Ready")
    assert (ready["reason"], ready["message"]) == ("WorkersReady", "2 of 2 workers ready")
    assert decision.bound is Bound.TOO_MANY


READINGS = st.one_of(
    st.just(AWAY),
    st.builds(reading, waiting=st.integers(0, 60), active=st.integers(0, 20)),
)
Moments = list[tuple[int, PoolReading]]


def run(given: Spec, asked: int, moments: Moments, state: ScalingState) -> list[Decision]:
    """Decide at each moment of a pool whose Deployment stays as it is."""
    ages = itertools.accumulate(seconds for seconds, _ in moments)
    found: list[Decision] = []
    for age, (_, read) in zip(ages, moments, strict=True):
        now = NOON + timedelta(seconds=age)
        decision, state = decide(
            given, seen(now=now, workers=workers(asked=asked), reading=read), state
        )
        found.append(decision)
    return found


@given(
    st.integers(0, 10),
    st.lists(st.tuples(st.integers(0, 90), READINGS), min_size=1, max_size=30),
)
def test_whatever_happens_the_count_stays(asked: int, moments: Moments) -> None:
    for decision in run(RECOMMENDS, asked, moments, ScalingState()):
        assert decision.replicas == asked
        assert 0 <= decision.desired <= 20 or decision.reason is Reason.BACKEND_UNREADABLE


def test_what_is_recommended_holds_and_falls_as_a_count_that_is_applied() -> None:
    """It does not turn back to the pool's own count from one look to the next."""
    backlog = [(0, reading(waiting=20)), *[(1, reading(waiting=20))] * 5]
    quiet = [(1, reading(departed=20))] * 200
    told = [each.desired for each in run(RECOMMENDS, 2, [*backlog, *quiet], ScalingState())]
    changes = [number for number, _ in itertools.groupby(told)]
    assert changes[-1] == 0
    peak = changes.index(max(changes))
    assert changes[: peak + 1] == sorted(changes[: peak + 1])
    assert changes[peak:] == sorted(changes[peak:], reverse=True)


def test_a_pool_that_begins_to_follow_follows_on_the_count_it_has() -> None:
    observed = seen(workers=workers(asked=9), reading=reading(waiting=1))
    _, state = decide(RECOMMENDS, observed, ScalingState())
    follows = spec(scaling=scaling())
    decision, state = decide(follows, observed, state)
    assert (decision.replicas, decision.reason) == (9, Reason.COOLING_DOWN)
    assert state.recommended is None
