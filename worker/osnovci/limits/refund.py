"""Taking back what was charged before it was known whether it counts. Pure.

A limit of failures that were charged when they are known lets many at once through: all of them look
before the first has failed. So each is charged first, and what went well is taken back.
"""

from hashlib import sha1
from importlib.resources import files
from typing import Any, NamedTuple

from osnovci.limits import limit
from osnovci.limits.limit import LOG_MAX, Decision, Form, LimitError, Question, Window
from osnovci.scripted import Argument

END = "\nreturn reply\n"
ATTEMPT_SCRIPT = limit.SCRIPT.replace(END, f"\nreply[#reply + 1] = fits and at or 0{END}")
"""The script of limits, which tells its moment too: to requests it would cost a tenth more."""
ATTEMPT_SHA = sha1(ATTEMPT_SCRIPT.encode(), usedforsecurity=False).hexdigest()

SCRIPT = files("osnovci.limits").joinpath("refund.lua").read_text()
SHA = sha1(SCRIPT.encode(), usedforsecurity=False).hexdigest()


class Attempt(Question):
    """A question of which the answer says when it was charged."""

    @property
    def command(self) -> list[Argument]:
        """Ask a Redis that knows the script."""
        return ["EVALSHA", ATTEMPT_SHA, *self._keys(), *self.arguments()]

    @property
    def in_full(self) -> list[Argument]:
        """Ask any Redis."""
        return ["EVAL", ATTEMPT_SCRIPT, *self._keys(), *self.arguments()]

    def parse(self, reply: Any) -> Decision:
        """Read Redis's answer."""
        return super().parse(reply[:-1])._replace(at_ms=reply[-1])


class Refund(NamedTuple):
    """Units of one window that were charged at one moment."""

    window: Window
    at_ms: int
    cost: int

    @classmethod
    def of(cls, decision: Decision, cost: int) -> "Refund":
        """Take back what a `check` charged; raises LimitError."""
        [window] = decision.windows
        if not decision.allowed:
            raise LimitError(f"limit {window.limit.name}: what was denied has charged nothing")
        if window.limit.form != Form.LOG:
            raise LimitError(
                f"limit {window.limit.name}: its max is {window.limit.max:,}; what a limit above "
                f"{LOG_MAX} has charged cannot be taken back"
            )
        return cls(window, decision.at_ms, cost)

    @property
    def command(self) -> list[Argument]:
        """Ask a Redis that knows the script."""
        return ["EVALSHA", SHA, *self._arguments()]

    @property
    def in_full(self) -> list[Argument]:
        """Ask any Redis."""
        return ["EVAL", SCRIPT, *self._arguments()]

    def _arguments(self) -> list[Argument]:
        return [1, self.window.key, self.at_ms, self.cost, self.window.limit.window_ms]
