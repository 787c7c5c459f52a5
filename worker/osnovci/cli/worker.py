"""`osnovci worker`: run the jobs of a pool's queues."""

import argparse
import os
import signal
from typing import Any

from osnovci.signals import leave


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
    # Before the imports, which take seconds on a busy node: the first process of a container never
    # gets a signal that it has no handler for, and the pod would linger for its whole grace.
    signal.signal(signal.SIGTERM, leave)
    from osnovci.contract import PROBE_PORT
    from osnovci.errors import SettingsError
    from osnovci.queues.supervisor import Supervisor
    from osnovci.settings import WorkerSettings

    port = PROBE_PORT if arguments.probe_port is None else arguments.probe_port
    if port not in range(65536):  # 0 takes a free one
        raise SettingsError(f"--probe-port: {port} is no port: give one from 0 to 65535")
    return Supervisor(WorkerSettings.parse(os.environ), port).run()
