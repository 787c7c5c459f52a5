"""`osnovci limits`: what the rate limits of an app count, who is denied most, and what a request would meet."""

import argparse
from typing import TYPE_CHECKING, Any

from osnovci.cli.connection import WHERE, add_options, connected
from osnovci.cli.named import add_app, add_last
from osnovci.cli.table import table
from osnovci.errors import OsnovciError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from osnovci.app_contract import AppDocument
    from osnovci.limits.limit import Decision, Window
    from osnovci.limits.policies import Policies
    from osnovci.queues.client import Queues

LIMIT_COLUMNS = "POLICY", "LIMIT", "MAX", "WINDOW", "PER", "MODE", "DENIED"
STATE_COLUMNS = "POLICY", "LIMIT", "SUBJECT", "REMAINING", "RESET", "ANSWER"


def add(commands: Any) -> None:
    """Declare the subcommand."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "limits", help="look at rate limits, who is denied, and why; reset one", description=WHERE
    )
    add_options(parser)
    actions = parser.add_subparsers(dest="action", required=True)
    _action(actions, "status", "print the limits in force and how often they denied", status)
    top_parser = _action(actions, "top", "print who is denied most", top)
    add_last(top_parser, 10, "so many of each policy")
    for name, text, run in (
        ("test", "tell which limits a request would meet, without counting it", test),
        ("reset", "let an address or a user begin anew in every limit", reset),
    ):
        chosen = _action(actions, name, text, run)
        chosen.add_argument("--ip", default="", type=_address, help="the client's address")
        chosen.add_argument("--user", help="the user's id")
        if name == "test":
            chosen.add_argument("path", type=_path, help="such as /api/homework")
            chosen.add_argument("--method", default="GET")


def _action(actions: Any, name: str, text: str, run: Any) -> argparse.ArgumentParser:
    parser: argparse.ArgumentParser = actions.add_parser(name, help=text, description=text)
    add_app(parser)
    add_options(parser, once_more=True)
    parser.set_defaults(run=connected(run))
    return parser


def status(queues: "Queues", arguments: argparse.Namespace) -> int:
    """Print the limits and the sums of denials."""
    from osnovci.limit_contract import denials_key

    client: Any = queues.redis
    document = _document(client, arguments)
    counts = client.hgetall(denials_key(arguments.namespace, document.app))
    rows: list[tuple[str, ...]] = [LIMIT_COLUMNS]
    for policy in document.policies:
        what = "denied" if policy.mode == "Enforce" else "wouldDeny"
        count = counts.get(f"{policy.name}/{what}".encode(), b"0").decode()
        rows += (
            (
                policy.name,
                each.name,
                str(each.max),
                _span(each.window_ms),
                each.per,
                policy.mode,
                count,
            )
            for each in policy.limits
        )
    print("\n".join(table(rows)))
    print("DENIED is of the whole policy, in the last week that had any.")
    return 0


def top(queues: "Queues", arguments: argparse.Namespace) -> int:
    """Print who was denied most, by policy."""
    from osnovci.limit_contract import top_key

    client: Any = queues.redis
    document = _document(client, arguments)
    rows: list[tuple[str, ...]] = [("POLICY", "LIMIT", "SUBJECT", "DENIED")]
    for policy in document.policies:
        key = top_key(arguments.namespace, document.app, policy.name)
        for member, count in client.zrevrange(key, 0, arguments.last - 1, withscores=True):
            limit, _, subject = member.decode(errors="replace").partition(" ")
            rows.append((policy.name, limit, subject, f"{count:.0f}"))
    print("\n".join(table(rows)))
    return 0


def test(queues: "Queues", arguments: argparse.Namespace) -> int:
    """Print the limits that a request would meet; the exit status is 1 where it would be denied."""
    from osnovci.app_contract import ALIVE_PATH, HEALTH_PATH, READY_PATH

    policies = _policies(queues, arguments)
    client = policies.client(arguments.ip, "")
    windows = policies.windows(client, arguments.user, arguments.path, arguments.method.upper())
    if not windows or arguments.path in {HEALTH_PATH, READY_PATH, ALIVE_PATH}:
        print("it meets no limit")
        return 0
    decision = _look(queues, windows)
    print("\n".join(table([STATE_COLUMNS, *_states(decision)])))
    return int(not decision.allowed)


def reset(queues: "Queues", arguments: argparse.Namespace) -> int:
    """Delete windows, and tell the pods, which remember whom they denied."""
    from osnovci.limit_contract import RESETS

    if not arguments.ip and not arguments.user:
        raise OsnovciError("limits reset: name whom, with --ip or --user")
    policies = _policies(queues, arguments)
    windows: list[Window] = []
    if arguments.ip:
        windows += policies.windows_at(arguments.ip)
    if arguments.user:
        windows += policies.windows_of(arguments.user)
    client: Any = queues.redis
    gone = client.unlink(*(window.key for window in windows)) if windows else 0
    for channel in _channels(client, arguments):
        client.hincrby(channel, RESETS, 1)
        client.publish(channel, RESETS)
    print(f"{gone} windows reset; the pods know within a second")
    return 0


def _states(decision: "Decision") -> "Iterator[tuple[str, ...]]":
    for window, state in zip(decision.windows, decision.states, strict=True):
        limit = window.limit
        denies = "would deny (DryRun)" if limit.is_tried else f"denies for {_span(state.retry_ms)}"
        yield (
            limit.policy,
            limit.name,
            window.subject,
            f"{state.remaining} of {limit.max}",
            _span(state.reset_ms) if state.reset_ms else "",
            denies if state.retry_ms else "lets through",
        )


def _look(queues: "Queues", windows: "list[Window]") -> "Decision":
    from osnovci.limits.limit import Question
    from osnovci.scripted import run

    question = Question(windows, counts=False)
    return question.parse(run(queues.redis, question.call))


def _policies(queues: "Queues", arguments: argparse.Namespace) -> "Policies":
    from osnovci.limits.policies import Policies

    return Policies(arguments.namespace, _document(queues.redis, arguments))


def _document(client: Any, arguments: argparse.Namespace) -> "AppDocument":
    """Read the newest document of the app: of its releases, each has one, and revisions go on in all."""
    from osnovci.config.revision import read, revision_number

    name = arguments.app
    found = [
        client.hmget(key, "revision", "checksum", "document")
        for key in _channels(client, arguments)
    ]
    if not found:
        raise OsnovciError(
            f"nothing is known of app {arguments.namespace}/{name}: there is no such OsnovciApp, or "
            "the operator has not reached this Redis since it is there"
        )
    return read(name, max(found, key=lambda fields: revision_number(fields[0]))).document


def _channels(client: Any, arguments: argparse.Namespace) -> list[str]:
    """Name the config of each release of the app; that of pods without a release has no more in its name."""
    from osnovci.app_contract import config_key

    key = config_key(arguments.namespace, arguments.app)
    keys = {key, *(each.decode() for each in client.scan_iter(f"{key}:*", count=1_000))}
    return [each for each in sorted(keys) if client.hexists(each, "revision")]


def _address(text: str) -> str:
    from osnovci.limits.clients import parse

    if text and parse(text) is None:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no address: write one as 203.0.113.7 or 2001:db8::1"
        )
    return text


def _path(text: str) -> str:
    """Give the path that limits are held against: of an address or a path with a query, as a server reads it."""
    from urllib.parse import unquote, urlsplit

    try:
        path = text.partition("?")[0] if text.startswith("/") else urlsplit(text).path
    except ValueError:
        path = ""
    if not path.startswith("/"):
        raise argparse.ArgumentTypeError(f"{text!r} is no path: it begins with /, as /api/homework")
    return unquote(path)


def _span(milliseconds: int) -> str:
    from datetime import timedelta

    from osnovci.durations import format_duration

    return format_duration(timedelta(milliseconds=milliseconds))
