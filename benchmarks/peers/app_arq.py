"""arq: its settings; `python app_arq.py COUNT` enqueues no-op jobs."""

import asyncio
import os
import sys
from typing import Any

from arq import create_pool
from arq.connections import RedisSettings

REDIS = RedisSettings.from_dsn(os.environ["PEER_REDIS"])


async def noop(_: Any) -> None:
    """Do nothing."""


class WorkerSettings:
    """arq reads these."""

    functions = (noop,)
    redis_settings = REDIS
    max_jobs = 50
    poll_delay = 0.01
    keep_result = 0


async def main(count: int) -> None:
    """Enqueue."""
    pool = await create_pool(REDIS)
    for _ in range(count):
        await pool.enqueue_job("noop")
    await pool.aclose()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
