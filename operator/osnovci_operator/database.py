"""The database of a namespace: what an app says of it, and what pods are told. Pure: no I/O, no clock."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated, Any

from pydantic import Field

from osnovci.app_contract import ENV_DATABASE, DatabaseDocument
from osnovci.contract import Isolation
from osnovci_operator.pods import secret_variable
from osnovci_operator.resource import Duration, Model, rule, rules

SECRET = "osnovci-database"  # noqa: S105  # its name
URL = "DATABASE_URL"


class Database(Model):
    """The app's database, whose URL the pods take from the Secret osnovci-database."""

    model_config = {
        "json_schema_extra": rules(
            rule(
                "self.reservedConnections < self.maxConnections",
                "reservedConnections leaves nothing of maxConnections: lower it",
                ".reservedConnections",
            )
        )
    }

    max_connections: Annotated[int, Field(ge=1, le=100_000)] = 100
    """What the database server allows; of the apps of a namespace, which share one with the workers that follow them, the least counts."""
    reserved_connections: Annotated[int, Field(ge=0, le=100_000)] = 10
    """What others need of it: people, the server itself, workers that follow no app."""
    connections_per_process: Annotated[int, Field(ge=1, le=1000)] = 10
    """The most connections that one server process opens; fewer where not all fit."""
    acquire_timeout: Duration = timedelta(seconds=10)
    """How long a request waits for a free connection."""
    connect_timeout: Duration = timedelta(seconds=5)
    """How long opening a connection may take."""
    query_timeout: Duration = timedelta(seconds=10)
    """How long a statement may run."""
    slow_query: Duration = timedelta(seconds=1)
    """A statement that takes longer is logged."""
    ping_interval: Duration = timedelta(minutes=1)
    """How often the database is asked whether it answers."""

    def document(self) -> DatabaseDocument:
        """Give what the pods are told."""
        return DatabaseDocument(
            connections_per_process=self.connections_per_process,
            acquire_timeout_seconds=self.acquire_timeout.total_seconds(),
            connect_timeout_seconds=self.connect_timeout.total_seconds(),
            query_timeout_seconds=self.query_timeout.total_seconds(),
            slow_query_seconds=self.slow_query.total_seconds(),
            ping_interval_seconds=self.ping_interval.total_seconds(),
        )


@dataclass(frozen=True)
class Grant:
    """How many workers of a pool the database allows."""

    replicas: int
    why: str = ""
    """Why they are fewer than the pool may have, in a sentence; empty where they are not."""


def variables() -> list[dict[str, Any]]:
    """Tell a pod where the database is; a replica there may be none."""
    return [
        secret_variable(URL, SECRET, "url"),
        secret_variable("DATABASE_REPLICA_URL", SECRET, "replicaUrl", optional=True),
    ]


def settings_variable(document: DatabaseDocument) -> dict[str, Any]:
    """Tell a pod that has no config document how to use the database."""
    return {"name": ENV_DATABASE, "value": document.model_dump_json()}


def of_a_worker(document: DatabaseDocument, slots: int, isolation: Isolation) -> DatabaseDocument:
    """Give how each process of a worker uses the database: a connection for each job that it runs.

    A worker has so many slots; only with isolation Thread are they in one process.
    """
    connections = slots if isolation is Isolation.THREAD else 1
    return document.model_copy(update={"connections_per_process": connections})
