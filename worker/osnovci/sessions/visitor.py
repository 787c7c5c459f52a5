"""Who a request's headers say it is from. The same ones come again and again, so what they say is kept."""

import re

from osnovci.session_contract import SessionDocument
from osnovci.sessions.cookies import Names
from osnovci.sessions.operations import live
from osnovci.sessions.tokens import SessionToken

LAST_ACTIVITY = re.compile(rb'"last_activity_ms":(\d+)')
"""In a document; within a string its quotes would be escaped."""


class Kept:
    """A session as Redis keeps it, until somebody asks for it: reading all of it takes eight times as long."""

    __slots__ = ("_session", "document", "last_activity_ms")

    def __init__(self, document: bytes) -> None:
        self.document = document
        found = LAST_ACTIVITY.search(document)
        self.last_activity_ms = int(found[1]) if found else 0
        self._session: SessionDocument | None = None

    def session(self, now_ms: int) -> SessionDocument | None:
        """Read it; nothing where it has ended."""
        if not self._session:
            self._session = live(self.document, now_ms)
        elif self._session.ends_at_ms <= now_ms:
            return None
        return self._session


class Visitor:
    """What the headers say."""

    __slots__ = ("_kept", "names", "presented", "refresh_token")

    def __init__(self, names: Names, refresh_token: str, presented: SessionToken | None) -> None:
        self.names = names
        self.refresh_token = refresh_token
        """That of the cookie; empty without one."""
        self.presented = presented
        """What the session's token says: only signed, not looked up."""
        self._kept: Kept | None = None

    @property
    def stranger(self) -> "Visitor":
        """The same without the session."""
        return Visitor(self.names, self.refresh_token, None)

    def kept(self, document: bytes) -> Kept:
        """Give what Redis keeps of the session; mostly that is what it kept before."""
        if self._kept is None or self._kept.document != document:
            self._kept = Kept(document)
        return self._kept
