"""Enqueues a ping for Osnovci for each line of its input, and answers with the ms that took."""

import os
import sys
import time

import bench_tasks
from redis import Redis

from osnovci.contract import ENV_NAMESPACE, ENV_REDIS_URL
from osnovci.queues import operations
from osnovci.queues.client import Queues

queues = Queues(
    Redis.from_url(os.environ[ENV_REDIS_URL], single_connection_client=True),
    os.environ[ENV_NAMESPACE],
)
for _ in sys.stdin:
    began = time.time()
    queues.run(operations.enqueue(bench_tasks.ping, began))
    print((time.time() - began) * 1000, flush=True)
