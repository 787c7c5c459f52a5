"""A web application for tests, as a team would write it: Starlette, and the runtime around it."""

import asyncio
import gc
import os
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from osnovci.app_contract import AppDocument
from osnovci.web.runtime import WebRuntime

SHARED = PlainTextResponse("shared")
"""One object for all requests, which no middleware may change."""

gate = asyncio.Event()
documents: list[AppDocument] = []


async def hello(_: Request) -> Response:
    return PlainTextResponse("hello")


async def wait(_: Request) -> Response:
    """Answer when the gate is opened."""
    await gate.wait()
    return PlainTextResponse("waited")


async def wait_for_the_end(request: Request) -> Response:
    """Answer when nobody is let in any more."""
    while True:
        try:
            _, writer = await asyncio.open_connection(*request.scope["server"])
        except OSError:
            return PlainTextResponse("nobody is let in")
        writer.close()
        await asyncio.sleep(0.02)


async def open_gate(_: Request) -> Response:
    gate.set()
    return PlainTextResponse("open")


async def broken(_: Request) -> Response:
    raise RuntimeError("broken on purpose")


async def configured(_: Request) -> Response:
    """Give every document that the application was told."""
    return JSONResponse([document.model_dump() for document in documents])


async def echo(websocket: WebSocket) -> None:
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(text)


async def garbage(_: Request) -> Response:
    """Give how many objects the collector lets be, and after how many new ones it looks."""
    return JSONResponse({"frozen": gc.get_freeze_count(), "young": gc.get_threshold()[0]})


class Pool:
    """A pool's size without a database, which is not this module's matter."""

    def __init__(self) -> None:
        self.size, self.open, self.in_use, self.waiting = 10, 3, 2, 1
        self.ok, self.message = True, "answers"

    def statistics(self) -> "Pool":
        return self

    async def health(self) -> "Pool":
        return self

    async def configure(self, settings: Any) -> None:
        """Take as long as a pool whose connections are all in use, to shrink to one."""
        if settings.connections_per_process == 1:
            await gate.wait()
        self.size = settings.connections_per_process


async def configure(document: AppDocument) -> None:
    if document.sessions.max_per_user == 13:
        raise ValueError("13 sessions bring bad luck")
    if document.sessions.max_per_user == 14 and not gate.is_set():
        raise ValueError("not before the gate is open")
    documents.append(document)


pool = Pool()


async def break_pool(_: Request) -> Response:
    pool.ok, pool.message = False, "the database refuses connections"
    return PlainTextResponse("broken")


starlette = Starlette(
    routes=[
        Route("/", hello),
        Route("/shared", SHARED),
        Route("/wait", wait),
        Route("/wait-for-the-end", wait_for_the_end),
        Route("/open", open_gate),
        Route("/broken", broken),
        Route("/configured", configured),
        Route("/garbage", garbage),
        Route("/break-pool", break_pool),
        WebSocketRoute("/echo", echo),
    ]
)
app = WebRuntime(starlette, database=pool, configure=configure)
bare = starlette
"""The same, for `osnovci serve` to put the runtime around."""


async def only_http(scope: Any, receive: Any, send: Any) -> None:
    """An application that knows nothing but requests."""
    assert scope["type"] == "http"
    del receive
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"plain"})


def make() -> Starlette:
    """Make an application, and be none."""
    return starlette


async def half(scope: Any, receive: Any, send: Any) -> None:
    """Start in the first process only."""
    if scope["type"] == "lifespan" and os.environ["OSNOVCI_PROCESS"] != "0":
        await fails_to_start(scope, receive, send)
    else:
        await only_http(scope, receive, send)


async def fails_to_start(scope: Any, receive: Any, send: Any) -> None:
    assert scope["type"] == "lifespan"
    await receive()
    await send({"type": "lifespan.startup.failed", "message": "no database"})
