"""What Redis lists as held by a worker, beside what the worker knows of. Pure."""

from collections.abc import Iterable
from typing import Any


class Claims:
    """Finds what a turn took and this worker never heard of, as the turn's reply did not come."""

    def __init__(self) -> None:
        self._settling: set[str] = set()
        self._strays: frozenset[str] = frozenset()
        self.given_up: set[str] = set()
        """What goes back for that: a reply that comes after all begins none of it."""

    def settle(self, entry: dict[str, Any]) -> None:
        """Note an end that is to be told: until then it is listed, and known."""
        self._settling.add(_member(entry))

    def settled(self, entries: Iterable[dict[str, Any]]) -> None:
        """Note that ends were told."""
        self._settling.difference_update(map(_member, entries))

    def give_up(self, listed: frozenset[str], held: Iterable[str]) -> frozenset[str]:
        """Give what was unknown the last time too, and not merely on its way."""
        before, self._strays = self._strays, listed - self._settling.union(held)
        found = before & self._strays
        self.given_up |= found
        return found


def _member(entry: dict[str, Any]) -> str:
    return f"{entry['id']}:{entry['execution']}"
