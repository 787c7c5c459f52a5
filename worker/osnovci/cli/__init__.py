"""The command `osnovci`: one module a subcommand, which imports what it needs when it runs."""

import argparse
import os
import sys
from collections.abc import Sequence

from osnovci.cli import (
    explain,
    limits,
    queue,
    rollback,
    serve,
    sessions,
    simulate,
    status,
    trace,
    worker,
)
from osnovci.errors import OsnovciError

COMMANDS = (worker, serve, status, rollback, queue, limits, sessions, explain, trace, simulate)


def main(words: Sequence[str] | None = None) -> None:
    """Run the subcommand of these words, or of the process's own; an error is one sentence and exit status 2."""
    parser = argparse.ArgumentParser(prog="osnovci", description="What runs in Osnovci's pods.")
    subparsers = parser.add_subparsers(dest="command", required=True)
    for command in COMMANDS:
        command.add(subparsers)
    try:
        arguments = parser.parse_args(words)
        ended = arguments.run(arguments)
        sys.stdout.flush()
    except BrokenPipeError:
        # whoever read has enough; Python would complain again when it closes the output
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        ended = 0
    except (OsnovciError, OSError) as error:
        print(f"osnovci: {error}", file=sys.stderr)
        ended = 2
    sys.exit(ended)
