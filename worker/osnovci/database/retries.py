"""Which errors of a transaction may be followed by another attempt, and when. Pure.

PostgreSQL asks for it itself after a serialization failure (40001) and a deadlock (40P01). After a
connection that was lost before COMMIT was sent, or never made, nothing has happened. Every other
error would come again, or comes at a point where the outcome is not known.
"""

import asyncpg

from osnovci.database.errors import ConnectionLostError, UnreachableError

SQLSTATES = {"40001", "40P01"}
FIRST_SECONDS = 0.1
MOST_SECONDS = 2.0


def may_retry(error: BaseException) -> bool:
    """Tell whether the transaction that ended so may be run again."""
    if isinstance(error, asyncpg.PostgresError):
        return getattr(error, "sqlstate", None) in SQLSTATES
    return isinstance(error, ConnectionLostError | UnreachableError)


def wait_seconds(attempt: int, draw: float) -> float:
    """Give the wait after an attempt (0 is the first), doubling; `draw` is a number from [0, 1).

    Half of it is random, so that those who failed together do not come back together.
    """
    return min(FIRST_SECONDS * 2**attempt, MOST_SECONDS) * (1 + draw) / 2


def broke(error: BaseException) -> bool:
    """Tell whether an error means that the connection is gone.

    A FATAL answer ends the session. It may also follow a commit that took effect. Where it came to
    an idle connection, asyncpg takes no statement any more until it sees the end of the stream.
    """
    if isinstance(error, asyncpg.PostgresConnectionError | asyncpg.InternalClientError | OSError):
        return not isinstance(error, TimeoutError)
    return getattr(error, "severity_en", None) in {"FATAL", "PANIC"}
