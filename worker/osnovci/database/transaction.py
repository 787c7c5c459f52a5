"""Transactions, whose end is either known or said to be unknown."""

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from itertools import count
from typing import Literal

import asyncpg

from osnovci.database.connection import Connection
from osnovci.database.errors import (
    CommitOutcomeUnknownError,
    ConnectionLostError,
    DatabaseError,
    NotCommittedError,
    QueryTimeoutError,
)

Isolation = Literal["read committed", "repeatable read", "serializable"]
BEGIN = {
    None: "BEGIN",
    "read committed": "BEGIN ISOLATION LEVEL READ COMMITTED",
    "repeatable read": "BEGIN ISOLATION LEVEL REPEATABLE READ",
    "serializable": "BEGIN ISOLATION LEVEL SERIALIZABLE",
}
_numbers = count(1)


@asynccontextmanager
async def transaction(
    connection: Connection, isolation: Isolation | None = None
) -> AsyncGenerator[None]:
    """Commit at the end of the block, roll back when it raises; inside another, be a savepoint.

    Raises CommitOutcomeUnknownError, NotCommittedError, or why PostgreSQL refused to commit. A task
    that is canceled while COMMIT runs does not learn its outcome either.
    """
    if connection.in_transaction:
        if isolation:
            raise ValueError("a transaction inside another has the isolation of the outer one")
        name = f"osnovci_{next(_numbers)}"
        begin, undo = f"SAVEPOINT {name}", f"ROLLBACK TO SAVEPOINT {name}; RELEASE SAVEPOINT {name}"
        end = f"RELEASE SAVEPOINT {name}"
    else:
        begin, undo, end = BEGIN[isolation], "ROLLBACK", None
    await connection.execute(begin)
    try:
        yield
    except BaseException:
        await _undo(connection, undo)
        raise
    if end:
        await connection.execute(end)
    else:
        await _commit(connection)


async def _undo(connection: Connection, statement: str) -> None:
    """Roll back as far as it can be: the error that led here is the one to tell."""
    try:
        await connection.execute(statement)
    except (DatabaseError, asyncpg.PostgresError, asyncpg.InterfaceError):
        # The pool closes a connection that comes back inside a transaction.
        return


async def _commit(connection: Connection) -> None:
    if connection.driver.is_closed():
        raise ConnectionLostError("the connection was lost before COMMIT: nothing is committed")
    try:
        status = await connection.execute("COMMIT")
    except (ConnectionLostError, QueryTimeoutError) as error:
        raise CommitOutcomeUnknownError(
            f"COMMIT was sent and not answered, so the transaction is committed or it is not: "
            f"read what it wrote before you do it again ({error})"
        ) from error
    if status != "COMMIT":
        raise NotCommittedError(
            "a statement of the transaction failed and its error was caught, so PostgreSQL rolled "
            "all of it back: let the error out, or run that statement in `transaction(connection)`"
        )
