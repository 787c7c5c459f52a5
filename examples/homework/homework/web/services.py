"""What the routes use: database, queues, sessions, limits, and the bell that rings for notifications."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from redis.asyncio import Redis
from starlette.requests import HTTPConnection

from homework.web.bell import Bell
from osnovci.contract import ENV_NAMESPACE, ENV_REDIS_URL
from osnovci.database.database import Database
from osnovci.database.settings import DatabaseUrls
from osnovci.queues.client import AsyncQueues
from osnovci.redis_clients import for_asyncio
from osnovci.sessions.middleware import Sessions
from osnovci.web.limits import WebLimits

REDIS_SECONDS = 2.0
"""How long a request waits for Redis, which answers in a millisecond or is away."""


@dataclass(frozen=True)
class Services:
    """One of each, for all requests of the process."""

    database: Database
    redis: Redis
    queues: AsyncQueues
    bell: Bell
    sessions: Sessions
    limits: WebLimits

    @classmethod
    def parse(cls, environment: Mapping[str, str]) -> Self:
        """Name them as the operator tells a pod; nothing is connected yet."""
        redis = for_asyncio(
            environment.get(ENV_REDIS_URL, "redis://127.0.0.1:6379/0"),
            socket_timeout=REDIS_SECONDS,
            socket_connect_timeout=REDIS_SECONDS,
        )
        return cls(
            database=Database(DatabaseUrls.parse(environment)),
            redis=redis,
            queues=AsyncQueues(redis, environment.get(ENV_NAMESPACE, "homework")),
            bell=Bell(redis),
            # Without TLS on the machine's own loopback alone, where `make up` shows the application.
            sessions=Sessions(plain_http=True),
            limits=WebLimits(),
        )


def services_of(connection: HTTPConnection) -> Services:
    """Give those of the application that serves this request or socket."""
    return connection.app.state.services
