"""What sessions cost: reading one beside GET, logging out a thousand, counting a hundred thousand.

Each pair is measured in turns on the same Redis and client, so that both meet the same machine.
"""

import asyncio
import json
import statistics
from collections import Counter
from collections.abc import Awaitable, Callable
from time import perf_counter
from typing import Any

from redis import Redis
from redis.asyncio import Redis as AsyncRedis

from benchmarks.report import Figure, Result
from benchmarks.web_stand import redis_server
from osnovci.app_contract import SessionsDocument
from osnovci.session_contract import DeviceType, Login
from osnovci.sessions.operations import Operations, Refreshed, hashed
from osnovci.sessions.stores import AsyncStore

OTHERS = 100_000
SESSIONS_OF_ONE = 1_000
ROUNDS = 15
READ_ROUNDS = 300
READS = 50
AT_ONCE = 50
MOST_OF_GET = 1.3
MOST_OF_ONE_BY_ONE = 1 / 50
MOST_OF_SCAN = 1 / 1_000
SETTINGS = SessionsDocument()
OPERATIONS = Operations("bench", "app")
ROOT = OPERATIONS.root

Act = Callable[[], Awaitable[object]]


def measure() -> Result:
    """Measure on a Redis of its own."""
    with redis_server() as redis:
        _fill(redis)
        return asyncio.run(_measure(redis.connection_pool.connection_kwargs["port"]))


def _login(user: str, device: DeviceType = DeviceType.DESKTOP) -> Login:
    agent = "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0"
    return Login(
        user_id=user,
        email=f"{user}@example.com",
        role="student",
        ip_address="192.0.2.7",
        user_agent=agent,
        device_id="a-laptop-at-home",
        device_type=device,
    )


def _fill(redis: Redis) -> None:
    """Make the sessions of many users, of all types of devices."""
    kinds = list(DeviceType)
    make = OPERATIONS.create("0", _login("user-0"), SETTINGS)
    redis.execute_command(*make.in_full)
    for first in range(0, OTHERS, 1_000):
        with redis.pipeline(transaction=False) as pipe:
            for number in range(first, first + 1_000):
                who = _login(f"user-{number}", kinds[number % len(kinds)])
                pipe.execute_command(*OPERATIONS.create(f"{number}", who, SETTINGS).command)
            pipe.execute()


async def _measure(port: int) -> Result:
    async with AsyncRedis(port=port, single_connection_client=True) as redis:
        store = AsyncStore(redis)
        reads = await _reads(redis, store)
        ends = await _ends(redis, store)
        counts = await _counts(redis, store)
        refreshes = await _refreshes(port, store)
    return Result(
        name="sessions",
        question="What do sessions cost?",
        setting=f"{OTHERS:,} sessions, medians of {ROUNDS} rounds in turns ({READ_ROUNDS} of {READS} reads), one connection",
        figures=[*reads[0], *ends[0], *counts[0], *refreshes],
        detail={"end all, s": ends[1], "count, s": counts[1]},
    )


async def _turns(acts: dict[str, Act]) -> dict[str, list[float]]:
    """Give the seconds of each act in each round, the order turned round every time."""
    found: dict[str, list[float]] = {name: [] for name in acts}
    for number in range(READ_ROUNDS + 1):
        order = list(acts.items())
        for name, act in order if number % 2 else reversed(order):
            began = perf_counter()
            for _ in range(READS):
                await act()
            if number:  # the first round warms up
                found[name].append((perf_counter() - began) / READS)
    return found


def _ratio(found: dict[str, list[float]], ours: str, floor: str) -> float:
    """Give the median of the rounds' own ratios."""
    pairs = zip(found[ours], found[floor], strict=True)
    return statistics.median(one / other for one, other in pairs)


def _microseconds(found: dict[str, list[float]]) -> list[Figure]:
    return [
        Figure(name, round(statistics.median(seconds) * 1e6, 1), "µs")
        for name, seconds in found.items()
    ]


Found = tuple[list[Figure], dict[str, list[float]]]


async def _reads(redis: AsyncRedis, store: AsyncStore) -> Found:
    key = f"{ROOT}session:{hashed('7')}"
    text: Any = await redis.get(key)

    async def usual() -> None:
        await redis.get(key)
        await redis.set(key, text, ex=86400)

    acts: dict[str, Act] = {
        "GET of a session's text": lambda: redis.get(key),
        "get and touch a session": lambda: store.run(OPERATIONS.get("7", SETTINGS, 0)),
        "usual: GET, then SET": usual,
    }
    await redis.config_resetstat()
    found = await _turns(acts)
    spent: Any = await redis.info("commandstats")
    server = [
        Figure(f"server, {name.upper()}", spent[f"cmdstat_{name}"]["usec_per_call"], "µs")
        for name in ("get", "getex")
    ]
    floor, ours, other = acts
    ratios = [
        Figure("get and touch, times GET", round(_ratio(found, ours, floor), 3), "x", MOST_OF_GET),
        Figure("usual, times GET", round(_ratio(found, other, floor), 3), "x"),
    ]
    return [*_microseconds(found), *server, *ratios], found


async def _ends(redis: AsyncRedis, store: AsyncStore) -> Found:
    """Log a user with many sessions out: at once, each by itself, and by a DEL each.

    The DEL leaves the sessions in the indexes; it is what an end of each cannot be faster than.
    """

    async def at_once() -> int:
        return await store.run(OPERATIONS.end_all("one"))

    async def each_by_itself() -> int:
        ended = 0
        for device in await store.run(OPERATIONS.devices("one")):
            ended += await store.run(OPERATIONS.end("one", device.handle))
        return ended

    async def by_del() -> int:
        members: Any = await redis.zrange(f"{ROOT}user:one", 0, -1)
        ended = 0
        for each in members:
            ended += await redis.delete(f"{ROOT}session:{each.decode()[:32]}")
        return ended

    acts = {
        "end all sessions of a user": at_once,
        "end each by itself": each_by_itself,
        "a DEL for each": by_del,
    }
    found: dict[str, list[float]] = {name: [] for name in acts}
    for number in range(ROUNDS):
        order = list(acts.items())
        for name, act in order if number % 2 else reversed(order):
            await _many_sessions(redis)
            began = perf_counter()
            ended = await act()
            found[name].append(perf_counter() - began)
            if ended != SESSIONS_OF_ONE:
                raise RuntimeError(f"{name}: {ended} sessions were ended")
            await at_once()  # what a DEL each leaves in the indexes
    all_of_them, each, deleted = acts
    share = _ratio(found, all_of_them, each)
    ratios = [
        Figure("end all, times each by itself", round(share, 5), "x", MOST_OF_ONE_BY_ONE),
        Figure("end all is faster by", round(1 / share), "x"),
        Figure("and than a DEL for each by", round(1 / _ratio(found, all_of_them, deleted)), "x"),
    ]
    return [*_microseconds(found), *ratios], found


async def _many_sessions(redis: AsyncRedis) -> None:
    """Have one user log in on many devices."""
    async with redis.pipeline(transaction=False) as pipe:
        for number in range(SESSIONS_OF_ONE):
            make = OPERATIONS.create(f"of-one-{number}", _login("one"), SETTINGS)
            pipe.execute_command(*make.command)
        await pipe.execute()


async def _counts(redis: AsyncRedis, store: AsyncStore) -> Found:
    """Count by device type, from the indexes and by looking at each session."""

    async def scan() -> Counter[str]:
        counts: Counter[str] = Counter()
        cursor = 0
        while True:
            cursor, keys = await redis.scan(cursor, match=f"{ROOT}session:*", count=1_000)
            texts: list[Any] = await redis.mget(keys) if keys else []
            counts.update(json.loads(text)["device_type"] for text in texts if text)
            if not cursor:
                return counts

    async def count() -> dict[DeviceType, int]:
        return await store.run(OPERATIONS.counts())

    if await count() != await scan():
        raise RuntimeError("the indexes count other sessions than there are")
    found: dict[str, list[float]] = {"count by device type": [], "SCAN and MGET": []}
    ours, floor = found
    for _ in range(ROUNDS):
        for name, act, times in ((ours, count, 100), (floor, scan, 1)):
            began = perf_counter()
            for _ in range(times):
                await act()
            found[name].append((perf_counter() - began) / times)
    share = _ratio(found, ours, floor)
    ratios = [
        Figure("count, times SCAN", round(share, 7), "x", MOST_OF_SCAN),
        Figure("count is faster by", round(1 / share), "x"),
    ]
    return [*_microseconds(found), *ratios], found


async def _refreshes(port: int, store: AsyncStore) -> list[Figure]:
    """Present one refresh token on many connections at once, round after round."""
    clients = [AsyncRedis(port=port, single_connection_client=True) for _ in range(AT_ONCE)]
    rotated: list[int] = []
    successors: list[int] = []
    revoked = 0
    for number in range(ROUNDS):
        family = f"family-{number}"
        await store.run(OPERATIONS.create(family, _login("tabs"), SETTINGS, family=family))
        refresh = OPERATIONS.refresh(family, 1, f"next-{number}", SETTINGS)
        found = await asyncio.gather(*(AsyncStore(client).run(refresh) for client in clients))
        rotated.append(sum(each.outcome == Refreshed.ROTATED for each in found))
        given = {each.session and (each.generation, each.session.created_at_ms) for each in found}
        successors.append(len(given))
        revoked += sum(each.session is None for each in found)
    for client in clients:
        await client.aclose()
    if min(rotated) != 1:
        raise RuntimeError("a refresh token was rotated by nobody")
    return [
        Figure(f"{AT_ONCE} refreshes at once: rotations, most", max(rotated), "", 1),
        Figure(f"{AT_ONCE} refreshes at once: successors, most", max(successors), "", 1),
        Figure(f"{AT_ONCE} refreshes at once: revoked, all rounds", revoked, "", 0),
    ]
