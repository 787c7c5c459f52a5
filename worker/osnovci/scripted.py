"""Calls of Lua scripts: by the name that Redis gives a script, in full where it does not know it yet."""

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha1
from importlib.resources import files
from typing import Any, NamedTuple, Protocol

from redis.exceptions import NoScriptError, RedisError, ResponseError

Argument = str | bytes | int

AWAY = (RedisError, OSError)
"""What tells that Redis cannot be reached, is too slow, or cannot answer."""


def is_refusal(error: Exception) -> bool:
    """Tell whether Redis answered, and refused."""
    return isinstance(error, ResponseError)


@dataclass(frozen=True)
class Script:
    """A Lua script."""

    text: str
    sha: str
    """The name by which Redis knows it."""

    @classmethod
    def of(cls, text: str) -> "Script":
        """Name it as Redis does."""
        return cls(text, sha1(text.encode(), usedforsecurity=False).hexdigest())

    @classmethod
    def read(cls, package: str, *names: str) -> "Script":
        """Read it from files of a package, one after the other."""
        here = files(package)
        return cls.of("".join(here.joinpath(f"{name}.lua").read_text() for name in names))

    def call(self, arguments: Sequence[Argument]) -> "Called":
        """Call it with the number of its keys, the keys, and what else it is told."""
        return Called(self, arguments)

    def command(self, arguments: Sequence[Argument]) -> list[Argument]:
        """Ask a Redis that knows it."""
        return ["EVALSHA", self.sha, *arguments]

    def in_full(self, arguments: Sequence[Argument]) -> list[Argument]:
        """Ask any Redis."""
        return ["EVAL", self.text, *arguments]


class Called(NamedTuple):
    """A call of a script."""

    script: Script
    arguments: Sequence[Argument]

    @property
    def command(self) -> list[Argument]:
        """Ask a Redis that knows the script."""
        return self.script.command(self.arguments)

    @property
    def in_full(self) -> list[Argument]:
        """Ask any Redis."""
        return self.script.in_full(self.arguments)


class Call(Protocol):
    """A call of a script, or a command that is the same in both ways."""

    @property
    def command(self) -> Sequence[Argument]:
        """Ask a Redis that knows the script."""
        ...

    @property
    def in_full(self) -> Sequence[Argument]:
        """Ask any Redis."""
        ...


class AsyncRedis(Protocol):
    """`osnovci.line.Line`, or a client of redis-py for asyncio."""

    async def execute_command(self, *command: Argument) -> Any:
        """Run a command."""
        ...


def run(redis: Any, call: Call) -> Any:
    """Make a call with a client of redis-py for threads."""
    try:
        return redis.execute_command(*call.command)
    except NoScriptError:
        return redis.execute_command(*call.in_full)


async def run_async(redis: AsyncRedis, call: Call) -> Any:
    """Make a call with a client for asyncio."""
    try:
        return await redis.execute_command(*call.command)
    except NoScriptError:
        return await redis.execute_command(*call.in_full)
