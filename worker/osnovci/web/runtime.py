"""The middleware: one object around a whole ASGI application, and all that Osnovci does to a request.

One instead of one for each purpose: a layer of ASGI costs every request two coroutines.
"""

import asyncio
import logging
import os
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from osnovci.app_contract import ALIVE_PATH, HEALTH_PATH, READY_PATH, AppDocument
from osnovci.container import Container
from osnovci.health import Status
from osnovci.sessions.errors import SessionsAwayError
from osnovci.settings import AppSettings
from osnovci.web.admission import Admission
from osnovci.web.asgi import App, Message, Receive, Scope, Send, answer
from osnovci.web.database import Database
from osnovci.web.drain import Drain
from osnovci.web.examination import Ask, Examination
from osnovci.web.limits import WebLimits
from osnovci.web.pulse import Configure, Pulse
from osnovci.web.replica import Replica
from osnovci.web.reply import SERVER_ERROR, UNAVAILABLE, Reply

if TYPE_CHECKING:
    from osnovci.sessions.middleware import Sessions

RETRY_AFTER = (b"retry-after", b"1")

log = logging.getLogger(__name__)


class WebRuntime:
    """An ASGI application with health, shedding, rate limits, drain, heartbeats and the config channel.

    `database` is asked for its health and told its limits; `checks` are more of the application's
    own for /api/health; `configure` is told every document, and raises to refuse it. With `sessions`,
    each request has its own in `scope["osnovci.session"]`; `limits` are for an application that tells
    whose a request is, or charges limits of its own.
    """

    def __init__(  # noqa: PLR0913  # what an application may add, each by its name
        self,
        app: App,
        *,
        database: Database | None = None,
        checks: Mapping[str, Ask] | None = None,
        configure: Configure | None = None,
        sessions: "Sessions | None" = None,
        limits: WebLimits | None = None,
        settings: AppSettings | None = None,
    ) -> None:
        self._app = app
        self._sessions = sessions
        self._configure = configure
        settings = settings or AppSettings.parse(os.environ, socket.gethostname())
        self._limits = limits or WebLimits()
        self._limits.open(settings, sessions)
        self._admission = Admission(self._limits, sessions)
        self._replica = Replica(settings, database, time.monotonic())
        self._traffic = self._replica.traffic
        self._pulse = Pulse(self._replica, Container(), self._put_in_force, self._limits)
        self._examination = Examination(self._replica, checks or {}, lambda: self._pulse.silence)
        self._beating: asyncio.Task[None] | None = None
        self._drain: Drain | None = None
        self._own: dict[str, Callable[[Send], Awaitable[None]]] = {
            HEALTH_PATH: self._health,
            READY_PATH: self._ready,
            ALIVE_PATH: self._alive,
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection. This is every request's path: what it reads is held ready."""
        if scope["type"] != "http":
            await self._other(scope, receive, send)
            return
        own = self._own.get(scope["path"])
        if own:
            await own(send)
            return
        replica, traffic = self._replica, self._traffic
        if traffic.in_flight >= replica.most_in_flight or replica.memory_full:
            await self._turn_away(send)
            return
        reply = Reply(send, replica)
        traffic.in_flight += 1
        began = time.monotonic()
        try:
            app: App | None = None
            if not self._admission.is_open:
                app = await self._admission.admit(scope, reply, began)
            app = app or self._limits.answers(scope) or self._app
            await app(scope, receive, reply.tell)
        except SessionsAwayError:
            if not await reply.unavailable("http"):
                reply.status = SERVER_ERROR
                raise
        except BaseException:
            reply.status = SERVER_ERROR
            raise
        finally:
            if self._sessions:
                self._sessions.farewell(scope)
            traffic.ended(reply.status, time.monotonic() - began)

    async def _turn_away(self, send: Send) -> None:
        self._traffic.turned_away()
        full = self._replica.memory_full
        why = "the memory is nearly full" if full else "too many requests are in flight"
        body = {"error": f"{why}; try again in a second"}
        await answer(send, UNAVAILABLE, body, [RETRY_AFTER, *self._replica.headers])

    async def _health(self, send: Send) -> None:
        report = await self._examination.report()
        status = UNAVAILABLE if report.status == Status.UNHEALTHY else 200
        await answer(send, status, report.body(), self._replica.headers)

    async def _ready(self, send: Send) -> None:
        why_not = self._replica.why_not_ready
        body = {"ready": False, "reason": why_not} if why_not else {"ready": True}
        await answer(send, UNAVAILABLE if why_not else 200, body, self._replica.headers)

    async def _alive(self, send: Send) -> None:
        """Answer, which proves that the loop turns; a pulse that has ended needs a new process."""
        is_alive = self._beating is None or not self._beating.done()
        status = 200 if is_alive else UNAVAILABLE
        await answer(send, status, {"alive": is_alive}, self._replica.headers)

    async def _other(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        reply = Reply(send, self._replica)
        self._traffic.websockets += 1
        try:
            app = await self._admission.admit(scope, reply, time.monotonic()) or self._app
            await app(scope, receive, reply.tell)
        except SessionsAwayError:
            if not await reply.unavailable("websocket"):
                raise
        finally:
            if self._sessions:
                self._sessions.farewell(scope)
            self._traffic.websockets -= 1

    async def _live(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Begin before the application starts and end after it has; it need not know of either."""
        heard = answered = False

        async def hear() -> Message:
            nonlocal heard
            message = await receive()
            if not heard:
                heard = True
                await self._begin()
            return message

        async def tell(message: Message) -> None:
            nonlocal answered
            answered = True
            if message["type"] == "lifespan.startup.complete":
                self._started()
            else:
                await self._end()
            await send(message)

        try:
            await self._app(scope, hear, tell)
        except Exception as error:
            if answered:
                await self._end()
                raise
            log.info("the application takes no part in lifespans: %r", error)
        if not answered:
            # ASGI says that the server goes on; this is the server, to the application.
            if not heard:
                await hear()
            await tell({"type": "lifespan.startup.complete"})
            await receive()
            await tell({"type": "lifespan.shutdown.complete"})

    async def _begin(self) -> None:
        await self._limits.begin()
        await self._pulse.begin()
        self._beating = asyncio.create_task(self._pulse.run())
        self._beating.add_done_callback(_tell_of_its_end)

    def _started(self) -> None:
        self._replica.started = True
        self._drain = Drain(self._drain_seconds, self._begin_to_drain)
        self._drain.hear()
        self._pulse.wake()

    def _drain_seconds(self) -> float:
        return self._replica.config.document.shutdown.drain_seconds

    def _begin_to_drain(self) -> None:
        self._replica.drain(time.monotonic())
        self._pulse.wake()

    async def _end(self) -> None:
        if self._drain:
            self._drain.forget()
        beating, self._beating = self._beating, None
        if beating:
            beating.cancel()
            await asyncio.wait([beating])
            await self._pulse.end()
        if self._sessions:
            await self._sessions.close()
        await self._limits.close()

    async def _put_in_force(self, document: AppDocument) -> None:
        """Ask the application first, which may refuse; what holds requests changes as one, at once."""
        database = self._replica.database
        try:
            if self._configure:
                await self._configure(document)
            self._admission.put_in_force(document)
            if database and document.database:
                await database.configure(document.database)
        except Exception:
            # Also where it is one before that was on its way, and waited for the pool.
            self._admission.put_in_force(self._replica.config.document)
            raise


def _tell_of_its_end(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and (error := task.exception()):
        log.critical("the pulse has ended, /api/alive says so", exc_info=error)
