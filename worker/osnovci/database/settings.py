"""Where the database is, and how it is used. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from urllib.parse import urlsplit

from pydantic import ValidationError

from osnovci.app_contract import ENV_DATABASE, DatabaseDocument
from osnovci.errors import SettingsError

ENV_URL = "DATABASE_URL"
ENV_REPLICA_URL = "DATABASE_REPLICA_URL"
SCHEMES = ("postgresql", "postgres")


@dataclass(frozen=True, kw_only=True)
class DatabaseSettings:
    """The settings of one process; `Database.configure` applies others while it runs."""

    connections_per_process: int = 10
    """The most connections to the primary, and as many to a replica, which has a server of its own."""
    acquire_timeout_seconds: float = 10.0
    connect_timeout_seconds: float = 5.0
    """For a connect, a ping, and the reset or the close of a connection that comes back."""
    query_timeout_seconds: float = 10.0
    slow_query_seconds: float = 1.0
    """A statement that takes longer is logged, without its values."""
    ping_interval_seconds: float = 60.0
    replica_max_lag_seconds: float = 5.0
    """A replica that is further behind gets no reads."""

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if value <= 0:
                raise SettingsError(f"{each.name} is {value:g}; it must be more than 0")

    @classmethod
    def parse(cls, environment: Mapping[str, str]) -> "DatabaseSettings":
        """Read what the operator tells a worker that follows an app, and a migration.

        Where it tells nothing, these are the defaults. Raises SettingsError.
        """
        text = environment.get(ENV_DATABASE)
        try:
            document = DatabaseDocument.model_validate_json(text) if text else DatabaseDocument()
        except ValidationError:
            raise SettingsError(f"{ENV_DATABASE} is not what the operator writes there") from None
        return cls(**{each.name: getattr(document, each.name) for each in fields(cls)})


@dataclass(frozen=True)
class DatabaseUrl:
    """A URL with a password in it, which neither `str` nor `repr` shows."""

    secret: str = field(repr=False)
    shown: str
    """Host, port and database: what messages and logs may say."""

    @classmethod
    def parse(cls, text: str, variable: str = ENV_URL) -> "DatabaseUrl":
        """Read a URL. Raises SettingsError, whose message leaves the URL out."""
        try:
            parts = urlsplit(text)
        except ValueError:
            raise SettingsError(f"{variable} is not a URL") from None
        if parts.scheme not in SCHEMES:
            raise SettingsError(f"{variable} must begin with postgresql:// or postgres://")
        if "@" in parts.path + parts.query + parts.fragment and "@" not in parts.netloc:
            raise SettingsError(
                f"{variable}: the user or password has a character that must be percent-encoded, "
                "such as / as %2F, # as %23 or ? as %3F"
            )
        host = parts.netloc.rpartition("@")[2]
        return cls(secret=text, shown=(host or "a local socket") + parts.path)

    def __str__(self) -> str:
        return self.shown


@dataclass(frozen=True)
class DatabaseUrls:
    """The primary, and the replica where there is one."""

    primary: DatabaseUrl
    replica: DatabaseUrl | None = None

    @classmethod
    def parse(cls, environment: Mapping[str, str]) -> "DatabaseUrls":
        """Read what the Secret osnovci-database gives the pod. Raises SettingsError."""
        url, replica = environment.get(ENV_URL), environment.get(ENV_REPLICA_URL)
        if not url:
            raise SettingsError(
                f"{ENV_URL} is not set; it comes from the key url of the Secret osnovci-database"
            )
        return cls(
            primary=DatabaseUrl.parse(url),
            replica=DatabaseUrl.parse(replica, ENV_REPLICA_URL) if replica else None,
        )
