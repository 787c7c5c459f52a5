"""`osnovci serve`: serve a web application."""

import argparse
import os
import signal
import socket
from typing import Any

from osnovci.signals import leave


def add(commands: Any) -> None:
    """Declare the subcommand."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "serve",
        help="serve a web application until SIGTERM",
        description="Serves an ASGI application with health, load shedding, drain and heartbeats. In "
        "pods, the operator sets OSNOVCI_APP_DOCUMENT and what else it needs; without that it serves "
        "by itself, with the defaults.",
    )
    parser.add_argument("app", metavar="MODULE:NAME", help="where the application is: shop.web:app")
    parser.add_argument("--host", default="", help="the address to listen on, all by default")
    parser.add_argument("--port", type=int, help="the port, that of the document by default")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Serve until told to stop; give the exit status."""
    # Before the imports; see osnovci.cli.worker.
    signal.signal(signal.SIGTERM, leave)
    from osnovci.errors import SettingsError
    from osnovci.settings import AppSettings

    try:
        from osnovci.web.server import Server
    except ModuleNotFoundError as error:
        raise SettingsError(f"{error.name} is missing: install osnovci[web]") from error

    document = AppSettings.parse(os.environ, socket.gethostname()).config.document
    port = document.port if arguments.port is None else arguments.port
    return Server(arguments.app, document, arguments.host, port).run()
