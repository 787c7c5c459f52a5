"""Which reads may go to a replica, and the look at it on which that rests.

How far behind the replica is, is measured by one clock, ours: each second the primary says how far
its log reaches, and the replica how far it has replayed it. What the replica shows is at least as
new as the last moment at which the primary's log reached no further. A primary or replica that
cannot be asked makes that older, and so reads go to the primary by themselves.
"""

import asyncio
import logging
import re
from collections import deque
from dataclasses import dataclass

import asyncpg

from osnovci.database.connection import Loan
from osnovci.database.errors import DatabaseError
from osnovci.database.pool import Pool

log = logging.getLogger(__name__)

EVERY_SECONDS = 1.0
FLUSHED = "SELECT (pg_current_wal_flush_lsn() - '0/0')::bigint"
INSERTED = "SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint"
REPLAYED = "SELECT (pg_last_wal_replay_lsn() - '0/0')::bigint"

UNREACHED = 2**63 - 1
"""A place in the log that no replica has replayed: what follows it is read from the primary."""
_TOKEN = re.compile(r"[0-9a-f]{1,16}")


def write_token(lsn: int) -> str:
    """Write a place in the log as what a cookie may carry."""
    return f"{lsn:x}"


def read_token(token: str) -> int:
    """Read a token; it comes from outside, and one that is none leads to the primary."""
    return int(token, 16) if _TOKEN.fullmatch(token) else UNREACHED


@dataclass(frozen=True)
class Sight:
    """What was last seen of a replica. Pure."""

    replayed_lsn: int
    as_of_seconds: float
    """The replica shows everything that was durable on the primary at this time of our clock."""

    def serves(self, after_lsn: int, now_seconds: float, max_lag_seconds: float) -> bool:
        """Tell whether a read that must see `after_lsn` may go there."""
        fresh = now_seconds - self.as_of_seconds <= max_lag_seconds
        return fresh and self.replayed_lsn >= after_lsn


class PrimaryLog:
    """How far the primary's log reached, and when. Pure."""

    def __init__(self) -> None:
        self._seen: deque[tuple[float, int]] = deque(maxlen=600)

    def note(self, asked_at_seconds: float, lsn: int) -> None:
        """Remember an answer by when it was asked for: what was durable then is below `lsn`."""
        self._seen.append((asked_at_seconds, lsn))

    def sight(self, replayed_lsn: int) -> Sight | None:
        """Say how new a replica is that has replayed so far; None where it is older than all seen."""
        for asked_at, lsn in reversed(self._seen):
            if lsn <= replayed_lsn:
                return Sight(replayed_lsn, asked_at)
        return None


class Replica:
    """A replica and how far it is."""

    def __init__(self, pool: Pool, primary: Pool) -> None:
        self.pool = pool
        self.sight: Sight | None = None
        self._primary = primary
        self._log = PrimaryLog()

    def serves(self, after_lsn: int) -> bool:
        """Tell whether a read that must see `after_lsn` may go to the replica now."""
        now, settings = asyncio.get_running_loop().time(), self.pool.settings
        return bool(self.sight) and self.sight.serves(
            after_lsn, now, settings.replica_max_lag_seconds
        )

    async def watch(self) -> None:
        """Look, once a second; what is wrong is said once."""
        said = ""
        while True:
            try:
                await self.look()
                wrong = "" if self.sight else "it is no replica, or further behind than was seen"
            except (DatabaseError, asyncpg.PostgresError) as error:
                wrong = str(error)
            if wrong and wrong != said:
                log.warning("reads do not go to the replica %s: %s", self.pool.url, wrong)
            said = wrong
            await asyncio.sleep(EVERY_SECONDS)

    async def look(self) -> None:
        """Ask both servers how far they are."""
        async with Loan(self._primary) as connection:
            asked_at = asyncio.get_running_loop().time()
            self._log.note(asked_at, await connection.fetchval(FLUSHED))
        async with Loan(self.pool) as connection:
            replayed = await connection.fetchval(REPLAYED)
        self.sight = None if replayed is None else self._log.sight(replayed)
