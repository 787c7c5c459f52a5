"""`osnovci trace`: the jobs that a pool has run lately, for `osnovci simulate` to replay."""

import argparse
from typing import TYPE_CHECKING, Any

from osnovci.cli.connection import WHERE, add_options, connected
from osnovci.cli.named import add_pool
from osnovci.errors import OsnovciError

if TYPE_CHECKING:
    from osnovci.queues.client import Queues


def add(commands: Any) -> None:
    """Declare the subcommand."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "trace",
        help="print the jobs that a pool has run lately, for simulate to replay",
        description="Prints CSV: when each job arrived, and how long it ran, as simulate --trace "
        f"takes it. {WHERE}",
    )
    add_pool(parser)
    add_options(parser)
    parser.set_defaults(run=connected(show))


def show(queues: "Queues", arguments: argparse.Namespace) -> int:
    """Print the recorded jobs."""
    from osnovci.contract import RUNS_KEPT_SECONDS
    from osnovci.queues import runs
    from osnovci.simulation.trace import COLUMNS

    pool = arguments.pool
    found = runs.read(queues.redis, arguments.namespace, pool)
    if not found:
        raise OsnovciError(
            f"no job of pool {arguments.namespace}/{pool} ended in the last "
            f"{RUNS_KEPT_SECONDS // 86_400} days, or there is no such pool"
        )
    print(",".join(COLUMNS))
    for arrived, ran in found:
        print(f"{arrived:.3f},{ran:.3f}")
    return 0
