"""Sessions around an ASGI application: what the web runtime calls, and an application makes one of.

The lookup of a request is one round trip to Redis, within a time budget; a request without a token of
ours has none. Where limits are asked about too, it is the same round trip (`osnovci.web.admission`).
"""

import logging
import os
import time
from collections.abc import Callable, Mapping
from typing import TypeVar

from redis.exceptions import ResponseError

from osnovci.app_contract import SessionsDocument
from osnovci.breaker import Breaker
from osnovci.line import SESSION_SECONDS, Line
from osnovci.refusals import Refusals
from osnovci.scripted import AWAY
from osnovci.session_contract import TOUCH_SECONDS
from osnovci.sessions import cookies
from osnovci.sessions.errors import SessionsAwayError, unread
from osnovci.sessions.gone import Gone
from osnovci.sessions.operations import Operation, Operations, ttl_ms
from osnovci.sessions.settings import SessionSettings
from osnovci.sessions.stores import AsyncStore
from osnovci.sessions.tokens import Tokens
from osnovci.sessions.visit import SCOPE, Visit
from osnovci.sessions.visitor import Visitor
from osnovci.web.asgi import Scope, headers_of

T = TypeVar("T")
Address = Callable[[Scope], str]
"""Gives the client's address, as far as it can be trusted."""

BEARER = "bearer "

log = logging.getLogger(__name__)


def peer(scope: Scope) -> str:
    """Give the address of who opened the connection."""
    return scope["client"][0] if scope.get("client") else ""


class Sessions:
    """The sessions of one app. `plain_http` lets a browser on the loopback have them without TLS."""

    def __init__(
        self,
        *,
        plain_http: bool = False,
        address: Address | None = None,
        settings: SessionSettings | None = None,
        budget_seconds: float = SESSION_SECONDS,
    ) -> None:
        settings = settings or SessionSettings.parse(os.environ)
        self.operations = Operations(settings.namespace, settings.app)
        self.tokens = Tokens(settings.keys, settings.namespace, settings.app)
        self._put_in_force(settings.document)
        self._changed_at_ms = float("-inf")
        self.address = address or peer
        self._knows_address = address is not None
        self._plain_http = plain_http
        self.breaker = Breaker()
        self.line = Line(settings.redis_url, budget_seconds, self.breaker.heard_late)
        """The connection; limits use it too, and its breaker."""
        self._store = AsyncStore(self.line)
        self._is_away = False
        self._refusals = Refusals("what sessions need,")
        self.gone = Gone()

    def configure(self, document: SessionsDocument) -> None:
        """Put these lifetimes in force; sessions that live meet them as they are next used."""
        before = self.limits
        self._put_in_force(document)
        if before.ttl_seconds != document.ttl_seconds:
            self._changed_at_ms = float(self.now_ms())

    def _put_in_force(self, document: SessionsDocument) -> None:
        self.limits, self.ttl_ms = document, ttl_ms(document)
        self._touch_ms = min(TOUCH_SECONDS * 1000, self.ttl_ms / 2)

    def see_through_proxies(self, address: Address) -> None:
        """Take clients' addresses from who knows the trusted proxies, unless the application says its own."""
        if not self._knows_address:
            self.address = address

    def is_stale(self, last_activity_ms: int, now_ms: float) -> bool:
        """Tell whether the indexes of a session are to be renewed.

        Once in a while, and once after a change of lifetimes: by the one before they would count it for
        too long.
        """
        idle_ms = now_ms - last_activity_ms
        return idle_ms >= self._touch_ms or last_activity_ms <= self._changed_at_ms

    def touch_ms(self, now_ms: int) -> float:
        """Give how long ago that is at the least."""
        since_change_ms = max(now_ms - self._changed_at_ms, 1)
        return min(self._touch_ms, since_change_ms)

    def visit(self, scope: Scope) -> Visit:
        """Give the visit of a request, the same each time."""
        found: Visit | None = scope.get(SCOPE)
        return found or self.welcome(scope, self.visitor(headers_of(scope)))

    def welcome(self, scope: Scope, visitor: Visitor) -> Visit:
        """Begin the visit of a request."""
        visit = scope[SCOPE] = Visit(self, scope, visitor)
        return visit

    def farewell(self, scope: Scope) -> None:
        """End it: it holds the scope too, and such a ring would wait for the garbage collector."""
        scope.pop(SCOPE, None)

    def visitor(self, headers: Mapping[bytes, bytes]) -> Visitor:
        """Tell who a request's headers say it is from."""
        names = self.names(headers.get(b"host", b"").decode("latin-1"))
        sent = cookies.read(headers.get(b"cookie", b"").decode("latin-1"))
        authorization = headers.get(b"authorization", b"").decode("latin-1")
        by_bearer = authorization[: len(BEARER)].lower() == BEARER
        token = authorization[len(BEARER) :] if by_bearer else sent.get(names.session, "")
        presented = self.tokens.read_session_token(token.strip()) if token else None
        found = Visitor(names, sent.get(names.refresh, ""), presented)
        return found.stranger if self.is_over(found) else found

    def is_over(self, visitor: Visitor) -> bool:
        """Tell whether what a visitor presented counts no more: its time is over, or it is known to be gone."""
        presented, now = visitor.presented, time.time()
        return presented is not None and (
            presented.ends_at <= now or self.gone.knows(presented.handle, now * 1000)
        )

    async def run(self, operation: Operation[T]) -> T:
        """Run an operation within the time budget, or not at all while Redis gives no answers.

        Raises SessionsAwayError.
        """
        asked_at = time.monotonic()
        if not self.breaker.lets_ask(asked_at, has_session=True):
            raise unread()
        try:
            result = await self._store.run(operation)
        except ResponseError as error:
            self._refusals.tell(error, operation.name)
            raise unread() from error
        except AWAY as error:
            self.breaker.failed(asked_at, time.monotonic(), has_session=True)
            raise self.away(repr(error)) from error
        self.breaker.succeeded()
        self.answered()
        return result

    def answered(self) -> None:
        """Note that Redis gave an answer."""
        if self._is_away:
            self._is_away = False
            log.info("sessions are read again")

    def away(self, why: object) -> SessionsAwayError:
        """Note that Redis gave none, and say what that means to a visit."""
        if not self._is_away:
            self._is_away = True
            log.warning("sessions cannot be read, what needs one is answered 503: %s", why)
        return unread()

    async def close(self) -> None:
        """Close the connection."""
        await self.line.aclose()

    def now_ms(self) -> int:
        """Give the time of this process, in ms."""
        return round(time.time() * 1000)

    def names(self, host: str) -> cookies.Names:
        """Give what cookies are called for a host."""
        return cookies.PLAIN if self._plain_http and cookies.is_loopback(host) else cookies.SECURE
