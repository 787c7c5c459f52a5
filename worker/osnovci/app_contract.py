"""What crosses between the operator and the pods of an OsnovciApp; the rest is in `contract`.

Pure: no I/O, no clock. The defaults are those of a resource that says nothing.

A pod is told its `AppDocument` twice: by its environment, for its start, and by the key
`config_key`, where `osnovci.config` publishes every later one under a revision.
"""

from enum import StrEnum
from hashlib import sha256
from typing import Annotated

from pydantic import Field

from osnovci.contract import Document, key_prefix
from osnovci.limit_contract import Cidrs, LimiterState, PolicyDocument

ENV_APP = "OSNOVCI_APP_DOCUMENT"
"""The `AppDocument` as JSON, for the start of a pod while Redis says nothing.

A value that stood in the pod template would roll the pods with every change; one that comes from a
ConfigMap does not.
"""

ENV_DATABASE = "OSNOVCI_DATABASE_DOCUMENT"
"""The `DatabaseDocument` as JSON, for a pod without an `AppDocument`: a worker, a migration."""

ENV_RELEASE = "OSNOVCI_RELEASE"
"""The release that a pod is of: the pods of one template, which have a document of their own.

So the pods of before never meet the config of an image that is only being tried.
"""

ENV_SERVER_ID = "SERVER_ID"
"""What a pod calls itself in answers; without it, the pod's name."""

ENV_PROCESS = "OSNOVCI_PROCESS"
"""The number of a server process in its pod, from 0; `osnovci serve` sets it."""

PORT = 3000

HEALTH_PATH, READY_PATH, ALIVE_PATH = "/api/health", "/api/ready", "/api/alive"
"""What a pod answers of itself, without a session and whatever limits say."""

MOST_LOGINS = 100_000
"""Of one user: all of them are looked at when there is one too many."""

ERROR_MAX_CHARACTERS = 500

Percent = Annotated[float, Field(ge=0, le=100)]
LONGEST_SECONDS = 100 * 365 * 24 * 3600
"""What Redis, timers and cookies take for a length of time, with room to spare."""

Seconds = Annotated[float, Field(gt=0, le=LONGEST_SECONDS)]
Count = Annotated[int, Field(ge=0, le=1_000_000_000)]
Positive = Annotated[int, Field(ge=1, le=1_000_000_000)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class DatabaseDocument(Document):
    """How each process of an app uses its database."""

    connections_per_process: Positive = 10
    acquire_timeout_seconds: Seconds = 10
    connect_timeout_seconds: Seconds = 5
    query_timeout_seconds: Seconds = 10
    slow_query_seconds: Seconds = 1
    ping_interval_seconds: Seconds = 60
    replica_max_lag_seconds: Seconds = 5


class SessionsDocument(Document):
    """How long sessions live; `max_per_user` 0 is any number."""

    ttl_seconds: Seconds = 24 * 3600
    refresh_ttl_seconds: Seconds = 30 * 24 * 3600
    max_per_user: Annotated[int, Field(ge=0, le=MOST_LOGINS)] = 0


class HealthDocument(Document):
    """When a replica counts as strained, and when it turns requests away."""

    memory_warn_percent: Percent = 80
    memory_max_percent: Percent = 95
    max_in_flight: Positive = 200
    """Of one replica, all its processes together."""


class ShutdownDocument(Document):
    """A stop: for `drain` the replica serves on without being ready; after `grace` it is killed."""

    drain_seconds: Annotated[float, Field(ge=0, le=LONGEST_SECONDS)] = 5
    grace_seconds: Seconds = 30


class AppDocument(Document):
    """What a web pod is told about its app. Port and processes count when it starts, the rest at once."""

    app: str
    port: Annotated[int, Field(ge=1, le=65535)] = PORT
    processes: Positive = 1
    database: DatabaseDocument | None = None
    sessions: SessionsDocument = SessionsDocument()
    health: HealthDocument = HealthDocument()
    shutdown: ShutdownDocument = ShutdownDocument()
    trusted_proxies: Cidrs = ()
    """CIDRs of those whose X-Forwarded-For counts."""
    policies: tuple[PolicyDocument, ...] = ()
    """The rate limits, in the order in which their policies were made."""


def checksum(document: str) -> str:
    """Give the SHA-256 of a document's text, which tells whether two are the same."""
    return sha256(document.encode()).hexdigest()


def config_key(namespace: str, app: str, release: str = "") -> str:
    """Name the hash of the document of an app's release: the fields revision, checksum, document.

    It is also the channel on which a new one is announced.
    """
    return f"{key_prefix(namespace)}config:{app}" + (f":{release}" if release else "")


def app_heartbeat_key(namespace: str, pod: str, process: int) -> str:
    """Name the key under which a server process reports that it lives."""
    return f"{key_prefix(namespace)}heartbeat:{pod}:{process}"


class AppState(StrEnum):
    """What a server process is doing."""

    RUNNING = "Running"
    DRAINING = "Draining"


class PoolUse(Document):
    """The database connections of one process.

    While more are open than its size, a smaller size is not in force yet: count the greater one.
    """

    size: Count
    open: Count
    """In use, idle, or being made or closed."""
    in_use: Count
    waiting: Count = 0
    """Who waits for one."""


class Refusal(Document):
    """A document that a process does not run, and why."""

    revision: Count
    error: Annotated[str, Field(max_length=ERROR_MAX_CHARACTERS)]


class AppHeartbeat(Document):
    """What a server process reports of itself, every second. CPU and memory are its container's.

    Rates are over the last ten seconds; what is not known is None.
    """

    app: str
    pod: str
    process: Annotated[int, Field(ge=0, le=1_000)]
    state: AppState
    at_ms: int
    in_flight: Count
    websockets: Count = 0
    requests_per_second: NotNegative
    shed_per_second: NotNegative = 0
    """Requests turned away; they are among those above, and among the errors."""
    error_rate: Annotated[float, Field(ge=0, le=1)]
    """The share of answers of status 500 and above; 0 without requests."""
    p95_seconds: NotNegative | None = None
    cpu_percent: NotNegative | None = None
    """Of what the container may use: its limit, or the node."""
    memory_percent: NotNegative | None = None
    memory_bytes: Annotated[int, Field(ge=0)] | None = None
    database: PoolUse | None = None
    limiter: LimiterState | None = None
    """Where requests are counted; None without rate limits."""
    config_revision: Count
    """The revision in force; 0 is the document of the environment."""
    config_checksum: str
    refused: Refusal | None = None
