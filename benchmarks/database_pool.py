"""What borrowing a connection costs, beside asyncpg's own pool: SELECT 1 again and again.

Both pools have the same size on the same PostgreSQL, in turns of a few seconds, so that they meet
the same machine. Each borrow ends with the reset that makes a connection as new, in both.
"""

import asyncio
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path

import asyncpg
from rich.console import Console

from benchmarks.report import Figure, Result, percentile
from osnovci.database.connection import Loan
from osnovci.database.pool import Pool
from osnovci.database.settings import DatabaseSettings, DatabaseUrl

CONNECTIONS = 10
CALLERS = (1, 10, 50)
ROUNDS = 7
ROUND_SECONDS = 1.5
BAR = 1.1
"""Ours takes at most so much of asyncpg's: 10 % more."""

Call = Callable[[], Awaitable[int]]


async def _measure(url: str) -> tuple[list[Figure], dict[str, dict[str, list[float]]]]:
    figures: list[Figure] = []
    detail: dict[str, dict[str, list[float]]] = {}
    ours = Pool(DatabaseUrl.parse(url), DatabaseSettings(connections_per_process=CONNECTIONS))
    async with asyncpg.create_pool(url, min_size=CONNECTIONS, max_size=CONNECTIONS) as theirs:

        async def by_ours() -> int:
            async with Loan(ours) as connection:
                return await connection.fetchval("SELECT 1")

        async def by_theirs() -> int:
            async with theirs.acquire(timeout=10) as connection:
                return await connection.fetchval("SELECT 1", timeout=10)

        for callers in CALLERS:
            rates: dict[str, list[float]] = {"ours": [], "asyncpg": []}
            p99s: dict[str, list[float]] = {"ours": [], "asyncpg": []}
            for number in range(ROUNDS):
                turns: list[tuple[str, Call]] = [("ours", by_ours), ("asyncpg", by_theirs)]
                for name, call in turns if number % 2 else reversed(turns):
                    seconds, took = await _round(call, callers)
                    rates[name].append(len(seconds) / took)
                    p99s[name].append(percentile(seconds, 99))
            figures += _figures(f"{callers} callers", rates, p99s)
            detail[f"{callers} callers, calls/s"] = rates
            detail[f"{callers} callers, p99 s"] = p99s
    await ours.close()
    return figures, detail


async def _round(call: Call, callers: int) -> tuple[list[float], float]:
    seconds: list[float] = []
    began = time.perf_counter()

    async def again() -> None:
        while time.perf_counter() - began < ROUND_SECONDS:
            at = time.perf_counter()
            await call()
            seconds.append(time.perf_counter() - at)

    await asyncio.gather(*(again() for _ in range(callers)))
    return seconds, time.perf_counter() - began


def _figures(
    what: str, rates: dict[str, list[float]], p99s: dict[str, list[float]]
) -> list[Figure]:
    rate = {name: statistics.median(values) for name, values in rates.items()}
    p99 = {name: statistics.median(values) for name, values in p99s.items()}
    pairs = zip(rates["asyncpg"], rates["ours"], strict=True)
    slower = statistics.median(theirs / ours for theirs, ours in pairs)
    pairs = zip(p99s["ours"], p99s["asyncpg"], strict=True)
    longer = statistics.median(ours / theirs for ours, theirs in pairs)
    return [
        *(Figure(f"{what}, {name}", round(each), "calls/s") for name, each in rate.items()),
        *(Figure(f"{what}, {name}, p99", round(each * 1e3, 3), "ms") for name, each in p99.items()),
        Figure(f"{what}, asyncpg's rate of ours", round(slower, 3), "x", BAR),
        Figure(f"{what}, our p99 of asyncpg's", round(longer, 3), "x", BAR),
    ]


def main() -> int:
    """Measure, print, write; 1 if a bar was not kept."""
    sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))
    from postgres_server import PostgresServer

    server = PostgresServer.started()
    try:
        version = server.sql("SHOW server_version").split()[0]
        figures, detail = asyncio.run(_measure(server.url))
    finally:
        server.remove()
    result = Result(
        name="database_pool",
        question="What borrowing a connection for SELECT 1 costs, beside asyncpg.Pool",
        setting=f"PostgreSQL {version}, {CONNECTIONS} connections, {ROUNDS} rounds of {ROUND_SECONDS:g} s turn about; "
        "medians, and medians of the ratios of neighbours",
        figures=figures,
        detail=detail,
    )
    console = Console()
    result.show(console)
    console.print(f"written to {result.write()}")
    return 0 if result.holds else 1


if __name__ == "__main__":
    sys.exit(main())
