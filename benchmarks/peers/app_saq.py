"""saq: its settings; `python app_saq.py COUNT` enqueues no-op jobs."""

import asyncio
import os
import sys
from typing import Any

from saq import Queue

queue = Queue.from_url(os.environ["PEER_REDIS"], name="bench")


async def noop(_: Any) -> None:
    """Do nothing."""


settings = {"queue": queue, "functions": [noop], "concurrency": 50}


async def main(count: int) -> None:
    """Enqueue."""
    await queue.connect()
    for _ in range(count):
        await queue.enqueue("noop")
    await queue.disconnect()


if __name__ == "__main__":
    asyncio.run(main(int(sys.argv[1])))
