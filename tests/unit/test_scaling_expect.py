"""What a job that arrives now would wait: known cases, and what holds of any."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osnovci.scaling.expect import expected_wait
from osnovci.scaling.model import Needs, Observation

NEEDS = Needs(
    rate=0,
    busy=0,
    backlog=0,
    schedule=0,
    arrivals=0,
    offered=0,
    service=2.0,
    service_lately=2.0,
    startup=4.0,
)
SLOTS = 2


def seen(
    waiting: int = 0, active: int = 0, ready: int = 0, starting: tuple[float, ...] = ()
) -> Observation:
    return Observation(
        waiting=waiting,
        active=active,
        arrivals=0,
        completions=0,
        oldest_wait=0,
        ready=ready,
        starting=starting,
    )


@pytest.mark.parametrize(
    ("observed", "workers", "wait"),
    [
        pytest.param(seen(ready=1), 1, 0.0, id="a free slot"),
        pytest.param(seen(ready=1, active=1), 1, 0.0, id="one of two slots is free"),
        pytest.param(seen(waiting=1, ready=1), 1, 0.0, id="two slots, one job before it"),
        pytest.param(seen(ready=1, active=2), 1, 1.0, id="two slots of 2s end one job a second"),
        pytest.param(seen(waiting=5, ready=1, active=2), 1, 6.0, id="five jobs before it"),
        pytest.param(seen(waiting=5, ready=3, active=6), 3, 2.0, id="three workers are faster"),
        pytest.param(
            seen(waiting=10**13, ready=1), 1, 99_999 * 3600, id="no longer than can be written"
        ),
        pytest.param(seen(waiting=2, active=2), 0, None, id="no worker, and none comes"),
        pytest.param(seen(), 1, 4.0, id="a worker is asked for"),
        pytest.param(seen(starting=(3.0,)), 1, 1.0, id="a worker has nearly started"),
        pytest.param(seen(starting=(60.0,)), 1, 1.0, id="one that should be there takes a second"),
        pytest.param(seen(waiting=3, starting=(0.0,)), 1, 6.0, id="its slots, and then its rate"),
        pytest.param(
            seen(waiting=7, ready=1, active=2, starting=(0.0,)),
            2,
            5.0,
            id="four by the one there, two by the slots of the one that comes, two by both",
        ),
    ],
)
def test_the_wait(observed: Observation, workers: int, wait: float | None) -> None:
    assert expected_wait(observed, NEEDS, workers, SLOTS) == wait


observations = st.builds(
    seen,
    waiting=st.integers(0, 200),
    active=st.integers(0, 40),
    ready=st.integers(0, 20),
    starting=st.lists(st.floats(0, 100), max_size=5).map(tuple[float, ...]),
)


@given(observations, st.integers(0, 30))
def test_one_job_more_waits_no_less_and_one_worker_more_makes_no_later(
    observed: Observation, workers: int
) -> None:
    wait = expected_wait(observed, NEEDS, workers, SLOTS)
    longer = expected_wait(replace(observed, waiting=observed.waiting + 1), NEEDS, workers, SLOTS)
    sooner = expected_wait(observed, NEEDS, workers + 1, SLOTS)
    assert sooner is not None
    if wait is None:
        assert (longer, observed.ready, workers) == (None, 0, 0)
    else:
        assert longer is not None
        assert 0 <= wait <= longer + 1e-9
        assert sooner <= wait + 1e-9
