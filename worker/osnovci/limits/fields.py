"""What an answer tells of limits: header fields, and the body of a 429. Pure.

X-RateLimit-* as many know them, and the RateLimit fields of draft-ietf-httpapi-ratelimit-headers.
"""

import math
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any

from osnovci.durations import format_duration
from osnovci.limits.limit import Decision, State, Window

Header = tuple[bytes, bytes]


def headers(decision: Decision, now_seconds: float) -> list[Header]:
    """Tell of the limit that is nearest; `now_seconds` is the time of Unix."""
    nearest = decision.nearest
    if nearest is None:
        return []
    window, state = nearest
    limit = window.limit
    wait_ms = state.retry_ms or state.reset_ms
    told = [
        (b"x-ratelimit-limit", b"%d" % limit.max),
        (b"x-ratelimit-remaining", b"%d" % state.remaining),
        (b"x-ratelimit-reset", moment(now_seconds, wait_ms).encode()),
        (b"ratelimit-policy", _policies(decision)),
        (
            b"ratelimit",
            b"%s;r=%d;t=%d" % (limit.quoted, state.remaining, math.ceil(wait_ms / 1000)),
        ),
    ]
    if not decision.allowed:
        told.append(retry_after(decision.retry_ms))
    return told


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
        "reset": moment(now_seconds, wait_ms),
    }


def status(window: Window, state: State, now_seconds: float) -> dict[str, Any]:
    """Tell how a window is."""
    limit = window.limit
    return {
        "limit": limit.label or limit.name,
        "max": limit.max,
        "window": format_duration(timedelta(milliseconds=limit.window_ms)),
        "remaining": state.remaining,
        "reset": moment(now_seconds, state.retry_ms or state.reset_ms),
    }


def moment(now_seconds: float, in_ms: int) -> str:
    """Write a moment as ISO 8601."""
    seconds, ms = divmod(int(now_seconds * 1000) + in_ms, 1000)
    return f"{_second(seconds)}.{ms:03d}Z"


@lru_cache(1024)
def _second(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%S")


def _policies(decision: Decision) -> bytes:
    return b", ".join([w.limit.field for w in decision.windows if not w.limit.is_tried])
