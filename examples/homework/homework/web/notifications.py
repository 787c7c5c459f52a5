"""The WebSocket that pushes notifications: each once, in order, from the last one that was seen.

`/ws` begins with the newest ones, `/ws?after=ID` with those after an id: so a page that was cut off
misses none. A socket is its session's: it ends with it.
"""

import asyncio
import logging
from typing import Any

import asyncpg
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse
from starlette.routing import WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from homework.database import GREATEST_ID
from homework.web.services import Services, services_of
from homework.web.who import session_of, visit_of
from osnovci.database.connection import Row
from osnovci.database.errors import DatabaseError
from osnovci.sessions.errors import SessionsAwayError

NEWEST = 20
PIECE = 100
PAUSE_SECONDS = 0.1
"""Between two looks of a socket, however often the bell rings."""

LOGGED_OUT, TRY_AGAIN_LATER = 1008, 1013
AFTER = """
    SELECT id, message, created_at FROM notification
    WHERE student = $1 AND id > $2 ORDER BY id LIMIT $3
"""
BEFORE_NEWEST = """
    SELECT COALESCE(min(id) - 1, 0)
    FROM (SELECT id FROM notification WHERE student = $1 ORDER BY id DESC LIMIT $2) AS newest
"""

log = logging.getLogger(__name__)


async def notifications(socket: WebSocket) -> None:
    """Push what a pupil is told until the socket ends."""
    try:
        student, after = session_of(socket).user_id, _after(socket)
    except HTTPException as error:
        await socket.send_denial_response(JSONResponse({"error": error.detail}, error.status_code))
        return
    await socket.accept()
    pushing = asyncio.create_task(_push(socket, student, after))
    try:
        async for _ in socket.iter_text():
            pass
    finally:
        pushing.cancel()
        await asyncio.wait([pushing])


def _after(socket: WebSocket) -> int | None:
    text = socket.query_params.get("after")
    if text is None:
        return None
    if not text.isdecimal() or int(text) > GREATEST_ID:
        raise HTTPException(400, f"after is {text!r}; it should be the id of a notification")
    return int(text)


async def _push(socket: WebSocket, student: str, after: int | None) -> None:
    services = services_of(socket)
    try:
        with services.bell.heard(student) as ear:
            while True:
                await ear.wait()
                ear.clear()
                if not await _is_logged_in(socket):
                    await socket.close(LOGGED_OUT)
                    return
                after = await _push_newer(socket, services, student, after)
                await asyncio.sleep(PAUSE_SECONDS)
    except (DatabaseError, asyncpg.PostgresError) as error:
        log.warning("a socket is closed, the database does not answer: %s", error)
        await socket.close(TRY_AGAIN_LATER)
    except SessionsAwayError:
        await socket.close(TRY_AGAIN_LATER)
    except WebSocketDisconnect:
        return


async def _is_logged_in(socket: WebSocket) -> bool:
    """Look its session up anew."""
    visit = visit_of(socket)
    await visit.open()
    return visit.session is not None


async def _push_newer(
    socket: WebSocket, services: Services, student: str, after: int | None
) -> int:
    """Push all that is newer; give the id of the last."""
    async with services.database.connection() as connection:
        if after is None:
            after = int(await connection.fetchval(BEFORE_NEWEST, student, NEWEST))
        rows = await connection.fetch(AFTER, student, after, PIECE)
    # The connection is given back first: who reads slowly holds up no one.
    for row in rows:
        await socket.send_json(_shown(row))
    if len(rows) == PIECE:
        return await _push_newer(socket, services, student, rows[-1]["id"])
    return rows[-1]["id"] if rows else after


def _shown(row: Row) -> dict[str, Any]:
    return {**row, "created_at": row["created_at"].isoformat(timespec="seconds")}


ROUTES = [WebSocketRoute("/ws", notifications)]
