"""What the options of a job may be: each is refused where the caller gives it, and not when it runs. Pure."""

import math
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, cast

from osnovci.queues.errors import QueueError


def check(options: object) -> None:
    """Raise QueueError with one sentence for the first of the `Options` that is wrong."""
    for name, (is_right, what) in RULES.items():
        value = getattr(options, name)
        if not is_right(value):
            raise QueueError(f"{name}: {value!r} is not {what}")


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_wait(value: Any) -> bool:
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    return is_number and math.isfinite(value) and value >= 0


def _is_some(value: Any) -> bool:
    return isinstance(value, timedelta) and value >= timedelta(milliseconds=1)


def _is_id(value: Any) -> bool:
    return isinstance(value, str) and bool(value)


def _is_list_of(of: Callable[[Any], bool]) -> Callable[[Any], bool]:
    def is_right(value: Any) -> bool:
        is_list = isinstance(value, Sequence) and not isinstance(value, str | bytes)
        return is_list and all(map(of, cast("Sequence[Any]", value)))

    return is_right


def _is_priority(value: Any) -> bool:
    return _is_count(value) and 1 <= value <= 10  # noqa: PLR2004  # as its docstring says


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _is_timedelta(value: Any) -> bool:
    return isinstance(value, timedelta)


def _is_datetime(value: Any) -> bool:
    return isinstance(value, datetime)


def _is_none_or(otherwise: Callable[[Any], bool]) -> Callable[[Any], bool]:
    return lambda value: value is None or otherwise(value)


RULES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "queue": (_is_none_or(_is_id), "the name of a queue"),
    "priority": (_is_priority, "a whole number between 1 (first) and 10 (last)"),
    "delay": (_is_timedelta, "a timedelta"),
    "at": (_is_none_or(_is_datetime), "a datetime"),
    "timeout": (_is_none_or(_is_some), "a timedelta above 0"),
    "retries": (_is_none_or(_is_count), "a whole number from 0 on"),
    "retry_waits": (_is_list_of(_is_wait), "a list of seconds, each from 0 on"),
    "depends_on": (_is_list_of(_is_id), "a list of ids of jobs"),
    "once": (_is_text, "a key: text, empty for none"),
    "once_holds": (_is_some, "a timedelta of 1 ms at least"),
    "job_id": (_is_text, "an id: text, empty for a new one"),
}
