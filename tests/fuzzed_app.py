"""A web application with all that a config document sets: sessions, limits and a pool."""

from typing import Any

import session_app
import web_app

from osnovci.sessions.middleware import Sessions
from osnovci.web.limits import WebLimits
from osnovci.web.runtime import WebRuntime


class Pool(web_app.Pool):
    """One that cannot be of 13."""

    async def configure(self, settings: Any) -> None:
        if settings.connections_per_process == 13:
            raise ValueError("13 connections bring bad luck")
        await super().configure(settings)


app = WebRuntime(
    session_app.starlette,
    database=Pool(),
    # The machine of the tests is busy: a slow answer is not what they are about.
    sessions=Sessions(plain_http=True, budget_seconds=2),
    limits=WebLimits(budget_seconds=2),
)
