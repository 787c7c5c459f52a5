"""What floors do to a pool's count and to what is said of it."""

from datetime import UTC, datetime, timedelta

import pytest
from builders import floor, reading, scaling, seen, spec, workers

from osnovci_operator.pod_life import Pods
from osnovci_operator.queuepool.decide import ScalingState, decide
from osnovci_operator.queuepool.decision import Bound, Reason
from osnovci_operator.queuepool.seen import Seen
from osnovci_operator.queuepool.spec import ScalingMode, Spec


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


BEGUN = utc("2026-03-02T12:00:00")
FLOORED = spec(scaling=scaling(floors=(floor(),)))


@pytest.mark.parametrize(
    ("own", "observed", "verdict", "message"),
    [
        pytest.param(
            FLOORED,
            seen(now=BEGUN),
            (4, Reason.FLOOR, Bound.TOO_FEW),
            "minReplicas is 4 until 18:00 Europe/Belgrade by floor office; no jobs",
            id="without jobs",
        ),
        pytest.param(
            FLOORED,
            seen(now=BEGUN, reading=reading(waiting=1)),
            (4, Reason.FLOOR, Bound.TOO_FEW),
            "minReplicas is 4 until 18:00 Europe/Belgrade by floor office; the jobs need 1 worker",
            id="with fewer jobs than it is for",
        ),
        pytest.param(
            FLOORED,
            seen(now=BEGUN, workers=workers(asked=0), reading=reading(waiting=20)),
            (8, Reason.BACKLOG, None),
            "the jobs that wait or are due soon need 8 workers to start within 5s: "
            "a job takes 5.0s, a start 4s",
            id="more jobs bring more workers",
        ),
        pytest.param(
            FLOORED,
            seen(now=utc("2026-03-02T05:59:20"), pods=Pods(ready=0, startup=timedelta(seconds=40))),
            (4, Reason.FLOOR, Bound.TOO_FEW),
            "minReplicas is 4 from 07:00 until 18:00 Europe/Belgrade by floor office; no jobs",
            id="ahead by the measured start of a worker",
        ),
        pytest.param(
            spec(scaling=scaling(floors=(floor(),), mode=ScalingMode.RECOMMEND)),
            seen(now=BEGUN, workers=workers(asked=1)),
            (1, Reason.RECOMMENDING, Bound.TOO_FEW),
            "would run 4 workers: minReplicas is 4 until 18:00 Europe/Belgrade by floor office; "
            "no jobs; the count stays 1",
            id="only recommended",
        ),
        pytest.param(
            spec(scaling=scaling(floors=(floor(time_zone="Mars"),))),
            seen(now=BEGUN),
            (0, Reason.IDLE, None),
            "no jobs: minReplicas 0; floor office is left out: timeZone: there is no 'Mars'; "
            "name one as Europe/Belgrade or UTC",
            id="one that cannot be read is said",
        ),
    ],
)
def test_the_count_under_a_floor(
    own: Spec, observed: Seen, verdict: tuple[int, Reason, Bound | None], message: str
) -> None:
    decision, _ = decide(own, observed, ScalingState())
    assert (decision.replicas, decision.reason, decision.bound) == verdict
    assert decision.message == message


def test_the_workers_of_a_floor_go_when_it_ends() -> None:
    state, asked, now = ScalingState(), 0, utc("2026-03-02T16:50:00")
    counts: dict[str, int] = {}
    for _ in range(40):
        decision, state = decide(FLOORED, seen(now=now, workers=workers(asked=asked)), state)
        counts[f"{now:%H:%M:%S}"] = asked = decision.replicas
        now += timedelta(seconds=30)
    assert (counts["16:59:30"], counts["17:00:00"]) == (4, 0)
