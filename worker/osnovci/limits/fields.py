"""What an answer tells of limits: header fields, and the body of a 429. Pure.

X-RateLimit-* as many know them, and the RateLimit fields of draft-ietf-httpapi-ratelimit-headers.
"""

import math
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from osnovci.durations import format_duration
from osnovci.limits.limit import LOG_PLACES, Decision, Form, Limit, State, Window

Header = tuple[bytes, bytes]

Named = tuple[Header, bytes]
"""A limit's max, and what it is called, as answers tell them."""

MILLISECONDS = tuple(b".%03dZ" % ms for ms in range(1000))
"""As a moment of ISO 8601 ends."""


def headers(decision: Decision, now_seconds: float) -> list[Header]:
    """Tell of the limit that is nearest; `now_seconds` is the time of Unix."""
    nearest = decision.nearest
    if nearest is None:
        return []
    window, state = nearest
    wait_ms = state.retry_ms or state.reset_ms
    policies = _policies(window.limit for window in decision.windows)
    told = _nearest(_named(window.limit), state.remaining, wait_ms, policies, now_seconds)
    if not decision.allowed:
        told.append(retry_after(decision.retry_ms))
    return told


class Passed:
    """Reads Redis's answers to a question straight into header fields, as nearly all let a request through."""

    def __init__(self, limits: Sequence[Limit]) -> None:
        """Take the limits of a question's windows, in their order."""
        self._policies = _policies(limits)
        self._places: list[tuple[Named, int, bool]] = []
        """Of what is told of each limit in force, and whether it is a log."""
        at = 0
        for limit in limits:
            is_log = limit.form is Form.LOG
            if not limit.is_tried:
                self._places.append((_named(limit), at, is_log))
            at += 1 if is_log else 2
        self._retries = slice(at, at + len(limits))

    def headers(self, numbers: Sequence[int], now_seconds: float) -> Sequence[Header] | None:
        """Tell of the limit that is nearest; None where one has no room, so that more is to be read."""
        if any(numbers[self._retries]):
            return None
        nearest: Named | None = None
        least = reset_ms = 0
        for named, at, is_log in self._places:
            number = numbers[at]
            remaining = number % LOG_PLACES if is_log else number
            if nearest is None or remaining < least:
                nearest, least = named, remaining
                reset_ms = number // LOG_PLACES if is_log else numbers[at + 1]
        if nearest is None:
            return ()
        return _nearest(nearest, least, reset_ms, self._policies, now_seconds)


def retry_after(milliseconds: int) -> Header:
    """Tell when it is worth trying again, in whole seconds."""
    return b"retry-after", str(math.ceil(milliseconds / 1000)).encode()


def body(decision: Decision, now_seconds: float) -> dict[str, Any]:
    """Tell a client why it is denied."""
    nearest = decision.nearest
    assert nearest
    window, _ = nearest
    limit, wait_ms = window.limit, decision.retry_ms
    span = format_duration(timedelta(milliseconds=limit.window_ms))
    again = format_duration(timedelta(seconds=math.ceil(wait_ms / 1000)))
    return {
        "error": f"too many requests: at most {limit.max} in {span}; try again in {again}",
        "reset": moment(now_seconds, wait_ms).decode(),
    }


def status(window: Window, state: State, now_seconds: float) -> dict[str, Any]:
    """Tell how a window is."""
    limit = window.limit
    return {
        "limit": limit.label or limit.name,
        "max": limit.max,
        "window": format_duration(timedelta(milliseconds=limit.window_ms)),
        "remaining": state.remaining,
        "reset": moment(now_seconds, state.retry_ms or state.reset_ms).decode(),
    }


def moment(now_seconds: float, in_ms: int) -> bytes:
    """Write a moment as ISO 8601."""
    seconds, ms = divmod(int(now_seconds * 1000) + in_ms, 1000)
    return _second(seconds) + MILLISECONDS[ms]


@lru_cache(1024)
def _second(seconds: int) -> bytes:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S").encode()


def _named(limit: Limit) -> Named:
    return (b"x-ratelimit-limit", b"%d" % limit.max), limit.quoted


def _nearest(
    named: Named, remaining: int, wait_ms: int, policies: Header, now_seconds: float
) -> list[Header]:
    most, quoted = named
    return [
        most,
        (b"x-ratelimit-remaining", b"%d" % remaining),
        (b"x-ratelimit-reset", moment(now_seconds, wait_ms)),
        policies,
        (b"ratelimit", b"%s;r=%d;t=%d" % (quoted, remaining, -(-wait_ms // 1000))),
    ]


def _policies(limits: Iterable[Limit]) -> Header:
    fields = [limit.field for limit in limits if not limit.is_tried]
    return b"ratelimit-policy", b", ".join(fields)
