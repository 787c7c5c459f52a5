"""The command `osnovci`: one module a subcommand, which imports what it needs when it runs."""

import argparse
import sys

from osnovci.cli import queue, serve, simulate, worker
from osnovci.errors import OsnovciError

COMMANDS = (worker, serve, queue, simulate)


def main() -> None:
    """Run the subcommand; an error is one sentence and exit status 2."""
    parser = argparse.ArgumentParser(prog="osnovci", description="What runs in Osnovci's pods.")
    subparsers = parser.add_subparsers(dest="command", required=True)
    for command in COMMANDS:
        command.add(subparsers)
    arguments = parser.parse_args()
    try:
        sys.exit(arguments.run(arguments))
    except (OsnovciError, OSError) as error:
        print(f"osnovci: {error}", file=sys.stderr)
        sys.exit(2)
