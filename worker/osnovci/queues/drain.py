"""The order of a stop: ask, then hurry, then force. Pure: no I/O, no clock."""

import signal
from dataclasses import dataclass, replace

HURRY = signal.SIGINT
"""Ends the grace. Another SIGTERM would be lost on a process that has not yet heard the first; SIGQUIT
would have one that still starts leave a core."""

HURRY_SECONDS = 5.0
"""How long a hurried process may take to record what became of its job."""


@dataclass(frozen=True)
class Drain:
    """A stop under way: the signals still to be sent, each with its moment."""

    steps: tuple[tuple[float, signal.Signals], ...]

    @classmethod
    def begin(cls, now: float, grace: float) -> "Drain":
        """Begin to stop: jobs that run have the grace to end."""
        return cls(
            (
                (now, signal.SIGTERM),
                (now + grace, HURRY),
                (now + grace + HURRY_SECONDS, signal.SIGKILL),
            )
        )

    def due(self, now: float) -> tuple[signal.Signals | None, "Drain"]:
        """Give the signal to send now, if any, and what remains."""
        if not self.steps or self.steps[0][0] > now:
            return None, self
        return self.steps[0][1], replace(self, steps=self.steps[1:])

    def hurried(self, now: float) -> "Drain":
        """End the grace now."""
        if len(self.steps) < 2:  # noqa: PLR2004  # already hurried: only the force remains
            return self
        return Drain(((now, HURRY), (now + HURRY_SECONDS, signal.SIGKILL)))
