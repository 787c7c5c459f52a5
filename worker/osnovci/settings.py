"""What a worker pod is told by its environment: one frozen value, read once."""

from collections.abc import Mapping
from dataclasses import dataclass

from pydantic import ValidationError

from osnovci.contract import (
    ENV_NAMESPACE,
    ENV_POD,
    ENV_POOL,
    ENV_REDIS_URL,
    PoolDocument,
)
from osnovci.errors import SettingsError

SCHEMES = ("redis://", "rediss://", "unix://")


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
            redis_url=_redis_url(_needed(environment, ENV_REDIS_URL)),
            pool=_pool(_needed(environment, ENV_POOL)),
        )


def _needed(environment: Mapping[str, str], name: str) -> str:
    value = environment.get(name)
    if not value:
        raise SettingsError(f"{name} is not set; the operator sets it in a pool's pods")
    return value


def _redis_url(url: str) -> str:
    """Check the scheme. The message leaves the URL out, since it may hold a password."""
    if not url.startswith(SCHEMES):
        raise SettingsError(f"{ENV_REDIS_URL} must begin with {', '.join(SCHEMES[:-1])} or unix://")
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
