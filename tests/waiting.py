"""Waiting in tests: for a condition, with a deadline, and never for a time."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterator
from typing import TypeVar

T = TypeVar("T")
EVERY_SECONDS = 0.02
PATIENCE_SECONDS = 60.0
"""Only a test that fails waits so long, and the machine of the tests may be a slow and busy one."""


def eventually(probe: Callable[[], T | None], within: float = PATIENCE_SECONDS) -> T:
    """Give the first true value of `probe`, which may also assert.

    Raises what the last attempt raised, or TimeoutError with its value, when the time is over.
    """
    for _ in _attempts(within):
        try:
            if value := probe():
                return value
        except AssertionError:
            pass
        time.sleep(EVERY_SECONDS)
    return _last(probe(), within)


async def eventually_async(
    probe: Callable[[], Awaitable[T | None]], within: float = PATIENCE_SECONDS
) -> T:
    """Do the same where the probe is awaited."""
    for _ in _attempts(within):
        try:
            if value := await probe():
                return value
        except AssertionError:
            pass
        await asyncio.sleep(EVERY_SECONDS)
    return _last(await probe(), within)


def _attempts(within: float) -> Iterator[None]:
    deadline = time.monotonic() + within
    while time.monotonic() < deadline:
        yield


def _last(value: T | None, within: float) -> T:
    if not value:
        raise TimeoutError(f"still {value!r} after {within:g} s")
    return value
