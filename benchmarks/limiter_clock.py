"""check.lua told what time it is, so that traffic of hours takes seconds and is the same each time.

It still asks Redis for the time, and then takes the one it was told: nothing else of it differs.
"""

from collections.abc import Iterable
from typing import Any

from redis import Redis

from osnovci.limits.limit import SCRIPT, Decision, Limit, Question, Window

START_MS = 1_700_000_000_000
TIME = "call('TIME')"
NAMESPACE = APP = "homework"


def told(script: str, time: str = TIME) -> str:
    """Give the script that takes seconds and microseconds as its last arguments."""
    assert script.count(time) == 1
    return script.replace(time, f"({time} and {{ARGV[#ARGV - 1], ARGV[#ARGV]}})")


def moment(at_ms: int) -> tuple[int, int]:
    """Give what is told."""
    return at_ms // 1000, at_ms % 1000 * 1000


def window(limit: Limit, subject: str) -> Window:
    return limit.window(NAMESPACE, APP, subject)


class Stepped:
    """The limiter on a real Redis, at moments of the measurement's."""

    def __init__(self, redis: Redis) -> None:
        self.redis = redis
        self._sha: Any = redis.script_load(told(SCRIPT.text))

    def ask(self, question: Question, at_ms: int) -> Decision:
        """Ask as if it were this moment."""
        return question.parse(self.redis.execute_command(*self.command(question, at_ms)))

    def ask_all(self, question: Question, moments: Iterable[int]) -> list[bool]:
        """Tell which of these are let through, in one write."""
        pipe = self.redis.pipeline(transaction=False)
        for at_ms in moments:
            pipe.execute_command(*self.command(question, at_ms))
        return [question.parse(reply).allowed for reply in pipe.execute()]

    def command(self, question: Question, at_ms: int) -> list[Any]:
        """Give what asks as if it were this moment."""
        return ["EVALSHA", self._sha, *question.call.command[2:], *moment(at_ms)]
