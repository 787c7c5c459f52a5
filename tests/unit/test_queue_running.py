"""What a job may ask of the job that it runs as."""

from collections.abc import Callable
from contextvars import Context
from typing import Any

import pytest

from osnovci.queues.errors import QueueError
from osnovci.queues.running import current_job_id, enter, leave, progress


@pytest.mark.parametrize("ask", [current_job_id, lambda: progress(0.5)])
def test_outside_of_a_job_there_is_nothing_to_ask(ask: Callable[[], Any]) -> None:
    with pytest.raises(QueueError, match="no job runs here"):
        Context().run(ask)


def test_inside_of_a_job_it_is_that_job() -> None:
    told: list[float] = []
    token = enter("it", told.append)
    progress(1)
    assert (current_job_id(), told) == ("it", [1.0])
    leave(token)
