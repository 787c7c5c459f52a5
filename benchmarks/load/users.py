"""Those who come: accounts of their own, each at an address of its own, for the time of a run.

The cluster trusts what its own pods, and so its gate, let through as X-Forwarded-For. So the limits of
an address count each of them by itself, as they would people, and none of them is exempt.
"""

import asyncio
import random
from collections.abc import Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass
from http.client import HTTPConnection
from ipaddress import IPv4Network
from json import dumps

import asyncpg
from argon2 import PasswordHasher

from cluster.console import ClusterError
from cluster.deploy import APPLICATION_URL
from cluster.paths import HOST_PORTS

DATABASE_URL = f"postgresql://homework:homework@127.0.0.1:{HOST_PORTS[1]}/homework"
FIRST = 1001
"""Their names are student-1001 and on: pupils who joined later."""
PASSWORD = "learn-under-load"  # of accounts that live for one run
NETWORK = IPv4Network("198.18.0.0/15")
"""For measurements, by RFC 2544. Each run takes others of its addresses: limits remember 15 minutes."""

ADD = """
    INSERT INTO account (name, role, password_hash) SELECT name, 'pupil', $2
    FROM unnest($1::text[]) AS name
    ON CONFLICT (name) DO UPDATE SET password_hash = excluded.password_hash
"""
REMOVE = (
    "DELETE FROM account WHERE name = ANY($1)",
    "DELETE FROM homework WHERE student = ANY($1)",
)
AT_ONCE = 4


@dataclass(frozen=True)
class User:
    """One of them."""

    name: str
    address: str


@contextmanager
def users(count: int) -> Generator[list[User]]:
    """Make so many accounts, and take them and their homework away again."""
    first = random.randrange(NETWORK.num_addresses - count)
    made = [User(f"student-{FIRST + n}", str(NETWORK[first + n])) for n in range(count)]
    names = [each.name for each in made]
    # One hash for all: only they are checked as others are.
    asyncio.run(_execute((ADD, names, PasswordHasher(2, 19 * 1024, 1).hash(PASSWORD))))
    try:
        yield made
    finally:
        asyncio.run(_execute(*((statement, names) for statement in REMOVE)))


async def _execute(*statements: Sequence[object]) -> None:
    connection = await asyncpg.connect(DATABASE_URL, timeout=10)
    try:
        for text, *arguments in statements:
            await connection.execute(str(text), *arguments)
    finally:
        await connection.close()


def log_in(who: Sequence[User]) -> list[str]:
    """Log them in, a few at once; give the cookie of each."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(_log_in, who))


def _log_in(user: User) -> str:
    with closing(HTTPConnection(APPLICATION_URL.removeprefix("http://"), timeout=30)) as connection:
        headers = {"Content-Type": "application/json", "X-Forwarded-For": user.address}
        body = dumps({"name": user.name, "password": PASSWORD})
        connection.request("POST", "/api/auth/login", body, headers)
        answer = connection.getresponse()
        cookie = answer.headers.get("Set-Cookie")
        if not cookie:
            raise ClusterError(f"{user.name} cannot log in: {answer.read().decode()}")
        return cookie.partition(";")[0]
