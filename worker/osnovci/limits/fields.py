"""What an answer tells of limits: header fields, and the body of a 429. Pure.

X-RateLimit-* as many know them, and the RateLimit fields of draft-ietf-httpapi-ratelimit-headers.
"""

import math
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from osnovci.durations import format_duration
from osnovci.limits.limit import Decision, Limit, State, Window

Header = tuple[bytes, bytes]
Labels = Mapping[tuple[str, str], str]
"""What limits are called, by policy and name; of others, the name."""


def headers(decision: Decision, labels: Labels, now_seconds: float) -> list[Header]:
    """Tell of the limit that is nearest; `now_seconds` is the time of Unix."""
    nearest = decision.nearest
    if nearest is None:
        return []
    window, state = nearest
    limit = window.limit
    named = _name(limit, labels)
    wait_ms = state.retry_ms or state.reset_ms
    told = [
        (b"x-ratelimit-limit", str(limit.max).encode()),
        (b"x-ratelimit-remaining", str(state.remaining).encode()),
        (b"x-ratelimit-reset", moment(now_seconds, wait_ms).encode()),
        (b"ratelimit-policy", _policies(decision, labels)),
        (b"ratelimit", b"%s;r=%d;t=%d" % (named, state.remaining, math.ceil(wait_ms / 1000))),
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


def status(window: Window, state: State, labels: Labels, now_seconds: float) -> dict[str, Any]:
    """Tell how a window is."""
    limit = window.limit
    return {
        "limit": labels.get((limit.policy, limit.name), limit.name),
        "max": limit.max,
        "window": format_duration(timedelta(milliseconds=limit.window_ms)),
        "remaining": state.remaining,
        "reset": moment(now_seconds, state.retry_ms or state.reset_ms),
    }


def moment(now_seconds: float, in_ms: int) -> str:
    """Write a moment as ISO 8601."""
    then = datetime.fromtimestamp(now_seconds + in_ms / 1000, UTC)
    return then.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _policies(decision: Decision, labels: Labels) -> bytes:
    return b", ".join(
        b"%s;q=%d;w=%d" % (_name(limit, labels), limit.max, math.ceil(limit.window_ms / 1000))
        for limit in (window.limit for window in decision.windows)
        if not limit.is_tried
    )


def _name(limit: Limit, labels: Labels) -> bytes:
    """Write a label as a string of structured fields; no name has what would have to be escaped."""
    return b'"%s"' % labels.get((limit.policy, limit.name), limit.name).encode()
