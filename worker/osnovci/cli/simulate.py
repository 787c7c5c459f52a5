"""`osnovci simulate`: what a pool's scaling would do with recorded jobs, beside HPA, KEDA, Knative."""

import argparse
import json
import math
import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

from osnovci.errors import OsnovciError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from osnovci.scaling.model import Target
    from osnovci.simulation.outcome import Outcome
    from osnovci.simulation.trace import Trace

COLUMNS = (
    "POLICY",
    "LATE",
    "MEAN WAIT",
    "P95",
    "P99",
    "MAX",
    "POD-SECONDS",
    "BUSY KILLS",
    "SCALE EVENTS",
    "MOST WORKERS",
)
LONGEST_STARTUP = 3600.0


def add(commands: Any) -> None:
    """Declare the subcommand."""
    parser: argparse.ArgumentParser = commands.add_parser(
        "simulate",
        help="replay jobs under a pool's scaling, beside HPA, KEDA and Knative",
        description="Replays jobs through the function that scales pools, and through the policies "
        "of others; prints waiting times, cost, busy kills and scale events. Nothing is applied.",
    )
    parser.add_argument(
        "--trace",
        type=Path,
        required=True,
        metavar="FILE.csv",
        help="jobs, with the columns arrival_seconds,service_seconds",
    )
    parser.add_argument(
        "--pool",
        type=Path,
        required=True,
        metavar="FILE.yaml",
        help="a QueuePool with scaling, or its spec",
    )
    parser.add_argument(
        "--startup", default="12s", help="how long a worker takes to start: 12s (default), 1m"
    )
    parser.add_argument(
        "--policies",
        default="osnovci,hpa,keda,knative",
        help="which, in this order: osnovci, hpa, keda, keda-1s, knative",
    )
    parser.add_argument("--seed", type=int, default=1, help="of start-ups and of who polls when")
    parser.add_argument("--json", action="store_true", help="print the figures for programs")
    parser.add_argument("--plot", type=Path, metavar="FILE.svg", help="draw workers over time")
    parser.set_defaults(run=run)


def run(arguments: argparse.Namespace) -> int:
    """Replay and print."""
    from osnovci.simulation import pool_file, trace
    from osnovci.simulation.bounds import lower_bound
    from osnovci.simulation.plot import svg
    from osnovci.simulation.pools import Osnovci
    from osnovci.simulation.replay import POLICIES, replay

    startup = _startup(arguments.startup)
    names = _policies(arguments.policies, tuple(POLICIES))
    pool = pool_file.read(arguments.pool)
    target = pool.target
    jobs = trace.read(arguments.trace)
    policies = [POLICIES[name](target, arguments.seed) for name in names]
    outcomes = [replay(each, jobs, target, startup, arguments.seed) for each in policies]
    needed = max((each.needed for each in policies if isinstance(each, Osnovci)), default=None)
    bound = lower_bound(jobs, target, startup)
    if arguments.plot:
        _write(arguments.plot, svg(jobs, outcomes, target.wait))
    if arguments.json:
        document = _document(jobs, target, startup, bound, outcomes)
        print(json.dumps(document | {"needed_workers": needed}, indent=2))
    else:
        _print(jobs, target, startup, bound, outcomes)
        if any(each.late for each in outcomes):
            for unmet in _unmet(target, startup, needed):
                print(unmet)
    if pool.left_out:
        print(f"osnovci: {arguments.pool}: {pool.left_out}", file=sys.stderr)
    return 0


def _startup(text: str) -> float:
    from osnovci.durations import parse_duration

    try:
        seconds = float(text)
    except ValueError:
        try:
            seconds = parse_duration(text).total_seconds()
        except ValueError as error:
            raise OsnovciError(f"--startup: {error}") from error
    if not (math.isfinite(seconds) and 0 < seconds <= LONGEST_STARTUP):
        raise OsnovciError(f"--startup is {text}, it must be above zero and at most an hour")
    return seconds


def _policies(text: str, known: tuple[str, ...]) -> list[str]:
    names = list(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    for name in names:
        if name not in known:
            raise OsnovciError(f"--policies: {name!r} is none of {', '.join(known)}")
    if not names:
        raise OsnovciError(f"--policies names none of {', '.join(known)}")
    return names


def _write(path: Path, text: str) -> None:
    try:
        path.write_text(text)
    except OSError as error:
        raise OsnovciError(f"{path} cannot be written: {error.strerror}") from error


def _document(
    jobs: "Trace", target: "Target", startup: float, bound: float, outcomes: "Sequence[Outcome]"
) -> dict[str, Any]:
    return {
        "trace": {"name": jobs.name, "jobs": len(jobs.jobs), "seconds": jobs.end},
        "pool": asdict(target),
        "startup_seconds": startup,
        "lower_bound_pod_seconds": round(bound, 1),
        "policies": [asdict(each) | {"late_share": each.late_share} for each in outcomes],
    }


def _print(
    jobs: "Trace", target: "Target", startup: float, bound: float, outcomes: "Sequence[Outcome]"
) -> None:
    from osnovci.cli.table import table
    from osnovci.words import counted

    print(
        f"{counted(len(jobs.jobs), 'job')} in {jobs.end / 60:.0f} minutes, targetWait {target.wait:g}s, "
        f"{target.minimum} to {target.maximum} workers of {target.slots} jobs, "
        f"start-up {startup:g}s"
    )
    for line in table([COLUMNS, *(_row(each) for each in outcomes)]):
        print(line)
    for each in outcomes:
        if each.unended:
            print(
                f"{each.policy} had not ended {counted(each.unended, 'job')} when the replay did."
            )
    print(
        f"A policy that knows the future needs {bound:,.0f} pod-seconds at least to let no job be late."
    )


def _unmet(target: "Target", startup: float, needed: int | None) -> "Iterator[str]":
    """Say what keeps jobs from starting within the target, whoever scales, and what would be needed."""
    if startup > target.wait:
        yield (
            f"A start takes {startup:g}s, longer than targetWait {target.wait:g}s: a job that finds no "
            "worker is late, so keep minReplicas at 1 or more, or let jobs wait longer."
        )
    if needed is not None and needed > target.maximum:
        yield (
            f"For targetWait {target.wait:g}s up to {needed} workers were needed, "
            f"maxReplicas is {target.maximum}."
        )


def _row(result: "Outcome") -> tuple[str, ...]:
    waits = (result.wait_mean, result.wait_p95, result.wait_p99, result.wait_max)
    return (
        result.policy,
        f"{result.late_share:.2%}",
        *(f"{wait:.1f}s" for wait in waits),
        f"{result.pod_seconds:,.0f}",
        str(result.busy_kills),
        str(result.scale_events),
        str(result.most_workers),
    )
