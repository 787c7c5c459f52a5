"""What the runtime asks of an application's database. `osnovci.database` answers it."""

from typing import Any, Protocol


class Statistics(Protocol):
    """The connections of a pool, as `PoolUse` has them."""

    @property
    def size(self) -> int: ...  # noqa: D102
    @property
    def open(self) -> int: ...  # noqa: D102
    @property
    def in_use(self) -> int: ...  # noqa: D102
    @property
    def waiting(self) -> int: ...  # noqa: D102


class Sign(Protocol):
    """A sign of life, or the reason why there is none."""

    @property
    def ok(self) -> bool: ...  # noqa: D102
    @property
    def message(self) -> str: ...  # noqa: D102
    @property
    def latency_seconds(self) -> float: ...  # noqa: D102


class Database(Protocol):
    """A pool that says how it is, and whose limits change while it is in use."""

    def statistics(self) -> Statistics:
        """Give the connections of now."""
        ...

    async def health(self) -> Sign:
        """Ask for a sign of life, in a time that is bounded."""
        ...

    async def configure(self, settings: Any) -> None:
        """Apply the fields of a `DatabaseDocument`; return when they are in force."""
        ...
