"""Rate limits in tests: limits by keywords, an exact model, and the script under a clock of the test's."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from redis import Redis
from workers import NAMESPACE

from osnovci.limit_contract import FailureMode
from osnovci.limits.limit import SCRIPT, Decision, Limit, Question, Window

APP = "homework"
CLOCK = "call('TIME')"


def limit(
    name: str = "api",
    *,
    max: int = 5,  # noqa: A002  # its name in the resource
    window_ms: int = 60_000,
    exact: bool = False,
    policy: str = "limits",
    is_tried: bool = False,
    failure_mode: FailureMode = FailureMode.OPEN,
) -> Limit:
    return Limit(name, max, window_ms, exact, failure_mode, policy, is_tried)


def window(of: Limit, subject: str = "ana") -> Window:
    return of.window(NAMESPACE, APP, subject)


class StepClock:
    """check.lua on a real Redis, with the server's TIME replaced by a moment of the test's.

    A server's clock cannot be set by a test; nothing else of the script differs.
    """

    def __init__(self, redis: Redis, at_ms: int = 1_700_000_000_000) -> None:
        assert SCRIPT.text.count(CLOCK) == 1
        script = SCRIPT.text.replace(CLOCK, "{ARGV[#ARGV - 1], ARGV[#ARGV]}")
        self._run = redis.register_script(script)
        self.at_ms = at_ms

    def ask(self, *windows: Window, cost: int = 1, counts: bool = True) -> Decision:
        question = Question.of(windows, cost, counts=counts)
        n = len(question.windows)
        arguments: list[Any] = question.call.command[3 + n :]
        clock = [self.at_ms // 1000, self.at_ms % 1000 * 1000]
        reply = self._run(keys=[each.key for each in question.windows], args=[*arguments, *clock])
        return question.parse(reply)


class Model:
    """What the limits mean: each accepted unit's moment, and nothing forgotten before its time."""

    def __init__(self) -> None:
        self.units: dict[str, list[int]] = defaultdict(list)

    def used(self, window: Window, at_ms: int, more_ms: int = 0) -> int:
        since = at_ms - window.limit.window_ms - more_ms
        return sum(moment > since for moment in self.units[window.key])

    def fits(self, windows: Sequence[Window], at_ms: int, cost: int) -> bool:
        return all(self.used(each, at_ms) + cost <= each.limit.max for each in windows)

    def charge(self, windows: Sequence[Window], at_ms: int, cost: int) -> None:
        for each in windows:
            self.units[each.key] += [at_ms] * cost
