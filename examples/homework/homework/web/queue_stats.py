"""The queues' figures: asked for once, or pushed by a WebSocket as they change, as the page has them.

A page that asked every second would use up its user's limit; a socket is one request.
"""

import asyncio
from typing import Any

from redis.exceptions import RedisError
from starlette.requests import HTTPConnection, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from homework.web.services import services_of
from osnovci.queues.operations import stats

QUEUES = ("notification", "email", "schedule", "report")
FIGURES = ("waiting", "active", "completed", "failed")
LOOK_SECONDS = 1.0
TRY_AGAIN_LATER = 1013


async def queue_stats(asked: Request) -> Response:
    """Give the figures of every queue at one moment."""
    return JSONResponse({"stats": await _stats(asked)})


async def pushed(socket: WebSocket) -> None:
    """Push the figures, now and as they change, until the socket ends."""
    await socket.accept()
    pushing = asyncio.create_task(_push(socket))
    try:
        async for _ in socket.iter_text():
            pass
    finally:
        pushing.cancel()
        await asyncio.wait([pushing])


async def _push(socket: WebSocket) -> None:
    sent: dict[str, Any] | None = None
    try:
        while True:
            found = await _stats(socket)
            if found != sent:
                await socket.send_json({"stats": found})
                sent = found
            await asyncio.sleep(LOOK_SECONDS)
    except RedisError:
        await socket.close(TRY_AGAIN_LATER)
    except WebSocketDisconnect:
        return


async def _stats(asked: HTTPConnection) -> dict[str, Any]:
    found = await services_of(asked).queues.run(stats(*QUEUES))
    return {name: {each: getattr(found[name], each) for each in FIGURES} for name in QUEUES}


ROUTES = [
    Route("/api/queue-stats", queue_stats, methods=["GET"]),
    WebSocketRoute("/ws/queues", pushed),
]
