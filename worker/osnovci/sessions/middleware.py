"""Sessions around an ASGI application: what the web runtime calls, and an application makes one of.

Each request with a token of ours is one round trip to Redis, within a time budget; one without is none.
"""

import asyncio
import logging
import os
import time
from collections.abc import Callable
from typing import TypeVar

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from osnovci.app_contract import SessionsDocument
from osnovci.sessions import cookies
from osnovci.sessions.errors import SessionsAwayError
from osnovci.sessions.operations import Operation, Operations
from osnovci.sessions.reply import Reply
from osnovci.sessions.settings import SessionSettings
from osnovci.sessions.stores import AsyncStore
from osnovci.sessions.tokens import Identity, Tokens
from osnovci.sessions.visit import SCOPE, Visit
from osnovci.web.asgi import App, Receive, Scope, Send

BUDGET_SECONDS = 0.1
"""How long a request waits for Redis, a connection included."""

CONNECTIONS = 64
"""The most of a process; who finds none free within the budget is answered as if Redis were away."""

T = TypeVar("T")
Address = Callable[[Scope], str]
"""Gives the client's address, as far as it can be trusted."""

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
        address: Address = peer,
        settings: SessionSettings | None = None,
    ) -> None:
        settings = settings or SessionSettings.parse(os.environ)
        self.operations = Operations(settings.namespace, settings.app)
        self.tokens = Tokens(settings.keys, settings.namespace, settings.app)
        self.limits = settings.document
        """The lifetimes in force."""
        self.address = address
        self._plain_http = plain_http
        pool = BlockingConnectionPool.from_url(
            settings.redis_url,
            max_connections=CONNECTIONS,
            timeout=BUDGET_SECONDS,
            socket_timeout=BUDGET_SECONDS,
            socket_connect_timeout=BUDGET_SECONDS,
            # The time of a second try is the visitor's.
            retry=Retry(NoBackoff(), 0),
            client_name="osnovci-sessions",
        )
        self._redis = Redis(connection_pool=pool)
        self._store = AsyncStore(self._redis)
        self._is_away = False

    def configure(self, document: SessionsDocument) -> None:
        """Put these lifetimes in force; sessions that live meet them as they are next used."""
        self.limits = document

    def identify(self, scope: Scope) -> Identity | None:
        """Say whose request it is by its token, without Redis; whether the session lives is not asked."""
        presented = self.visit(scope).presented
        return presented and presented.identity

    def visit(self, scope: Scope) -> Visit:
        """Give the visit of a request, the same each time."""
        found = scope.get(SCOPE)
        if found is None:
            found = scope[SCOPE] = Visit(self, scope, self._names(scope))
        return found

    async def serve(self, app: App, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a connection with the session that it comes with."""
        if scope["type"] not in {"http", "websocket"}:
            await app(scope, receive, send)
            return
        visit = self.visit(scope)
        await visit.open()
        reply = Reply(visit, send)
        try:
            await app(scope, receive, reply.tell)
        except SessionsAwayError:
            if not await reply.unavailable(scope["type"]):
                raise

    async def run(self, operation: Operation[T]) -> T:
        """Run an operation within the time budget.

        Raises SessionsAwayError.
        """
        try:
            async with asyncio.timeout(BUDGET_SECONDS):
                result = await self._store.run(operation)
        except (RedisError, OSError, TimeoutError) as error:
            if not self._is_away:
                self._is_away = True
                log.warning("sessions cannot be read, what needs one is answered 503: %r", error)
            raise SessionsAwayError("sessions cannot be read now; try again in a second") from error
        if self._is_away:
            self._is_away = False
            log.info("sessions are read again")
        return result

    async def close(self) -> None:
        """Close the connections."""
        await self._redis.aclose()

    def now_ms(self) -> int:
        """Give the time of this process, in ms."""
        return round(time.time() * 1000)

    def _names(self, scope: Scope) -> cookies.Names:
        if not self._plain_http:
            return cookies.SECURE
        host = next((value for name, value in scope["headers"] if name == b"host"), b"")
        return cookies.PLAIN if cookies.is_loopback(host.decode("latin-1")) else cookies.SECURE
