"""Homework: listed, noted down, ticked off. What follows from it is done by jobs, after the answer."""

import logging
from typing import Any

from redis.exceptions import RedisError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from homework.database import GREATEST_ID
from homework.jobs import notify_class, send_email
from homework.pupils import Pupil
from homework.web.bodies import Change, NewHomework, read
from homework.web.services import Services, services_of
from homework.web.who import pupil_of
from osnovci.database.connection import Row
from osnovci.queues.operations import enqueue_many, request

SHOWN = 50
CREATED = 201

LIST = """
    SELECT id, title, done, created_at FROM homework WHERE student = $1 ORDER BY id DESC LIMIT $2
"""
ADD = "INSERT INTO homework (student, title) VALUES ($1, $2) RETURNING id, title, done, created_at"
TICK = """
    UPDATE homework SET done = $3 WHERE id = $1 AND student = $2
    RETURNING id, title, done, created_at
"""

log = logging.getLogger(__name__)


async def list_homework(asked: Request) -> Response:
    """Give the newest homework of the pupil, newest first."""
    pupil = pupil_of(asked)
    async with services_of(asked).database.connection() as connection:
        rows = await connection.fetch(LIST, pupil.name, SHOWN)
    return JSONResponse({"homework": [_shown(row) for row in rows]})


async def add(asked: Request) -> Response:
    """Keep a homework; the class and the pupil are told by jobs, so that nobody waits for them."""
    pupil, services = pupil_of(asked), services_of(asked)
    new = await read(asked, NewHomework)
    async with services.database.connection() as connection:
        row = await connection.fetchrow(ADD, pupil.name, new.title)
    assert row is not None
    told = await _tell(services, pupil, new.title)
    return JSONResponse({"homework": _shown(row), "told": told}, CREATED)


async def tick(asked: Request) -> Response:
    """Note that a homework is done, or that it is not."""
    pupil = pupil_of(asked)
    change = await read(asked, Change)
    homework = min(asked.path_params["id"], GREATEST_ID)
    async with services_of(asked).database.connection() as connection:
        row = await connection.fetchrow(TICK, homework, pupil.name, change.done)
    if row is None:
        raise HTTPException(404, f"{pupil.name} has no homework {homework}")
    return JSONResponse({"homework": _shown(row)})


async def _tell(services: Services, pupil: Pupil, title: str) -> bool:
    """Accept the jobs in one round trip; what is kept is kept, also where Redis is away."""
    message = f"{pupil.name} noted down: {title}"
    jobs = [
        request(notify_class, pupil.school_class, message),
        request(send_email, pupil.email, "New homework", message),
    ]
    try:
        await services.queues.run(enqueue_many(jobs))
    except RedisError as error:
        log.warning("nobody is told of a homework, Redis is away: %s", error)
        return False
    return True


def _shown(row: Row) -> dict[str, Any]:
    return {**row, "created_at": row["created_at"].isoformat(timespec="seconds")}


ROUTES = [
    Route("/api/homework", list_homework, methods=["GET"]),
    Route("/api/homework", add, methods=["POST"]),
    Route("/api/homework/{id:int}", tick, methods=["PATCH"]),
]
