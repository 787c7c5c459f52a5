"""The application, put together."""

import asyncio
import logging
import os
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import asyncpg
from starlette.applications import Starlette

from homework.database import ensure_schema
from homework.web import authentication, errors, homework, notifications, page, queue_stats, reports
from homework.web.services import Services
from osnovci.database.errors import DatabaseError
from osnovci.web.runtime import WebRuntime

AGAIN_SECONDS = 1.0
log = logging.getLogger(__name__)
services = Services.parse(os.environ)


@asynccontextmanager
async def lifespan(_: Starlette) -> AsyncGenerator[None]:
    """Open and close what the routes use."""
    async with services.database, services.redis:
        beside = [asyncio.create_task(each) for each in (_prepare(), services.bell.listen())]
        yield
        for each in beside:
            each.cancel()
        await asyncio.gather(*beside, return_exceptions=True)


async def _prepare() -> None:
    """Make the schema; a database that is away does not keep the pod from starting."""
    while True:
        try:
            await ensure_schema(services.database)
        except (DatabaseError, asyncpg.PostgresError) as error:
            log.warning("the schema is not looked at yet: %s", error)
            await asyncio.sleep(AGAIN_SECONDS)
        else:
            return


starlette = Starlette(
    routes=[
        *authentication.ROUTES,
        *homework.ROUTES,
        *queue_stats.ROUTES,
        *reports.ROUTES,
        *notifications.ROUTES,
        *page.ROUTES,
    ],
    exception_handlers=errors.HANDLERS,
    lifespan=lifespan,
)
starlette.state.services = services
app = WebRuntime(
    starlette, database=services.database, sessions=services.sessions, limits=services.limits
)
