"""How many jobs wait in a worker for a slot: by what ends within a round trip."""

import pytest

from osnovci.queues.engine.pace import MAX_EXTRA, Pace


@pytest.mark.parametrize(
    ("concurrency", "job_seconds", "extra"),
    [
        pytest.param(1, 1.0, 0, id="a long job"),
        pytest.param(1, 0.004, 0, id="one job ends within it, and its slot waits"),
        pytest.param(1, 0.002, 1, id="two jobs end within it"),
        pytest.param(10, 0.010, 3, id="four of ten slots' jobs end within it"),
        pytest.param(50, 1.0, 0, id="many slots of long jobs"),
        pytest.param(2, 0.00001, 2 * MAX_EXTRA, id="jobs that do nothing"),
    ],
)
def test_extra(concurrency: int, job_seconds: float, extra: int) -> None:
    pace = Pace(concurrency)
    for _ in range(200):
        pace.note(job_seconds)
    assert pace.extra == extra
