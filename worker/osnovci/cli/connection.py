"""How a command finds Redis and what it is about: the same options for all that look there."""

import argparse
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from osnovci.errors import OsnovciError

if TYPE_CHECKING:
    from osnovci.queues.client import Queues

WHERE = "Works on the Redis of OSNOVCI_REDIS_URL and the namespace of OSNOVCI_NAMESPACE."


def add_options(parser: argparse.ArgumentParser, *, once_more: bool = False) -> None:
    """Let a command be told its Redis and namespace; `once_more` after a verb, as before it."""

    def default(name: str) -> str | None:
        # a verb's own default would take the place of what was given before it
        return argparse.SUPPRESS if once_more else os.environ.get(name)

    parser.add_argument("--redis", default=default("OSNOVCI_REDIS_URL"), help="URL of the Redis")
    parser.add_argument(
        "-n", "--namespace", default=default("OSNOVCI_NAMESPACE"), help="that of the app or pool"
    )


def connected(
    run: "Callable[[Queues, argparse.Namespace], int]",
) -> Callable[[argparse.Namespace], int]:
    """Give the command its queues; what Redis refuses becomes one sentence."""

    def act(given: argparse.Namespace) -> int:
        from redis.exceptions import RedisError

        try:
            return run(_open(given), given)
        except RedisError as error:
            raise OsnovciError(_told(error)) from error

    return act


def _told(error: Exception) -> str:
    """Say what Redis refused, and what would be right."""
    from redis import exceptions

    if isinstance(error, exceptions.AuthenticationError):
        return (
            "Redis refuses the user or password of --redis or OSNOVCI_REDIS_URL, or wants one: "
            "write redis://USER:PASSWORD@HOST:PORT/DB, with no USER for the default one"
        )
    if isinstance(error, exceptions.ConnectionError):
        return f"Redis cannot be reached: {error}"
    if str(error).startswith("WRONGTYPE"):
        return (
            "a key that this command reads is of another type: another program writes it. Delete or "
            "rename it; where it is one of a queue, `osnovci queue audit` tells which"
        )
    return str(error)


def _open(arguments: argparse.Namespace) -> "Queues":
    from redis import Redis

    from osnovci.queues.client import Queues

    if not arguments.redis:
        raise OsnovciError(
            "no Redis is named: set OSNOVCI_REDIS_URL, or pass --redis; from outside of the cluster, "
            "redis://127.0.0.1:6379/0 beside `kubectl port-forward service/redis 6379`"
        )
    if not arguments.namespace:
        raise OsnovciError("no namespace is named: set OSNOVCI_NAMESPACE, or pass --namespace")
    try:
        return Queues(Redis.from_url(arguments.redis), arguments.namespace)
    except ValueError:
        # what was given is left out, since it may hold a password
        raise OsnovciError(
            "what --redis or OSNOVCI_REDIS_URL gives is no URL of a Redis: write redis://HOST:PORT/DB"
        ) from None
