"""A process of its own that works on one user's sessions until its standard input ends.

It says on standard output what it did: `ended ID`, `refreshed OUTCOME`, `away`, and `done`.
"""

import select
import sys
from itertools import count
from random import Random

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry
from session_builders import LONG_AGO_MS, OPERATIONS, login, settings

from osnovci.sessions.operations import hashed
from osnovci.sessions.stores import Store

USER = "ana"
MOST = 5


def main(url: str, name: str) -> None:
    redis = Redis.from_url(url, socket_timeout=0.5, retry=Retry(NoBackoff(), 0))
    store, random = Store(redis), Random(name)
    limits = settings(most=MOST)
    mine: list[str] = []
    for number in count():
        if select.select([sys.stdin], [], [], 0)[0]:
            break
        new = f"{name}-{number}"
        try:
            match random.choice(["make", "make", "rotate", "end", "end all", "read", "refresh"]):
                case "make":
                    store.run(OPERATIONS.create(new, login(USER), limits, family=f"fam-{new}"))
                    mine.append(new)
                case "rotate" if mine:
                    store.run(OPERATIONS.rotate(mine[-1], new, "{}", limits))
                    mine.append(new)
                case "end" if mine:
                    gone = mine.pop()
                    store.run(OPERATIONS.end(USER, hashed(gone)))
                    print("ended", gone)
                case "end all":
                    store.run(OPERATIONS.end_all(USER, mine[-1] if mine else ""))
                case "refresh":
                    found = store.run(OPERATIONS.refresh("shared", 1, "of-shared", limits))
                    print("refreshed", found.outcome)
                case _:
                    each = mine[-1] if mine else "none"
                    store.run(OPERATIONS.get(each, limits, LONG_AGO_MS))
        except RedisError:
            print("away")
    print("done")


if __name__ == "__main__":
    main(*sys.argv[1:])
