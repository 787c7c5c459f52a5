"""An event loop whose timers are exact to some microseconds instead of a millisecond.

epoll's own wait counts whole milliseconds, and asyncio rounds up: each time something else wakes
the loop, what is left of a wait of 10 ms is rounded up again, up to 1 ms more for each job.
"""

import asyncio
import select
import selectors


class PreciseSelector(selectors.EpollSelector):
    """Waits by select(2), which counts microseconds, for its epoll to have something."""

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait for events, no longer than so many seconds."""
        if timeout is not None and timeout > 0:
            # one descriptor, made with the loop: below the 1024 that select(2) can name
            select.select([self.fileno()], [], [], timeout)
            timeout = 0
        return super().select(timeout)


def precise_loop() -> asyncio.AbstractEventLoop:
    """Make an event loop, for `asyncio.Runner`."""
    return asyncio.SelectorEventLoop(PreciseSelector())
