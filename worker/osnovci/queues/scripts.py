"""The scripts, each one operation on Redis; and what is sent and read for one call of them.

Pure: the texts, the arguments, the replies. Whoever has a client, sync or async, sends them.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from hashlib import sha1
from importlib.resources import files
from typing import Any, Generic, TypeVar

T = TypeVar("T")
Argument = str | bytes | int | float


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

    def by_sha(self, prefix: str) -> list[Argument]:
        """Give the command that runs the script where Redis knows it already."""
        return ["EVALSHA", self.script.sha, 0, prefix, *self.args]

    def by_text(self, prefix: str) -> list[Argument]:
        """Give the command that runs the script anywhere."""
        return ["EVAL", self.script.text, 0, prefix, *self.args]


def stamp(moment: datetime) -> str:
    """Write a moment of UTC as rq does."""
    return moment.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def text(value: Any) -> str:
    """Read a string of Redis; nothing is the empty string. Bytes that are no text show as they are."""
    return value.decode(errors="backslashreplace") if isinstance(value, bytes) else str(value or "")


def pairs(flat: Sequence[Any]) -> dict[str, bytes]:
    """Read a flat list of fields and values."""
    return {text(flat[i]): flat[i + 1] for i in range(0, len(flat), 2)}
