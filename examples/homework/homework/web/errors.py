"""What a request is told when it cannot be served: always JSON with one sentence, `error`."""

import logging

from redis.exceptions import RedisError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from osnovci.database.errors import DatabaseError

log = logging.getLogger(__name__)
UNAVAILABLE = 503


async def refused(_: Request, error: Exception) -> Response:
    """Say what is wrong with the request."""
    assert isinstance(error, HTTPException)
    return JSONResponse({"error": error.detail}, error.status_code, error.headers)


async def no_database(_: Request, error: Exception) -> Response:
    """Say that it is for the moment; where the database is, only the log says."""
    log.warning("no answer without the database: %s", error)
    return _for_the_moment("the database does not answer")


async def no_redis(_: Request, error: Exception) -> Response:
    """Say that it is for the moment."""
    log.warning("no answer without Redis: %s", error)
    return _for_the_moment("the queues do not answer")


def _for_the_moment(what: str) -> Response:
    body = {"error": f"{what}; try again in a second"}
    return JSONResponse(body, UNAVAILABLE, {"retry-after": "1"})


HANDLERS = {HTTPException: refused, DatabaseError: no_database, RedisError: no_redis}
