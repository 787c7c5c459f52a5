"""What the options of a job may be."""

from datetime import timedelta
from typing import Any

import pytest

from osnovci.queues.errors import QueueError
from osnovci.queues.operations import Options


@pytest.mark.parametrize(
    "options",
    [
        {"queue": ""},
        {"priority": 11},
        {"priority": 2.5},
        {"priority": True},
        {"delay": 5},
        {"at": "tomorrow"},
        {"timeout": timedelta()},
        {"timeout": timedelta(seconds=-9)},
        {"retries": -1},
        {"retry_waits": "abc"},
        {"retry_waits": [float("inf")]},
        {"retry_waits": [float("nan")]},
        {"retry_waits": [-1]},
        {"depends_on": "letters"},
        {"depends_on": [None]},
        {"once": None},
        {"once_holds": timedelta()},
        {"job_id": None},
    ],
)
def test_an_option_that_is_wrong_is_refused_at_the_call(options: dict[str, Any]) -> None:
    (name,) = options
    with pytest.raises(QueueError, match=rf"^{name}: .* is not "):
        Options(**options)
