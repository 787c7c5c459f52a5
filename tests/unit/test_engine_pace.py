"""How many jobs wait in a worker for a slot, and how many of them begin untold."""

import pytest

from osnovci.queues.engine.pace import MAX_EXTRA, Pace


@pytest.mark.parametrize(
    ("concurrency", "job_seconds", "ahead", "untold"),
    [
        pytest.param(1, 1.0, 0, 0, id="a long job"),
        pytest.param(1, 0.025, 0, 0, id="a job that a round trip costs little"),
        pytest.param(1, 0.010, 1, 0, id="a job that a round trip costs a tenth"),
        pytest.param(
            1, 0.004, 1, 0, id="one job ends within it: the next waits until that is told"
        ),
        pytest.param(1, 0.002, 2, 1, id="two jobs end within it"),
        pytest.param(10, 0.010, 4, 3, id="four of ten slots' jobs end within it"),
        pytest.param(50, 1.0, 0, 0, id="many slots of long jobs"),
        pytest.param(2, 0.00001, 2 * MAX_EXTRA, 2 * MAX_EXTRA, id="jobs that do nothing"),
    ],
)
def test_what_is_held(concurrency: int, job_seconds: float, ahead: int, untold: int) -> None:
    pace = Pace(concurrency)
    for _ in range(200):
        pace.note(job_seconds)
    assert (pace.ahead, pace.untold) == (ahead, untold)
