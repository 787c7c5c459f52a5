"""`osnovci sessions`: where a user is logged in, logging out, and counts, from outside of the app."""

import argparse
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from osnovci.cli.connection import WHERE, add_options, connected
from osnovci.cli.named import add_app
from osnovci.cli.table import table

if TYPE_CHECKING:
    from osnovci.queues.client import Queues
    from osnovci.sessions.operations import Device, Operations

COLUMNS = "DEVICE", "TYPE", "SINCE", "LAST ACTIVITY", "ADDRESS", "USER AGENT"
AGENT_CHARACTERS = 60


def add(commands: Any) -> None:
    """Declare the subcommand."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "sessions", help="look at the sessions of an app's users, log users out", description=WHERE
    )
    add_options(parser)
    actions = parser.add_subparsers(dest="action", required=True)
    for name, help_text, run in (
        ("devices", "print where a user is logged in", devices),
        ("logout", "end all sessions of a user", logout),
        ("counts", "print how many sessions there are, by type of device", counts),
    ):
        action: argparse.ArgumentParser = actions.add_parser(
            name, help=help_text, description=help_text
        )
        add_app(action)
        if run is not counts:
            action.add_argument("user", help="the id that the app gave the user")
        add_options(action, once_more=True)
        action.set_defaults(run=connected(run))


def devices(queues: "Queues", arguments: argparse.Namespace) -> int:
    """Print the logins of a user."""
    from osnovci.sessions.stores import Store

    found = Store(queues.redis).run(_operations(arguments).devices(arguments.user))
    for line in table([COLUMNS, *(_row(each) for each in found)]):
        print(line)
    return 0


def logout(queues: "Queues", arguments: argparse.Namespace) -> int:
    """End all sessions of a user, and what would renew them."""
    from osnovci.sessions.stores import Store
    from osnovci.words import counted

    ended = Store(queues.redis).run(_operations(arguments).end_all(arguments.user))
    print(f"{counted(ended, 'session')} of {arguments.user} ended")
    return 0


def counts(queues: "Queues", arguments: argparse.Namespace) -> int:
    """Print the sessions by type of device."""
    from osnovci.sessions.stores import Store

    found = Store(queues.redis).run(_operations(arguments).counts())
    rows = [(str(device), str(count)) for device, count in found.items()]
    for line in table([("TYPE", "SESSIONS"), *rows, ("all", str(sum(found.values())))]):
        print(line)
    return 0


def _operations(arguments: argparse.Namespace) -> "Operations":
    from osnovci.sessions.operations import Operations

    return Operations(arguments.namespace, arguments.app)


def _row(device: "Device") -> tuple[str, ...]:
    login, session = device.login, device.session
    since = _moment(session.created_at_ms) if session else "remembered"
    last = _moment(session.last_activity_ms) if session else ""
    # What a browser calls itself is its own; only what prints goes to the terminal.
    agent = "".join(each if each.isprintable() else "?" for each in login.user_agent)
    told = (device.handle, str(login.device_type), since, last, login.ip_address)
    return (*told, agent[:AGENT_CHARACTERS])


def _moment(ms: int) -> str:
    return f"{datetime.fromtimestamp(ms / 1000, UTC):%Y-%m-%dT%H:%M:%SZ}"
