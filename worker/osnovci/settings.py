"""What a pod is told by its environment: one frozen value for each kind of pod, read once."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import ValidationError
from redis.connection import parse_url

from osnovci.app_contract import ENV_APP, ENV_PROCESS, ENV_RELEASE, ENV_SERVER_ID, AppDocument
from osnovci.config.revision import Config, ConfigError
from osnovci.contract import (
    ENV_NAMESPACE,
    ENV_POD,
    ENV_POOL,
    ENV_REDIS_URL,
    PoolDocument,
)
from osnovci.errors import SettingsError

SCHEMES = ("redis://", "rediss://", "unix://")

ALONE = "local"
"""The namespace of an application outside the operator's pods."""


@dataclass(frozen=True)
class WorkerSettings:
    """The settings of one worker pod; the operator sets them."""

    namespace: str
    pod: str
    redis_url: str
    pool: PoolDocument

    @classmethod
    def parse(cls, environment: Mapping[str, str]) -> "WorkerSettings":
        """Read the environment.

        Raises SettingsError, which names the variable and what would be right.
        """
        return cls(
            namespace=_needed(environment, ENV_NAMESPACE),
            pod=_needed(environment, ENV_POD),
            redis_url=checked_redis_url(_needed(environment, ENV_REDIS_URL)),
            pool=_pool(_needed(environment, ENV_POOL)),
        )


@dataclass(frozen=True)
class AppSettings:
    """The settings of one server process of a web application; the operator sets them."""

    namespace: str
    pod: str
    process: int
    server_id: str
    redis_url: str
    """Empty outside a pod of the operator's: then there is no Redis to report to."""
    config: Config
    """What is in force until Redis says more."""
    release: str = ""
    """Whose document it reads there; empty where the app has but one."""

    @classmethod
    def parse(cls, environment: Mapping[str, str], host: str) -> "AppSettings":
        """Read the environment; without a document the app runs by itself, with the defaults.

        Raises SettingsError, which names the variable and what would be right.
        """
        server_id = environment.get(ENV_SERVER_ID, "")
        process = _process(environment.get(ENV_PROCESS, "0"))
        if ENV_APP not in environment:
            alone = Config.of(AppDocument(app="app").model_dump_json())
            return cls(ALONE, host, process, server_id or host, "", alone)
        pod = _needed(environment, ENV_POD)
        return cls(
            namespace=_needed(environment, ENV_NAMESPACE),
            pod=pod,
            process=process,
            server_id=server_id or pod,
            redis_url=checked_redis_url(_needed(environment, ENV_REDIS_URL)),
            config=_config(_needed(environment, ENV_APP)),
            release=environment.get(ENV_RELEASE, ""),
        )


def _needed(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name)
    if not value:
        raise SettingsError(f"{name} is not set; the operator sets it in the pods that it makes")
    return value


def _process(text: str) -> int:
    if not text.isdecimal():
        raise SettingsError(f"{ENV_PROCESS} is {text!r}; it is the process's number, from 0")
    return int(text)


def _config(text: str) -> Config:
    try:
        return Config.of(text)
    except ConfigError as error:
        raise SettingsError(f"{ENV_APP}: {error}") from error


def checked_redis_url(url: str) -> str:
    """Check the form. The message leaves the URL out, since it may hold a password."""
    if not url.startswith(SCHEMES):
        raise SettingsError(f"{ENV_REDIS_URL} must begin with {', '.join(SCHEMES[:-1])} or unix://")
    try:
        parse_url(url)
    except ValueError:
        raise SettingsError(f"{ENV_REDIS_URL} is no URL: write redis://HOST:PORT/DB") from None
    return url


def _pool(text: str) -> PoolDocument:
    try:
        pool = PoolDocument.model_validate_json(text)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the document"
        raise SettingsError(f"{ENV_POOL}: {where}: {first['msg']}") from error
    if not pool.queues:
        raise SettingsError(f"{ENV_POOL}: queues: it is empty; a pool has at least one queue")
    return pool
