"""How sentences for people are put together, in both planes. Pure."""

from collections.abc import Sequence


def counted(number: int, noun: str) -> str:
    """Write a number of things: `1 worker`, `3 workers`."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def first_of(sentences: Sequence[str]) -> str:
    """Write the first of several, and how many more there are."""
    more = f"; and {len(sentences) - 1} more" if sentences[1:] else ""
    return sentences[0] + more
