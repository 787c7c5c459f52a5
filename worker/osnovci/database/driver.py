"""One connection to PostgreSQL, as asyncpg makes it."""

import asyncio
from typing import cast

import asyncpg

from osnovci.database.errors import ConnectError, ConnectTimeoutError, UnreachableError
from osnovci.database.settings import DatabaseSettings, DatabaseUrl

Driver = asyncpg.Connection
NOT_NOW = (asyncpg.CannotConnectNowError, asyncpg.TooManyConnectionsError)


async def connect(url: DatabaseUrl, settings: DatabaseSettings) -> Driver:
    """Open a connection. Raises ConnectError."""
    try:
        async with asyncio.timeout(settings.connect_timeout_seconds):
            # Timeouts go with each statement, since they may change while the connection is open.
            return cast("Driver", await asyncpg.connect(url.secret))
    except TimeoutError:
        raise ConnectTimeoutError(
            f"PostgreSQL at {url} took no connection within {settings.connect_timeout_seconds:g} s"
        ) from None
    except (OSError, asyncpg.PostgresConnectionError, *NOT_NOW) as error:
        raise UnreachableError(f"PostgreSQL at {url} takes no connection now: {error}") from error
    except asyncpg.PostgresError as error:
        raise ConnectError(f"PostgreSQL at {url} refused the connection: {error}") from error
    except Exception as error:  # noqa: BLE001  # also what is wrong with the URL, which it may quote
        raise ConnectError(
            f"no connection to PostgreSQL at {url} ({type(error).__name__}): see that the URL is one "
            "that asyncpg reads"
        ) from None
