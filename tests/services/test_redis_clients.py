"""Connections that were idle when Redis was restarted cost nobody a command."""

import asyncio
from contextlib import closing

from redis_server import RedisServer

from osnovci.redis_clients import for_asyncio, for_threads

IDLE = 3


def _restart(server: RedisServer) -> None:
    server.kill()
    server.start()


def test_of_asyncio(own_redis_server: RedisServer) -> None:
    async def scenario() -> list[bool]:
        async with for_asyncio(own_redis_server.url) as redis:
            await asyncio.gather(*(redis.ping() for _ in range(IDLE)))
            await asyncio.to_thread(_restart, own_redis_server)
            return await asyncio.gather(*(redis.ping() for _ in range(IDLE)))

    assert asyncio.run(scenario()) == [True] * IDLE


def test_of_threads(own_redis_server: RedisServer) -> None:
    with closing(for_threads(own_redis_server.url)) as redis:
        redis.ping()
        _restart(own_redis_server)
        assert redis.ping()
