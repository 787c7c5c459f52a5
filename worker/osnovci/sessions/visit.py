"""One request's session, and what a route may do with it: `scope["osnovci.session"]`."""

import json
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeVar

from osnovci.session_contract import Login, SessionDocument
from osnovci.sessions.devices import device_type
from osnovci.sessions.errors import SessionsAwayError, unread
from osnovci.sessions.operations import Device, Operation, Refresh
from osnovci.sessions.tokens import SessionToken, new_family, new_id
from osnovci.sessions.visitor import Kept, Visitor
from osnovci.web.asgi import Header, Scope

if TYPE_CHECKING:
    from osnovci.sessions.middleware import Sessions

T = TypeVar("T")
SCOPE = "osnovci.session"


@dataclass(frozen=True)
class Handed:
    """What a login hands out; browsers have it as cookies, programs take it from here."""

    session: SessionDocument
    session_token: str = field(repr=False)
    """For `Authorization: Bearer`."""
    refresh_token: str = field(repr=False)
    """Empty where the login is not remembered."""


class Visit:
    """The session of one request. Every method may raise SessionsAwayError."""

    # As the class has them until they change: most requests never ask for any of it.
    cookies: Sequence[Header] = ()
    """What the answer sets."""
    asked_in_vain = False
    """Somebody needed the session, and it could not be read."""
    _is_told = False
    _kept: Kept | None = None
    """The session as Redis keeps it, until somebody asks for it."""
    _session: SessionDocument | None = None
    _away: SessionsAwayError | None = None

    def __init__(self, sessions: "Sessions", scope: Scope, visitor: Visitor) -> None:
        self._sessions = sessions
        self._scope = scope
        self._visitor = visitor
        self._asked_under = sessions.limits
        """What is in force as the session is asked for."""
        self.presented: SessionToken | None = visitor.presented
        """What the token says that came with the request; only signed, not looked up. None also where
        its session is known to be gone."""
        self.is_open = not visitor.presented and not visitor.refresh_token
        """Nothing is to be waited for before the application has it, as with nearly every request."""

    @property
    def session(self) -> SessionDocument | None:
        """The session, if there is one."""
        if self._away:
            self.asked_in_vain = True
            raise self._away
        if self._kept:
            self._session = self._kept.session(self._sessions.now_ms())
            self._kept = None
        return self._session

    async def log_in(
        self,
        user_id: str,
        *,
        email: str = "",
        role: str = "",
        device_id: str = "",
        remember: bool = False,
    ) -> Handed:
        """Begin a session under a new id; what the visitor came with ends.

        With `remember`, refresh tokens renew it when it has run out.
        """
        sent = dict(self._scope["headers"])
        agent = sent.get(b"user-agent", b"").decode("latin-1")
        login = Login(
            user_id=user_id,
            email=email,
            role=role,
            ip_address=self._sessions.address(self._scope),
            user_agent=agent[:512],
            device_id=device_id,
            device_type=device_type(agent),
        )
        session_id, family = new_id(), new_family() if remember else ""
        create = self._sessions.operations.create(
            session_id,
            login,
            self._sessions.limits,
            replaces=self.presented.session_id if self.presented else "",
            family=family,
        )
        session = await self._run(create)
        return self._hand_out(session_id, session, family, 1)

    async def rotate(self, *, email: str | None = None, role: str | None = None) -> Handed | None:
        """Give the session another id, as when its user may do more from now on."""
        if not self.presented:
            return None
        told = {"email": email, "role": role}
        changes = json.dumps({name: value for name, value in told.items() if value is not None})
        old, new = self.presented.session_id, new_id()
        rotate = self._sessions.operations.rotate(old, new, changes, self._sessions.limits)
        session = await self._run(rotate)
        return self._hand_out(new, session, "", 0) if session else None

    async def log_out(self) -> None:
        """End this session, and the refresh tokens that would renew it."""
        if self.presented:
            user, handle = self.presented.identity.user, self.presented.handle
            await self._run(self._sessions.operations.end(user, handle))
        self._leave()

    async def log_out_everywhere(self, *, stay_here: bool = False) -> int:
        """End all sessions of the user, perhaps but this one; give how many were ended."""
        session = self.session
        if not session or not self.presented:
            return 0
        besides = self.presented.session_id if stay_here else ""
        ended = await self._run(self._sessions.operations.end_all(session.user_id, besides))
        if not stay_here:
            self._leave()
        return ended

    async def devices(self) -> list[Device]:
        """List the devices of the user; the one with the latest activity first."""
        session = self.session
        return (
            await self._run(self._sessions.operations.devices(session.user_id)) if session else []
        )

    def is_here(self, device: Device) -> bool:
        """Tell whether a device of the list is the one that asks."""
        return self.presented is not None and device.handle == self.presented.handle

    async def end_device(self, handle: str) -> bool:
        """End one login of the user, by the handle of its device."""
        session = self.session
        if not session:
            return False
        return await self._run(self._sessions.operations.end(session.user_id, handle))

    async def refresh(self, token: str) -> Handed | None:
        """Renew the session by a refresh token; nothing where the token is worth nothing any more."""
        given = self._sessions.tokens.read_refresh_token(token)
        if not given:
            return None
        session_id = self._sessions.tokens.successor_id(given)
        found: Refresh = await self._run(
            self._sessions.operations.refresh(
                given.family, given.generation, session_id, self._sessions.limits
            )
        )
        if not found.session:
            return None
        return self._hand_out(session_id, found.session, given.family, found.generation)

    async def open(self) -> None:
        """Look up the session of the request, unless that has just been done; renew it where it is due.

        One that has run out, and is remembered, gets a successor. Who serves for long looks again.
        """
        try:
            if self._is_told:
                self._is_told = False
            elif lookup := self.lookup():
                self._away = self._kept = None
                self._session = await self._run(lookup)
                if not self._session:
                    self._note_gone()
            if self._kept or self._session:
                await self._touch()
            elif self._scope["type"] == "http" and not self._away and self._visitor.refresh_token:
                await self.refresh(self._visitor.refresh_token)
        except SessionsAwayError as error:
            self._away, self.asked_in_vain = error, False

    def found(self, document: bytes | None, now_ms: float) -> None:
        """Be told what was read of the session together with the limits."""
        sessions = self._sessions
        sessions.answered()
        if document:
            kept = self._kept = self._visitor.kept(document)
            self.is_open = not sessions.is_stale(kept.last_activity_ms, now_ms)
        else:
            self._note_gone()
        self._is_told = not self.is_open

    def leave_unread(self, *, is_refused: bool = False) -> None:
        """Be told that Redis was asked in vain, so that nobody waits for it again."""
        if not self._is_told:
            # A refusal is in the log already.
            why = "Redis gave limits no answer"
            self._away = unread() if is_refused else self._sessions.away(why)
            self._is_told = True

    def _note_gone(self) -> None:
        if self.presented:
            self._sessions.gone.note(self.presented.handle, self._sessions.now_ms())

    def lookup(self) -> Operation[SessionDocument | None] | None:
        """Give the operation that reads the session and renews it, by what is in force now."""
        if not self.presented:
            return None
        sessions = self._sessions
        limits = self._asked_under = sessions.limits
        return sessions.operations.get(self.presented.session_id, limits, sessions.now_ms())

    async def _touch(self) -> None:
        """Renew the indexes, once in a while; if not now, then with the next request."""
        presented, sessions, now_ms = self.presented, self._sessions, self._sessions.now_ms()
        read = self._kept or self._session
        # No request is held to the limits of one config and renews by the lifetimes of the next.
        is_of_now = self._asked_under is sessions.limits
        if presented and read and is_of_now and sessions.is_stale(read.last_activity_ms, now_ms):
            every_seconds = sessions.touch_ms(now_ms) / 1000
            touch = sessions.operations.touch(presented.session_id, sessions.limits, every_seconds)
            with suppress(SessionsAwayError):
                await sessions.run(touch)

    def _hand_out(
        self, session_id: str, session: SessionDocument, family: str, generation: int
    ) -> Handed:
        """Give what the visitor gets, and have the answer set it."""
        tokens, names = self._sessions.tokens, self._visitor.names
        token = tokens.session_token(session_id, session)
        age = round(self._sessions.limits.refresh_ttl_seconds)
        self.presented = tokens.read_session_token(token)
        if self.presented:
            self._sessions.gone.forget(self.presented.handle)
        self._session, self._kept, self._away = session, None, None
        told = [names.set(names.session, token, age if session.family else None)]
        renewal = tokens.refresh_token(family, generation) if family else ""
        if renewal:
            told.append(names.set(names.refresh, renewal, age))
        elif not session.family:
            # Of a login before, which was remembered and has ended with this one.
            told.append(names.clear(names.refresh))
        self.cookies = told
        return Handed(session, token, renewal)

    def _leave(self) -> None:
        self._session = self._kept = self.presented = None
        names = self._visitor.names
        self.cookies = [names.clear(name) for name in (names.session, names.refresh)]

    async def _run(self, operation: Operation[T]) -> T:
        try:
            if self._away:
                raise self._away
            return await self._sessions.run(operation)
        except SessionsAwayError:
            self.asked_in_vain = True
            raise
