"""Taking back what was charged before it was known whether it counts. Pure.

A limit of failures that were charged when they are known lets many at once through: all of them look
before the first has failed. So each is charged first, and what went well is taken back.
"""

from typing import NamedTuple

from osnovci.limits.limit import LOG_MAX, Decision, Form, LimitError, Window
from osnovci.scripted import Called, Script

SCRIPT = Script.read("osnovci.limits", "refund")


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
    def call(self) -> Called:
        """Tell Redis."""
        window = self.window
        return SCRIPT.call([1, window.key, self.at_ms, self.cost, window.limit.window_ms])
