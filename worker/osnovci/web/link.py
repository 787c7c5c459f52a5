"""What a server process asks and tells Redis: its heartbeat, and whether its config is the newest.

Both go in one round trip. Announcements come on a connection of their own, and may be lost.
"""

import asyncio
import logging
import random
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from redis.exceptions import ReadOnlyError, RedisError, ResponseError

from osnovci.app_contract import app_heartbeat_key, config_key
from osnovci.config.revision import Config, ConfigError, Mark, read
from osnovci.contract import DOCUMENT_MAX_BYTES, HEARTBEAT_TTL_SECONDS
from osnovci.limit_contract import RESETS
from osnovci.limits.denials import Denials
from osnovci.redis_clients import for_asyncio
from osnovci.settings import AppSettings

ANSWER_SECONDS = 1.0
"""How long Redis may take for one answer, and for a connection."""

LISTEN_AGAIN_SECONDS = 1.0

Away = (RedisError, OSError)
"""What the client raises where Redis cannot be reached, is not up yet or cannot answer."""

log = logging.getLogger(__name__)


class Link:
    """The Redis of one server process."""

    def __init__(self, settings: AppSettings) -> None:
        self._app = settings.config.document.app
        self._namespace = settings.namespace
        self._config = config_key(settings.namespace, self._app, settings.release)
        self._heartbeat = app_heartbeat_key(settings.namespace, settings.pod, settings.process)
        # The next look is the retry.
        self._redis = for_asyncio(
            settings.redis_url,
            socket_timeout=ANSWER_SECONDS,
            socket_connect_timeout=ANSWER_SECONDS,
            client_name="osnovci-web",
        )

    async def exchange(
        self, heartbeat: str | None, denials: Denials | None = None
    ) -> tuple[Mark, bytes | None]:
        """Write the heartbeat, if there is one, with the denials of limits since the last.

        Gives the mark of the newest config, and how often windows of limits were reset.
        """
        commands = denials.commands(self._namespace, self._app) if denials else []
        async with self._redis.pipeline(transaction=False) as pipe:
            pipe.hmget(self._config, ["revision", "checksum", RESETS])
            if heartbeat is not None:
                pipe.set(self._heartbeat, heartbeat, px=round(HEARTBEAT_TTL_SECONDS * 1000))
            for each in commands:
                pipe.execute_command(*each)
            found, *written = await pipe.execute(raise_on_error=False)
        for each in written:
            if isinstance(each, ReadOnlyError):
                # The pipeline, as it is run here, raises nothing that would end its connection.
                await self._redis.connection_pool.disconnect()
            if isinstance(each, Exception):
                raise each
        if isinstance(found, ResponseError):
            # The key is of another type: the text is its mark, which `fetch` will explain.
            return (str(found).encode(), None), None
        if isinstance(found, Exception):
            raise found
        revision, told, resets = found
        return (revision, told), resets

    async def fetch(self) -> Config:
        """Read the newest config.

        Raises ConfigError where it is not one.
        """
        try:
            size = await self._redis.hstrlen(self._config, "document")
            if size > DOCUMENT_MAX_BYTES:
                raise ConfigError(f"it has {size:,} bytes; at most {DOCUMENT_MAX_BYTES:,} are read")
            found: Any = await self._redis.hmget(self._config, ["revision", "checksum", "document"])
            return read(self._app, found)
        except ResponseError as error:
            raise ConfigError(f"Redis refused: {error}") from error

    async def take_back(self) -> None:
        """Delete the heartbeat, so that nobody waits for its end."""
        with suppress(*Away):
            await self._redis.delete(self._heartbeat)

    async def listen(self, wake: Callable[[], None]) -> None:
        """Call `wake` at each announcement, until cancelled; what is lost meanwhile is found by looking."""
        while True:
            with suppress(*Away):
                await self._hear(wake)
            # Not all pods at once, when Redis is back.
            await asyncio.sleep(LISTEN_AGAIN_SECONDS * random.uniform(0.5, 1.5))  # noqa: S311

    async def _hear(self, wake: Callable[[], None]) -> None:
        async with self._redis.pubsub(ignore_subscribe_messages=True) as channel:
            await channel.subscribe(self._config)
            while True:
                if await channel.get_message(timeout=None):
                    wake()

    async def close(self) -> None:
        """Close the connections."""
        with suppress(*Away):
            await self._redis.aclose()
