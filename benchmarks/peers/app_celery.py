"""Celery: its tasks; `python app_celery.py COUNT` enqueues no-op jobs."""

import os
import sys

from celery import Celery

app = Celery("app_celery", broker=os.environ["PEER_REDIS"])
app.conf.update(task_ignore_result=True, worker_prefetch_multiplier=64, task_acks_late=False)


@app.task
def noop() -> None:
    """Do nothing."""


if __name__ == "__main__":
    with app.producer_pool.acquire(block=True) as producer:
        for _ in range(int(sys.argv[1])):
            noop.apply_async(producer=producer)
