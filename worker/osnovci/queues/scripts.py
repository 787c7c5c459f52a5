"""The scripts, each one operation on Redis; and what is sent and read for one call of them.

Pure: the texts, the arguments, the replies. Whoever has a client, sync or async, sends them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any, Generic, TypeVar

from osnovci.scripted import Argument, Called, Script

T = TypeVar("T")


@cache
def script(name: str) -> Script:
    """Read a script of this package by its name, with what they all share before it."""
    return Script.read("osnovci.queues", "common", name)


@dataclass(frozen=True)
class Call(Generic[T]):
    """One operation: a script, its own arguments, and how its reply is read."""

    script: Script
    args: Sequence[Argument]
    parse: Callable[[Any], T]

    def under(self, prefix: str) -> Called:
        """Give what is sent to do it with the keys of a namespace."""
        return self.script.call([0, prefix, *self.args])


def stamp(moment: datetime) -> str:
    """Write a moment of UTC as rq does."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def text(value: Any) -> str:
    """Read a string of Redis; nothing is the empty string. Bytes that are no text show as they are."""
    return value.decode(errors="backslashreplace") if isinstance(value, bytes) else str(value or "")


def pairs(flat: Sequence[Any]) -> dict[str, bytes]:
    """Read a flat list of fields and values."""
    return {text(flat[i]): flat[i + 1] for i in range(0, len(flat), 2)}
