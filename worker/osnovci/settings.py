"""What a worker pod is told by its environment: one frozen value, read once."""

from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec

from pydantic import ValidationError

from osnovci.contract import ENV_NAMESPACE, ENV_POD, ENV_POOL, ENV_REDIS_URL, PoolDocument
from osnovci.errors import SettingsError


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
        for name in (ENV_NAMESPACE, ENV_POD, ENV_REDIS_URL, ENV_POOL):
            if not environment.get(name):
                raise SettingsError(f"{name} is not set; the operator sets it in a pool's pods")
        try:
            pool = PoolDocument.model_validate_json(environment[ENV_POOL])
        except ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the document"
            raise SettingsError(f"{ENV_POOL}: {where}: {first['msg']}") from error
        for task in pool.tasks:
            _need_module(task)
        return cls(
            namespace=environment[ENV_NAMESPACE],
            pod=environment[ENV_POD],
            redis_url=environment[ENV_REDIS_URL],
            pool=pool,
        )


def _need_module(name: str) -> None:
    try:
        found = find_spec(name)
    except ImportError:
        found = None
    if not found:
        raise SettingsError(
            f"spec.tasks names the module {name}, which this image does not have: "
            "install it there, or set PYTHONPATH"
        )
