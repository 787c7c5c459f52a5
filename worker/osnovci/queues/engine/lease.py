"""A worker's lease as the worker itself sees it: by its own clock, never longer than Redis does. Pure."""

from osnovci.queues.engine.turns import LEASE_MS


class Lease:
    """Whether it lasts, and whether it has lasted all the time since something was asked."""

    def __init__(self, now: float) -> None:
        self._ends_at = now + LEASE_MS / 1000
        self.term = 0
        """Another one whenever the lease may have ended in between."""

    def renew(self, asked_at: float, answered_at: float) -> None:
        """Note a renewal; where it may have come to Redis too late, another term begins."""
        self.term += self.is_over(answered_at)
        self._ends_at = asked_at + LEASE_MS / 1000

    def is_over(self, now: float) -> bool:
        """Whether another worker may have what this one was given."""
        return now >= self._ends_at

    def lasts_since(self, term: int, now: float) -> bool:
        """Whether what was taken in that term, and is heard of only now, is this worker's still."""
        return term == self.term and not self.is_over(now)
