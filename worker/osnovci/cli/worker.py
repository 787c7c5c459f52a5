"""`osnovci worker`: run the jobs of a pool's queues."""

import argparse
import os
from typing import Any


def add(commands: Any) -> None:
    """Declare the subcommand."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "worker",
        help="run the jobs of a pool's queues until SIGTERM",
        description="Runs a pool's jobs. The operator sets OSNOVCI_NAMESPACE, OSNOVCI_POD, "
        "OSNOVCI_REDIS_URL and OSNOVCI_POOL in its pods.",
    )
    parser.add_argument("--probe-port", type=int, help="where /alive and /ready answer")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Work until told to stop; give the exit status."""
    from osnovci.contract import PROBE_PORT
    from osnovci.queues.supervisor import Supervisor
    from osnovci.settings import WorkerSettings

    port = PROBE_PORT if arguments.probe_port is None else arguments.probe_port
    return Supervisor(WorkerSettings.parse(os.environ), port).run()
