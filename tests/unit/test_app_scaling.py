"""The count of an app follows what its pods report: up at once, down after a while."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from apps import APP, app, beat, decided, deployed, reports, seen
from builders import AWAY, NOON
from hypothesis import given
from hypothesis import strategies as st

from osnovci_operator.app.decide import Decision, Reason, decide
from osnovci_operator.app.scaling import STABLE, Load, ScalingState, need
from osnovci_operator.app.seen import Seen
from osnovci_operator.app.spec import Scaling

SCALING = {"minReplicas": 2, "maxReplicas": 10, "targetInFlight": 20}
MODEL = Scaling.model_validate(SCALING)
SECOND = timedelta(seconds=1)


def names(pods: int) -> list[str]:
    return [f"homework-5d4f8c-{number}" for number in range(pods)]


def loaded(pods: int = 3, *, silent: int = 0, at: datetime = NOON, **figures: Any) -> Seen:
    """Give an app whose ready pods all report the same figures, but those that are silent."""
    running = names(pods)
    beats = [beat(pod=name, **figures) for name in running[silent:]]
    return seen(
        now=at,
        deployed=deployed(asked=pods),
        reports=reports(*beats),
        ready_pods=frozenset(running),
    )


@pytest.mark.parametrize("cpu", [0.4, 3, 5.2, 7])
def test_an_idle_app_says_the_same_again_and_again(cpu: float) -> None:
    message = decided(app(scaling=SCALING), loaded(cpu_percent=cpu, memory_percent=7)).message
    assert message.startswith("1 pod needed: CPU below 10 % on 3 pods, 70 % is right")


@pytest.mark.parametrize(
    ("given", "count", "reason", "words"),
    [
        pytest.param(
            loaded(in_flight=30),
            5,
            Reason.IN_FLIGHT,
            "5 pods needed: 90 requests in flight, 20 a pod",
            id="requests in flight",
        ),
        pytest.param(
            loaded(in_flight=10, cpu_percent=91),
            4,
            Reason.CPU,
            "4 pods needed: CPU at 90 % on 3 pods, 70 % is right",
            id="CPU",
        ),
        pytest.param(
            loaded(in_flight=10, cpu_percent=20, memory_percent=120),
            5,
            Reason.MEMORY,
            "5 pods needed: memory at 120 % on 3 pods, 80 % is right",
            id="memory",
        ),
        pytest.param(
            loaded(in_flight=10, cpu_percent=76),
            3,
            Reason.CPU,
            "3 pods needed: CPU at 75 % on 3 pods, 70 % is right",
            id="a tenth from the target is near enough",
        ),
        pytest.param(
            loaded(in_flight=100),
            10,
            Reason.IN_FLIGHT,
            "15 pods needed: 300 requests in flight, 20 a pod; maxReplicas is 10",
            id="more than may be",
        ),
        pytest.param(
            loaded(2, in_flight=1),
            2,
            Reason.IN_FLIGHT,
            "1 pod needed: 2 requests in flight, 20 a pod; minReplicas is 2",
            id="fewer than may be",
        ),
        pytest.param(
            loaded(in_flight=1),
            3,
            Reason.COOLING_DOWN,
            "1 pod needed: 3 requests in flight, 20 a pod; minReplicas is 2; 3 were within the last "
            "5m",
            id="fewer than run, and nothing is remembered",
        ),
        pytest.param(
            seen(deployed=deployed(asked=7), reports=AWAY),
            7,
            Reason.BACKEND_UNREADABLE,
            f"holding 7 pods, since the load is not known: {AWAY.message}",
            id="Redis is away",
        ),
        pytest.param(
            seen(deployed=deployed(asked=7)),
            7,
            Reason.NOT_REPORTED,
            "holding 7 pods, since the load is not known: no ready pod has reported; one does by "
            "`osnovci serve`",
            id="no pod reports",
        ),
        pytest.param(
            seen(reports=None),
            2,
            Reason.NOT_REPORTED,
            "holding 2 pods, since the load is not known: no ready pod has reported; one does by "
            "`osnovci serve`",
            id="there is nothing yet",
        ),
    ],
)
def test_the_count_and_why(given: Seen, count: int, reason: Reason, words: str) -> None:
    decision = decided(app(scaling=SCALING), given)
    assert (decision.replicas, decision.reason, decision.message) == (count, reason, words)


class Story:
    """An app that is looked at again and again, with a Deployment that follows at once."""

    def __init__(self) -> None:
        self.now, self.pods, self.state = NOON, 2, ScalingState()

    def see(self, after: timedelta = SECOND, **figures: Any) -> Decision:
        self.now += after
        looked = loaded(self.pods, at=self.now, **figures)
        decision, self.state = decide(APP, app(scaling=SCALING).spec, looked, self.state)
        self.pods = decision.replicas
        return decision


def test_a_peak_is_followed_at_once_and_left_after_five_minutes() -> None:
    story = Story()
    story.see()
    peak = [story.see(in_flight=60).replicas for _ in range(6)]
    assert peak[-1] == 10
    quiet = story.see(after=SECOND * 6, in_flight=0)
    assert (quiet.replicas, quiet.reason) == (10, Reason.COOLING_DOWN)
    assert quiet.recheck
    assert timedelta() < quiet.recheck < STABLE
    left = story.see(after=STABLE, in_flight=0)
    assert (left.replicas, left.reason) == (2, Reason.IN_FLIGHT)


def test_a_moment_is_no_peak() -> None:
    story = Story()
    for _ in range(5):
        story.see(in_flight=10)
    assert story.see(in_flight=30).replicas == 2


def test_no_pod_goes_while_one_is_silent() -> None:
    story = Story()
    story.pods = 6
    story.see(after=SECOND)
    assert story.see(after=STABLE * 2, silent=1, in_flight=0).replicas == 6
    assert story.see(after=STABLE * 2, in_flight=0).replicas == 2


@given(
    st.integers(1, 10),
    st.integers(0, 500),
    st.none() | st.floats(0, 400),
    st.none() | st.floats(0, 100),
    st.integers(0, 10),
)
def test_the_count_is_within_its_bounds_and_never_falls_at_once(
    pods: int, in_flight: int, cpu: float | None, memory: float | None, silent: int
) -> None:
    looked = loaded(
        pods,
        silent=min(silent, pods),
        in_flight=in_flight,
        cpu_percent=cpu,
        memory_percent=memory,
    )
    decision = decided(app(scaling=SCALING), looked)
    assert max(pods, 2) <= decision.replicas <= 10
    assert decision.message


@given(st.integers(1, 50), st.integers(0, 5000), st.floats(0, 400), st.integers(0, 1000))
def test_more_load_never_needs_fewer_pods(pods: int, in_flight: int, cpu: float, more: int) -> None:
    def needed(in_flight: int, cpu: float) -> int:
        return need(MODEL, (Load(NOON, in_flight, cpu, None, pods, 0),)).pods

    assert needed(in_flight, cpu) <= needed(in_flight + more, cpu + more)
