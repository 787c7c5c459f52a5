"""Notifications: kept in PostgreSQL, each once for a pupil and a job, and the bell rung for them.

Ids are given under a lock, so that a greater id is never seen before a smaller one: whoever asks for
those after the last seen misses none.
"""

import json
import os
from collections.abc import Sequence
from functools import cache

from redis import Redis

from osnovci.contract import ENV_REDIS_URL
from osnovci.database.connection import Connection

CHANNEL = "homework:notified"
LOCK = 7_214_002
KEEP = """
    INSERT INTO notification (job, student, message) SELECT $1, student, $3
    FROM unnest($2::text[]) AS student
    ON CONFLICT (job, student) DO NOTHING
"""


async def keep(database: Connection, job: str, students: Sequence[str], message: str) -> None:
    """Keep a message for some students, in the caller's transaction."""
    await database.execute("SELECT pg_advisory_xact_lock($1)", LOCK)
    await database.execute(KEEP, job, students, message)


def ring(students: Sequence[str]) -> None:
    """Say that there is something new for some students; after the transaction."""
    _redis().publish(CHANNEL, json.dumps(students))


@cache
def _redis() -> Redis:
    return Redis.from_url(os.environ[ENV_REDIS_URL])
