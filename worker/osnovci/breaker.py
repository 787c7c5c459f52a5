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
    """Whether Redis is to be asked, by the limits and the sessions of a process.

    Limits alone wait less than sessions, so that they fail says nothing of those: questions with a session
    go on until one of them has failed too.
    """

    def __init__(self) -> None:
        self.has_failed = False
        """Something has, since the last answer."""
        self.fails_sessions = False
        """So has a question with a session."""
        self._failures = 0
        self._failed_at = float("-inf")
        self._again_at = 0.0

    def lets_ask(self, now: float, *, has_session: bool = False) -> bool:
        """Let every question through, or one a second as a probe."""
        if self._failures < FAILURES_MAX or (has_session and not self.fails_sessions):
            return True
        if now < self._again_at:
            return False
        self._again_at = now + OPEN_SECONDS
        return True

    def failed(self, asked_at: float, now: float, *, has_session: bool = False) -> None:
        """Note a failure."""
        self.has_failed = True
        self.fails_sessions = self.fails_sessions or has_session
        if asked_at <= self._failed_at:
            return
        self._failures += 1
        self._failed_at, self._again_at = now, now + OPEN_SECONDS

    def succeeded(self) -> None:
        """Note an answer."""
        self._failures = 0
        self.has_failed = self.fails_sessions = False

    def heard_late(self) -> None:
        """Note an answer too late for who asked: sessions may have theirs, and the next question is a probe."""
        self.fails_sessions = False
        self._again_at = 0.0

    def is_away(self, now: float) -> bool:
        """Tell whether the last question of late failed."""
        return self._failures > 0 and now - self._failed_at < TOLD_SECONDS
