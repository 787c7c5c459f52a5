"""The sessions of which Redis has said that they are gone: it is asked for each once a minute. Pure.

A browser keeps the cookie of a session that ended elsewhere; no answer takes it away, as that could be
the one that another tab has just been given.
"""

KNOWN_MS = 60_000
"""An id does not live again, but where a failover lost it and a refresh token gives it once more."""

MOST = 10_000


class Gone:
    """What one process knows of them; beyond the most, the oldest is forgotten."""

    def __init__(self) -> None:
        self._until_ms: dict[str, int] = {}
        """By what Redis keeps of the id."""

    def knows(self, handle: str, now_ms: float) -> bool:
        """Tell whether a session is known to be gone."""
        until_ms = self._until_ms.get(handle)
        return until_ms is not None and until_ms > now_ms

    def note(self, handle: str, now_ms: int) -> None:
        """Hear that Redis has none."""
        self._until_ms.pop(handle, None)
        self._until_ms[handle] = now_ms + KNOWN_MS
        if len(self._until_ms) > MOST:
            del self._until_ms[next(iter(self._until_ms))]

    def forget(self, handle: str) -> None:
        """Hear that there is one after all."""
        self._until_ms.pop(handle, None)
