"""A Redis that keeps what it was told, and can be restarted."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from redis_server import DurableRedis


@pytest.fixture
def durable_redis(tmp_path: Path) -> Iterator[DurableRedis]:
    server = DurableRedis(tmp_path)
    server.start()
    yield server
    server.stop()
