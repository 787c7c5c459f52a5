"""The scripts, each one operation on Redis; and what is sent and read for one call of them.

Pure: the texts, the arguments, the replies. Whoever has a client, sync or async, sends them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from hashlib import sha1
from importlib.resources import files
from typing import Any, Generic, NamedTuple, TypeVar

from osnovci.scripted import Argument

T = TypeVar("T")


@dataclass(frozen=True)
class Script:
    """A script of this package, with what they all share before it."""

    name: str
    text: str
    sha: str


@cache
def script(name: str) -> Script:
    """Read a script by its name."""
    here = files("osnovci.queues")
    text = "".join(here.joinpath(f"{part}.lua").read_text() for part in ("common", name))
    return Script(name, text, sha1(text.encode()).hexdigest())  # noqa: S324  # Redis names scripts by it


@dataclass(frozen=True)
class Call(Generic[T]):
    """One operation: a script, its own arguments, and how its reply is read."""

    script: Script
    args: Sequence[Argument]
    parse: Callable[[Any], T]

    def under(self, prefix: str) -> "Prefixed":
        """Give what is sent to do it with the keys of a namespace."""
        return Prefixed(self.script, [0, prefix, *self.args])


class Prefixed(NamedTuple):
    """A call as `osnovci.scripted` makes it."""

    script: Script
    args: list[Argument]

    @property
    def command(self) -> list[Argument]:
        """Ask a Redis that knows the script."""
        return ["EVALSHA", self.script.sha, *self.args]

    @property
    def in_full(self) -> list[Argument]:
        """Ask any Redis."""
        return ["EVAL", self.script.text, *self.args]


def stamp(moment: datetime) -> str:
    """Write a moment of UTC as rq does."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def text(value: Any) -> str:
    """Read a string of Redis; nothing is the empty string. Bytes that are no text show as they are."""
    return value.decode(errors="backslashreplace") if isinstance(value, bytes) else str(value or "")


def pairs(flat: Sequence[Any]) -> dict[str, bytes]:
    """Read a flat list of fields and values."""
    return {text(flat[i]): flat[i + 1] for i in range(0, len(flat), 2)}
