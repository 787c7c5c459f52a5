"""How many requests a second libraries hold against three limits: one task, and 50 on one loop.

Each has a pool of connections of its own, as many as there are tasks.

python app_limiters.py PORT SECONDS      prints {NAME: [of one task, of 50]} as JSON
"""

import asyncio
import json
import sys
import time
from collections.abc import Awaitable, Callable

import uvloop
from redis.asyncio import Redis

PORT, SECONDS = sys.argv[1], float(sys.argv[2])
SEEDS = ((100, 900), (60, 60), (20, 3600))
USERS = 2_000
Check = Callable[[str], Awaitable[None]]


async def limits_of(strategy: str) -> Check:
    from limits import RateLimitItemPerSecond
    from limits.aio import storage, strategies

    store = storage.RedisStorage(f"async+redis://127.0.0.1:{PORT}", implementation="redispy")
    limiter = getattr(strategies, strategy)(store)
    items = [RateLimitItemPerSecond(most, seconds) for most, seconds in SEEDS]

    async def check(user: str) -> None:
        for item in items:
            if not await limiter.hit(item, user):
                return

    return check


async def throttled(algorithm: str) -> Check:
    from datetime import timedelta

    from throttled.asyncio import RedisStore, Throttled, per_duration

    store = RedisStore(f"redis://127.0.0.1:{PORT}/0")
    found = [
        Throttled(
            using=algorithm,
            quota=per_duration(timedelta(seconds=seconds), most, burst=most),
            store=store,
            key_prefix=f"t{most}",
        )
        for most, seconds in SEEDS
    ]

    async def check(user: str) -> None:
        for each in found:
            if (await each.limit(user)).limited:
                return

    return check


async def pyrate() -> Check:
    from pyrate_limiter import Rate, RateItem, RedisBucket

    client = Redis(port=int(PORT), max_connections=50)
    rates = {most: [Rate(most, seconds * 1000)] for most, seconds in SEEDS}
    # It has a bucket for each user and limit; that making one loads a script is not measured.
    buckets = {
        user: [await RedisBucket.init(rates[most], client, f"p{most}:{user}") for most in rates]
        for user in (f"user{n}" for n in range(USERS))
    }

    async def check(user: str) -> None:
        for bucket in buckets[user]:
            if not await bucket.put(RateItem(user, int(time.time() * 1000))):
                return

    return check


async def measure(check: Check, tasks: int) -> float:
    count, end = 0, time.perf_counter() + SECONDS

    async def run(n: int) -> None:
        nonlocal count
        while time.perf_counter() < end:
            await check(f"user{(n * 40 + count) % USERS}")
            count += 1

    began = time.perf_counter()
    await asyncio.gather(*(run(n) for n in range(tasks)))
    return count / (time.perf_counter() - began)


async def main() -> None:
    peers = {
        "limits MovingWindow": lambda: limits_of("MovingWindowRateLimiter"),
        "limits FixedWindow": lambda: limits_of("FixedWindowRateLimiter"),
        "throttled-py sliding": lambda: throttled("sliding_window"),
        "pyrate-limiter": pyrate,
    }
    found = {}
    server = Redis(port=int(PORT))
    for name, make in peers.items():
        found[name] = []
        for tasks in (1, 50):
            # two strategies of one library share the names of their keys
            await server.flushall()
            found[name].append(await measure(await make(), tasks))
    print(json.dumps(found))


uvloop.run(main())
