"""The application that is served bare, with the runtime around it, and with all that the runtime has.

`floor` is what all of it could cost at the least.
"""

import gc
import os
from collections.abc import Awaitable
from typing import TYPE_CHECKING

from starlette.applications import Starlette
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from osnovci.contract import ENV_REDIS_URL
from osnovci.line import Line, packed
from osnovci.session_contract import ENV_SESSION_KEYS
from osnovci.sessions.middleware import Sessions
from osnovci.web.asgi import App, Message, Receive, Scope, Send
from osnovci.web.runtime import WebRuntime
from osnovci.web.server import YOUNG_OBJECTS

if TYPE_CHECKING:
    from starlette.requests import Request

GET = packed(("GET", "floor"))
HEADERS = (
    (b"x-server-id", b"web-1"),
    (b"x-server-uptime", b"60"),
    (b"x-ratelimit-limit", b"100"),
    (b"x-ratelimit-remaining", b"99"),
    (b"x-ratelimit-reset", b"2026-09-01T08:00:00.000Z"),
    (b"ratelimit-policy", b'"global";q=100;w=900, "api";q=100;w=60, "homework";q=100;w=3600'),
    (b"ratelimit", b'"global";r=99;t=900'),
)


class Floor:
    """Waits for one answer of Redis and sends the headers, without a thought about either."""

    def __init__(self, app: App, redis_url: str) -> None:
        self._app = app
        self._line = Line(redis_url, budget_seconds=1.0)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request."""

        def tell(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *HEADERS]
            return send(message)

        if scope["type"] == "http":
            await self._line.put(GET)
        await self._app(scope, receive, tell)


async def homework(_: "Request") -> Response:
    return JSONResponse({"homework": [{"id": 1, "title": "Fractions", "due": "2026-09-01"}]})


bare = Starlette(routes=[Route("/api/homework", homework)])
if "OSNOVCI_APP_DOCUMENT" in os.environ:
    wrapped = WebRuntime(bare)
if ENV_SESSION_KEYS in os.environ:
    full = WebRuntime(bare, sessions=Sessions(plain_http=True))
    floor = Floor(bare, os.environ[ENV_REDIS_URL])

# As `osnovci serve` does; a bare Starlette has no use for it, as it leaves nothing to collect.
gc.set_threshold(YOUNG_OBJECTS)
gc.collect()
gc.freeze()
