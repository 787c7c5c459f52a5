"""What can be done with sessions, each as a value: the command, and how its reply is read.

Pure: whoever has a client, sync or async, alone or in a pipeline, sends the command.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from hashlib import sha256
from typing import Any, Generic, TypeVar

from osnovci.app_contract import SessionsDocument
from osnovci.scripted import Argument, Script
from osnovci.session_contract import (
    GRACE_SECONDS,
    TOUCH_SECONDS,
    DeviceType,
    Login,
    SessionDocument,
    sessions_root,
)

T = TypeVar("T")


@dataclass(frozen=True)
class Operation(Generic[T]):
    """One round trip. `in_full` is for a Redis that does not know the script yet."""

    name: str
    command: Sequence[Argument]
    in_full: Sequence[Argument]
    parse: Callable[[Any], T]


class Refreshed(StrEnum):
    """What became of a refresh token."""

    ROTATED = "Rotated"
    AGAIN = "Again"
    """It was just rotated: this is the same successor."""
    ENDED = "Ended"
    REUSED = "Reused"
    """It was rotated before: two have it. The family and its session are ended."""


@dataclass(frozen=True)
class Refresh:
    """The answer to a refresh token; a session only where it was rotated."""

    outcome: Refreshed
    generation: int = 0
    """Of the successor."""
    session: SessionDocument | None = None


@dataclass(frozen=True)
class Device:
    """A login of a user, for the list of one's devices."""

    handle: str
    """Ends it, and only for its own user; no secret."""
    login: Login
    session: SessionDocument | None
    """None: remembered, and its session has run out."""


def hashed(session_id: str) -> str:
    """Give that of a session's id which Redis keeps."""
    return sha256(session_id.encode()).hexdigest()[:32]


class Operations:
    """The operations on the sessions of one app. Ids are those that visitors have."""

    def __init__(self, namespace: str, app: str) -> None:
        self.root = sessions_root(namespace, app)

    def get(
        self, session_id: str, settings: SessionsDocument, now_ms: int
    ) -> Operation[SessionDocument | None]:
        """Read a session and renew its sliding lifetime."""
        command = ("GETEX", self.key(hashed(session_id)), "PX", ttl_ms(settings))
        return Operation("get", command, command, lambda reply: live(reply, now_ms))

    def key(self, handle: str) -> str:
        """Name the key of a session."""
        return f"{self.root}session:{handle}"

    def touch(
        self, session_id: str, settings: SessionsDocument, every_seconds: float = TOUCH_SECONDS
    ) -> Operation[bool]:
        """Renew the indexes and the last activity, unless they were within that time."""
        arguments = (hashed(session_id), ttl_ms(settings), _ms(every_seconds))
        return self._call("touch", arguments, bool)

    def create(
        self,
        session_id: str,
        login: Login,
        settings: SessionsDocument,
        *,
        replaces: str = "",
        family: str = "",
    ) -> Operation[SessionDocument]:
        """Make a session under a new id, in place of the one with the id `replaces`.

        With a new `family`, refresh tokens of it renew the session, from generation 1.
        """
        arguments = (
            hashed(session_id),
            login.model_dump_json(),
            *_lifetimes(settings),
            replaces and hashed(replaces),
            family,
        )
        return self._call("create", arguments, SessionDocument.model_validate_json)

    def rotate(
        self, session_id: str, new_id: str, changes: str, settings: SessionsDocument
    ) -> Operation[SessionDocument | None]:
        """Give a session another id; `changes` are fields of its login, as a JSON object."""
        arguments = (hashed(session_id), hashed(new_id), changes, ttl_ms(settings))
        return self._call("rotate", arguments, _session)

    def end(self, user: str, handle: str) -> Operation[bool]:
        """End one login of a user by the handle of its device; tell whether there was one."""
        return self._call("end", (user, handle), bool)

    def end_all(self, user: str, besides: str = "") -> Operation[int]:
        """End all sessions and refresh tokens of a user, perhaps but one id's; give how many."""
        return self._call("end_all", (user, besides and hashed(besides)), int)

    def devices(self, user: str) -> Operation[list[Device]]:
        """List the devices of a user; the one with the latest activity first."""
        return self._call("list", (user,), lambda reply: [_device(*each) for each in reply])

    def counts(self) -> Operation[dict[DeviceType, int]]:
        """Count the sessions of all users by device type; a minute old at most."""
        return self._call("counts", (), _counts)

    def refresh(
        self, family: str, generation: int, successor_id: str, settings: SessionsDocument
    ) -> Operation[Refresh]:
        """Take a refresh token; `successor_id` is the id that it gives, the same each time."""
        ttl, lifetime, most = _lifetimes(settings)
        grace = _ms(GRACE_SECONDS)
        arguments = (family, generation, hashed(successor_id), grace, ttl, lifetime, most)
        return self._call("refresh", arguments, _refresh)

    def _call(
        self, script: str, arguments: Sequence[Argument], parse: Callable[[Any], T]
    ) -> Operation[T]:
        of, rest = _script(script), (1, self.root, *arguments)
        return Operation(script, of.command(rest), of.in_full(rest), parse)


@cache
def _script(name: str) -> Script:
    """Read a script, with what they all share before it."""
    return Script.read("osnovci.sessions", "common", name)


def _ms(seconds: float) -> int:
    return max(round(seconds * 1000), 1)


def ttl_ms(settings: SessionsDocument) -> int:
    """Give the sliding lifetime."""
    return _ms(settings.ttl_seconds)


def _lifetimes(settings: SessionsDocument) -> tuple[int, int, int]:
    return ttl_ms(settings), _ms(settings.refresh_ttl_seconds), settings.max_per_user


def live(reply: Any, now_ms: int) -> SessionDocument | None:
    """Read what Redis keeps of a session, if it still does and the session has not ended."""
    session = _session(reply)
    return session if session and session.ends_at_ms > now_ms else None


def _session(reply: Any) -> SessionDocument | None:
    return None if reply is None else SessionDocument.model_validate_json(reply)


def _refresh(reply: Any) -> Refresh:
    outcome = Refreshed(_text(reply[0]))
    if outcome in {Refreshed.ROTATED, Refreshed.AGAIN}:
        return Refresh(outcome, int(reply[1]), _session(reply[2]))
    return Refresh(outcome)


def _device(handle: Any, document: Any, is_live: int) -> Device:
    session = SessionDocument.model_validate_json(document) if is_live else None
    return Device(_text(handle), session or Login.model_validate_json(document), session)


def _counts(reply: Any) -> dict[DeviceType, int]:
    words = [_text(each) if isinstance(each, bytes) else each for each in reply]
    return {DeviceType(words[i]): int(words[i + 1]) for i in range(0, len(words), 2)}


def _text(value: Any) -> str:
    return value.decode() if isinstance(value, bytes) else str(value)
