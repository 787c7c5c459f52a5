"""The command `osnovci`: one module a subcommand, imported only when it is asked for."""

import argparse
import os
import sys

from osnovci.errors import OsnovciError


def main() -> None:
    """Run the subcommand; an error is one sentence and exit status 2."""
    parser = argparse.ArgumentParser(prog="osnovci", description="What runs in Osnovci's pods.")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("worker", help="run the jobs of a pool's queues until SIGTERM")
    parser.parse_args()
    try:
        sys.exit(worker())
    except OsnovciError as error:
        print(f"osnovci: {error}", file=sys.stderr)
        sys.exit(2)


def worker() -> int:
    """Run a worker as the environment says."""
    from osnovci.queues.supervisor import Supervisor
    from osnovci.settings import WorkerSettings

    return Supervisor(WorkerSettings.parse(os.environ)).run()
