"""What goes wrong between the application and its database.

DatabaseError
├── ConnectError                    no connection could be made
│   ├── UnreachableError            nobody answers, or not yet: it may be tried again
│   └── ConnectTimeoutError
├── AcquireTimeoutError             no connection became free in time
├── QueryTimeoutError
├── ConnectionLostError             it broke while a statement ran, or before
├── CommitOutcomeUnknownError       it broke while COMMIT ran: nobody knows, and nothing is retried
├── NotCommittedError               PostgreSQL answered COMMIT with a rollback
├── BatchError                      a batch failed; the ones before it are committed
└── PoolClosedError

What PostgreSQL itself refuses (a constraint, a syntax error, ...) stays an asyncpg.PostgresError.
No message holds a password, or the value of a parameter.
"""

from typing import Any

from osnovci.errors import OsnovciError


class DatabaseError(OsnovciError):
    """Something between the application and its database went wrong."""


class ConnectError(DatabaseError):
    """No connection could be made; the message says to where and why."""


class UnreachableError(ConnectError):
    """Nobody answers there, or the server takes no connection now."""


class ConnectTimeoutError(ConnectError):
    """No connection was made within `connect_timeout_seconds`."""


class AcquireTimeoutError(DatabaseError):
    """No connection became free within `acquire_timeout_seconds`."""


class QueryTimeoutError(DatabaseError):
    """A statement took longer than its timeout; it was canceled."""


class ConnectionLostError(DatabaseError):
    """The connection broke. A statement that ran alone may have taken effect; a transaction has not."""


class CommitOutcomeUnknownError(DatabaseError):
    """COMMIT was sent and its answer never came: the transaction is committed, or it is not."""


class NotCommittedError(DatabaseError):
    """A statement of the transaction failed, its error was caught, and so nothing was committed."""


class BatchError(DatabaseError):
    """A batch failed; `results` are those of the operations before it, which are committed."""

    def __init__(self, message: str, results: list[Any]) -> None:
        super().__init__(message)
        self.results = results


class PoolClosedError(DatabaseError):
    """The database was closed, or is not open yet."""
