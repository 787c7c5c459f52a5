"""Whether Redis is worth asking, where it has given no answer. No clock: time comes in, in seconds."""

FAILURES_MAX = 3
"""After so many failures in a row, Redis is asked by one request a second only.

What was under way together fails together, and is one failure: else a single late answer amid much
traffic would keep a second's requests from Redis.
"""

OPEN_SECONDS = 1.0

TOLD_SECONDS = 3.0
"""A failure counts as the state of now for so long; without requests nobody asks at all."""


class Breaker:
    """Whether Redis is to be asked."""

    def __init__(self) -> None:
        self._failures = 0
        self._failed_at = float("-inf")
        self._again_at = 0.0

    def lets_ask(self, now: float) -> bool:
        """Let every question through, or one a second as a probe."""
        if self._failures < FAILURES_MAX:
            return True
        if now < self._again_at:
            return False
        self._again_at = now + OPEN_SECONDS
        return True

    def failed(self, asked_at: float, now: float) -> None:
        """Note a failure."""
        if asked_at <= self._failed_at:
            return
        self._failures += 1
        self._failed_at, self._again_at = now, now + OPEN_SECONDS

    def succeeded(self) -> None:
        """Note an answer."""
        self._failures = 0

    def is_away(self, now: float) -> bool:
        """Tell whether the last question of late failed."""
        return self._failures > 0 and now - self._failed_at < TOLD_SECONDS
