"""What a command is about, named as kubectl is told it: app/NAME, qpool/NAME; and how much it is to tell."""

import argparse

from osnovci.errors import OsnovciError

APPS = frozenset({"app", "oapp", "osnovciapp", "osnovciapps"})
POOLS = frozenset({"qpool", "queuepool", "queuepools"})


def add_app(parser: argparse.ArgumentParser) -> None:
    """Let a command be told its app."""
    parser.add_argument("app", metavar="app/NAME", type=app_name, help="the OsnovciApp")


def add_pool(parser: argparse.ArgumentParser) -> None:
    """Let a command be told its pool."""
    parser.add_argument("pool", metavar="qpool/NAME", type=pool_name, help="the QueuePool")


def add_last(parser: argparse.ArgumentParser, default: int, what: str) -> None:
    """Let a command be told how many are to be printed."""
    parser.add_argument("--last", type=_count, default=default, help=f"{what} ({default})")


def app_name(argument: str) -> str:
    """Read `app/NAME`, or `NAME` alone."""
    kind, name = split(argument)
    if not name or kind not in APPS | {""}:
        raise OsnovciError(f"{argument!r} is no OsnovciApp: write app/NAME")
    return name


def pool_name(argument: str) -> str:
    """Read `qpool/NAME`, or `NAME` alone."""
    kind, name = split(argument)
    if not name or kind not in POOLS | {""}:
        raise OsnovciError(f"{argument!r} is no QueuePool: write qpool/NAME")
    return name


def split(argument: str) -> tuple[str, str]:
    """Give kind, in lower case, and name; a name alone has the empty kind."""
    kind, _, name = argument.rpartition("/")
    return kind.lower(), name


def _count(argument: str) -> int:
    """Read how many: one at the least."""
    if not argument.isdecimal() or not int(argument):
        raise argparse.ArgumentTypeError(f"{argument!r} is no count: it is a number from 1")
    return int(argument)
