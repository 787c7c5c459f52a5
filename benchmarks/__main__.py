"""Run every measurement, or one: `python -m benchmarks --only NAME`."""

import argparse
import signal
import sys
from types import FrameType

from rich.console import Console

from benchmarks import (
    backlog_to_workers,
    config_in_force,
    idle_pools,
    limiter,
    policy_in_force,
    push_to_patch,
    request_path,
    sessions,
    web_overhead,
)

MEASUREMENTS = {
    "push_to_patch": push_to_patch.measure,
    "idle_pools": idle_pools.measure,
    "backlog_to_workers": backlog_to_workers.measure,
    "web_overhead": web_overhead.measure,
    "config_in_force": config_in_force.measure,
    "policy_in_force": policy_in_force.measure,
    "sessions": sessions.measure,
    "limiter": limiter.measure,
    "request_path": request_path.measure,
}
LIMIT_SECONDS = 1500
"""All of it; what has not ended by then is ended in order."""


def main() -> int:
    """Measure, print, write; 1 if a bar was not kept."""
    arguments = argparse.ArgumentParser(prog="benchmarks", description=__doc__)
    arguments.add_argument("--only", choices=MEASUREMENTS, help="the one measurement to run")
    only = arguments.parse_args().only
    for number in (signal.SIGTERM, signal.SIGALRM):
        signal.signal(number, _end)
    signal.alarm(LIMIT_SECONDS)
    console = Console()
    kept = True
    for name, measure in MEASUREMENTS.items():
        if only in {None, name}:
            result = measure()
            result.show(console)
            console.print(f"written to {result.write()}")
            kept &= result.holds
    return 0 if kept else 1


def _end(number: int, _: FrameType | None) -> None:
    """Leave by an exception, so that everything that was started is ended."""
    why = f"not done within {LIMIT_SECONDS} s" if number == signal.SIGALRM else "told to end"
    raise SystemExit(f"benchmarks: {why}")


if __name__ == "__main__":
    sys.exit(main())
