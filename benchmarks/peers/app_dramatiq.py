"""dramatiq: its actors; `python app_dramatiq.py COUNT` enqueues no-op jobs."""

import os
import sys

import dramatiq
from dramatiq.brokers.redis import RedisBroker

broker = RedisBroker(url=os.environ["PEER_REDIS"])
dramatiq.set_broker(broker)


@dramatiq.actor
def noop() -> None:
    """Do nothing."""


if __name__ == "__main__":
    for _ in range(int(sys.argv[1])):
        noop.send()
