"""Runs a worker as its environment describes it, until SIGTERM: `python -m osnovci.queues.engine`."""

import asyncio
import logging
import os
import signal
import sys

from osnovci.contract import ENV_NAMESPACE, ENV_POD, ENV_POOL, ENV_REDIS_URL, PoolDocument
from osnovci.queues.engine.worker import Worker, WorkerSettings
from osnovci.queues.errors import QueueError


async def main() -> None:
    """Work until SIGTERM or SIGINT."""
    settings = WorkerSettings(
        namespace=os.environ[ENV_NAMESPACE],
        name=os.environ[ENV_POD],
        redis_url=os.environ[ENV_REDIS_URL],
        pool=PoolDocument.model_validate_json(os.environ[ENV_POOL]),
    )
    worker = Worker(settings)
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, worker.stop)
    await worker.run()


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO)
    try:
        asyncio.run(main())
    except QueueError as error:
        sys.exit(str(error))
