"""A web application that enters what it is told into PostgreSQL, and has a job done for each entry."""

import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import asyncpg
from homework.jobs import record
from redis.asyncio import Redis
from redis.exceptions import RedisError
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from osnovci.database.database import Database
from osnovci.database.errors import DatabaseError
from osnovci.database.settings import DatabaseUrls
from osnovci.queues.client import AsyncQueues
from osnovci.queues.operations import Options, enqueue
from osnovci.web.runtime import WebRuntime

LEDGER = os.environ["LEDGER"]
"""The list in Redis that its jobs append to."""

database = Database(DatabaseUrls.parse(os.environ))
redis = Redis.from_url(
    os.environ["OSNOVCI_REDIS_URL"], socket_timeout=2.0, socket_connect_timeout=2.0
)
queues = AsyncQueues(redis, os.environ["OSNOVCI_NAMESPACE"])


async def add(asked: Request) -> Response:
    """Accept an entry and its job: 201 where both are kept, else 503."""
    entry = asked.path_params["id"]
    async with database.connection() as connection:
        await connection.execute("INSERT INTO test_ledger (id) VALUES ($1)", entry)
    options = Options(queue=os.environ["QUEUE"], job_id=entry)
    await queues.run(enqueue(record, LEDGER, entry, options=options))
    return PlainTextResponse("accepted", 201)


async def count(_: Request) -> Response:
    """Count the entries, for which only PostgreSQL is needed."""
    async with database.connection() as connection:
        return JSONResponse(await connection.fetchval("SELECT count(*) FROM test_ledger"))


async def plain(_: Request) -> Response:
    """Answer, for which nothing is needed."""
    return PlainTextResponse("here")


async def eat(_: Request) -> Response:
    """Take memory until the kernel ends it."""
    held: list[bytes] = []
    while True:
        held.append(os.urandom(4 << 20))


async def away(_: Request, error: Exception) -> Response:
    """Say that something else is away."""
    return PlainTextResponse(str(error), 503)


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncGenerator[None]:
    """Open and close what it uses."""
    async with database, redis:
        yield


ROUTES = [
    Route("/", plain),
    Route("/entries", count),
    Route("/entries/{id}", add, methods=["POST"]),
    Route("/eat", eat, methods=["POST"]),
]
AWAY = (DatabaseError, asyncpg.PostgresError, RedisError, OSError)
app = WebRuntime(
    Starlette(routes=ROUTES, exception_handlers=dict.fromkeys(AWAY, away), lifespan=lifespan),
    database=database,
)
