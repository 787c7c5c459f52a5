"""The command `osnovci`: one module a subcommand, which imports what it needs when it runs."""

import argparse
import os
import sys

from osnovci.cli import explain, queue, serve, simulate, trace, worker
from osnovci.errors import OsnovciError

COMMANDS = (worker, serve, queue, explain, trace, simulate)


def main() -> None:
    """Run the subcommand; an error is one sentence and exit status 2."""
    parser = argparse.ArgumentParser(prog="osnovci", description="What runs in Osnovci's pods.")
    subparsers = parser.add_subparsers(dest="command", required=True)
    for command in COMMANDS:
        command.add(subparsers)
    arguments = parser.parse_args()
    try:
        status = arguments.run(arguments)
        sys.stdout.flush()
        sys.exit(status)
    except BrokenPipeError:
        # Who reads has enough, as head does; nor is the rest to fail as the interpreter ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(0)
    except (OsnovciError, OSError) as error:
        print(f"osnovci: {error}", file=sys.stderr)
        sys.exit(2)
