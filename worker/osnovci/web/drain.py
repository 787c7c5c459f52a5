"""SIGTERM means: be ready no more, serve on for a while, and only then let the server end.

Whoever balances the load needs that while to learn of it; a listener that closes at once refuses
the requests that are already on their way.
"""

import asyncio
import logging
import signal
from collections.abc import Callable

log = logging.getLogger(__name__)


class Drain:
    """Holds the signal back from the server; works with any that has its handler by `signal.signal`."""

    def __init__(self, seconds: Callable[[], float], begun: Callable[[], None]) -> None:
        self._seconds = seconds
        self._begun = begun
        self._loop = asyncio.get_running_loop()
        self._ending: asyncio.TimerHandle | None = None
        self._is_hearing = False
        self._server_handler = signal.getsignal(signal.SIGTERM)

    def hear(self) -> None:
        """Take SIGTERM before the server does."""
        try:
            signal.signal(signal.SIGTERM, self._heard)
        except ValueError:
            log.warning(
                "no drain: the server does not run in the main thread, which has the signals"
            )
        else:
            self._is_hearing = True

    def forget(self) -> None:
        """Give the signal back to the server."""
        if self._ending:
            self._ending.cancel()
        if self._is_hearing:
            self._is_hearing = False
            signal.signal(signal.SIGTERM, self._server_handler)

    def _heard(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._begin)

    def _begin(self) -> None:
        """Begin to drain; a second signal ends it."""
        if self._ending:
            self._end()
            return
        seconds = self._seconds()
        log.info("draining: ready no more, serving on for %gs", seconds)
        self._begun()
        self._ending = self._loop.call_later(seconds, self._end)

    def _end(self) -> None:
        self.forget()
        signal.raise_signal(signal.SIGTERM)
