"""How a command finds Redis and what it is about: the same options for all that look there."""

import argparse
import os
from collections.abc import Callable
from typing import TYPE_CHECKING

from osnovci.errors import OsnovciError

if TYPE_CHECKING:
    from osnovci.queues.client import Queues

WHERE = "Works on the Redis of OSNOVCI_REDIS_URL and the namespace of OSNOVCI_NAMESPACE."
KINDS = frozenset({"qpool", "queuepool", "queuepools"})


def add_options(parser: argparse.ArgumentParser) -> None:
    """Let a command be told its Redis and namespace."""
    parser.add_argument(
        "--redis", default=os.environ.get("OSNOVCI_REDIS_URL"), help="URL of the Redis"
    )
    parser.add_argument(
        "-n", "--namespace", default=os.environ.get("OSNOVCI_NAMESPACE"), help="that of the pool"
    )


def add_pool(parser: argparse.ArgumentParser) -> None:
    """Let a command be told its pool, as kubectl is."""
    parser.add_argument("pool", metavar="qpool/NAME", help="the QueuePool")


def connected(
    run: "Callable[[Queues, argparse.Namespace], int]",
) -> Callable[[argparse.Namespace], int]:
    """Give the command its queues; what Redis refuses becomes one sentence."""

    def act(given: argparse.Namespace) -> int:
        from redis.exceptions import RedisError

        try:
            return run(_open(given), given)
        except RedisError as error:
            raise OsnovciError(str(error)) from error

    return act


def pool_name(argument: str) -> str:
    """Read `qpool/NAME`, or `NAME` alone."""
    kind, slash, name = argument.rpartition("/")
    if not name or (slash and kind.lower() not in KINDS):
        raise OsnovciError(f"{argument!r} is no QueuePool: write qpool/NAME")
    return name


def _open(arguments: argparse.Namespace) -> "Queues":
    from redis import Redis

    from osnovci.queues.client import Queues

    if not arguments.redis:
        raise OsnovciError("no Redis is named: set OSNOVCI_REDIS_URL, or pass --redis")
    if not arguments.namespace:
        raise OsnovciError("no namespace is named: set OSNOVCI_NAMESPACE, or pass --namespace")
    try:
        return Queues(Redis.from_url(arguments.redis), arguments.namespace)
    except ValueError:
        # what was given is left out, since it may hold a password
        raise OsnovciError(
            "what --redis or OSNOVCI_REDIS_URL gives is no URL of a Redis: write redis://HOST:PORT/DB"
        ) from None
