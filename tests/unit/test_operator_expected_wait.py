"""The wait that a job would have now, as the status tells it."""

from typing import Any

import pytest
from builders import AWAY, pool, reading, scaling, seen, spec, workers

from osnovci_operator.queuepool.decide import ScalingState, decide
from osnovci_operator.queuepool.seen import Seen
from osnovci_operator.queuepool.spec import ScalingMode, Spec
from osnovci_operator.queuepool.status import status

FOLLOWS = spec(scaling=scaling())


def report(
    observed: Seen, *, given: Spec = FOLLOWS, before: dict[str, Any] | None = None
) -> dict[str, Any]:
    decision, _ = decide(given, observed, ScalingState())
    return status(pool(), before or {}, observed, decision, None)


@pytest.mark.parametrize(
    ("given", "observed", "expected"),
    [
        pytest.param(FOLLOWS, seen(workers=workers(asked=1)), "0s", id="a free worker"),
        pytest.param(FOLLOWS, seen(workers=workers(asked=0)), "5s", id="a start of 4 s, rounded"),
        pytest.param(
            spec(scaling=scaling(maximum=1)),
            seen(workers=workers(asked=1), reading=reading(waiting=400, active=2)),
            "10m",
            id="a long backlog",
        ),
        pytest.param(
            spec(scaling=scaling(mode=ScalingMode.RECOMMEND)),
            seen(workers=workers(asked=0), reading=reading(waiting=1)),
            None,
            id="nobody comes where the count is only told",
        ),
        pytest.param(spec(replicas=1), seen(workers=workers(asked=1)), None, id="a fixed count"),
    ],
)
def test_the_expected_wait(given: Spec, observed: Seen, expected: str | None) -> None:
    assert report(observed, given=given).get("expectedWait") == expected


def test_the_expected_wait_is_kept_while_redis_is_away() -> None:
    before = report(seen(workers=workers(asked=1)))
    assert report(seen(workers=workers(asked=1), reading=AWAY), before=before)["expectedWait"]


def test_an_expected_wait_of_days_is_told_as_the_longest() -> None:
    backlog = reading(waiting=1_000_000, active=2)
    given = spec(scaling=scaling(maximum=1))
    observed = seen(workers=workers(asked=1), reading=backlog)
    assert report(observed, given=given)["expectedWait"] == "30h"
