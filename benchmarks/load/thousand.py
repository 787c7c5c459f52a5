"""A thousand users at once, logged in: `python -m benchmarks.load.thousand [--shorter 6]`; 1 if a bar was not kept.

Everything is switched on: nginx, sessions, the six limits, health, jobs, and what they scale.
"""

import argparse
import sys
from dataclasses import asdict
from typing import Any

import psutil
from redis import Redis
from rich.console import Console

from benchmarks.api import Api
from benchmarks.load import artillery
from benchmarks.load.cpu import CpuSeen, looking
from benchmarks.load.profile import Profile
from benchmarks.load.users import PASSWORD, users
from benchmarks.load.watch import MEMORY_BAR_MB, Seen, watching
from benchmarks.report import Figure, Result
from cluster.console import ClusterError
from cluster.paths import HOST_PORTS, KUBECONFIG

ROUND_SECONDS = 20
"""Of ten requests, with 2 s to think after each in the mean."""


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="benchmarks.load.thousand", description=__doc__)
    parser.add_argument(
        "--shorter", type=int, default=1, help="the stay so many times shorter; not written"
    )
    arguments = parser.parse_args()
    try:
        result, profile = measure(arguments.shorter)
    except ClusterError as error:
        sys.exit(f"benchmarks: {error}")
    console = Console()
    result.show(console)
    profile.show(console)
    console.print(f"p95 of every ten seconds, ms: {result.detail['p95_ms_by_period']}")
    artillery.show_failures(result.detail, console)
    without_redis = result.detail["without_redis_at"] or "never"
    console.print(f"limits not counted in Redis, at seconds: {without_redis}")
    if arguments.shorter == 1:
        console.print(f"written to {result.write()}")
    return 0 if result.holds else 1


def measure(shorter: int) -> tuple[Result, Profile]:
    """Let them come while the cluster and the machine are watched."""
    if not KUBECONFIG.exists():
        raise ClusterError("there is no cluster: run `make up` first")
    artillery.install()
    document = artillery.script("thousand")
    (phase,) = document["config"]["phases"]
    stay: dict[str, Any] = document["scenarios"][0]["flow"][-1]
    stay["count"] = max(stay["count"] // shorter, 1)
    seconds = phase["duration"] + ROUND_SECONDS * stay["count"]
    count = phase["arrivalCount"]
    Console().print(f"{count} users log in within {phase['duration']} s; it takes {seconds} s")
    with Redis(port=HOST_PORTS[0]) as redis, users(count) as made:
        rows = [(user.address, user.name, PASSWORD) for user in made]
        with looking() as cpu, watching(redis, Api(KUBECONFIG)) as seen:
            try:
                report = artillery.run(document, rows, seconds)
            except ClusterError:
                # Nobody has counted the requests; what the cores did is told all the same.
                _profile(0, cpu).show(Console())
                raise
    profile = _profile(report.requests, cpu)
    return _result(report, seen, profile, seconds), profile


def _profile(requests: int, cpu: CpuSeen) -> Profile:
    return Profile(requests, psutil.cpu_count() or 1, cpu.seconds(), cpu.moments)


def _result(report: artillery.Report, seen: Seen, profile: Profile, seconds: int) -> Result:
    memory = max(seen.memory_bytes.values(), default=0) / 1e6
    shed = max(seen.shed_per_second.values(), default=0.0)
    return Result(
        name="load-1000",
        question="1,000 users at once: log in, then a request every 2 s, one in ten a new homework",
        setting=f"Artillery, cluster and application on {profile.cores} cores; all six limits in force",
        figures=[
            Figure("users", report.users, ""),
            Figure("requests", report.requests, ""),
            Figure("requests a second", round(report.requests / seconds, 1), "/s"),
            Figure("requests a second, most in ten seconds", report.most_per_second, "/s"),
            Figure("failed requests", report.failed, "", 0.0),
            Figure("shed by an instance as too many were in flight, most", shed, "/s"),
            Figure("requests that a limit denied", report.denied, ""),
            Figure("response time, p50", report.p50_ms, "ms"),
            Figure("response time, p95", report.p95_ms, "ms", artillery.P95_BAR_MS),
            Figure("response time, p99", report.p99_ms, "ms"),
            Figure("memory of an instance, most", round(memory, 1), "MB", MEMORY_BAR_MB),
            Figure("instances, most", max((each[1] for each in seen.scaling), default=0), ""),
            *profile.figures(),
        ],
        detail={**asdict(report), **asdict(seen), "cpu_seconds": profile.parts},
    )


if __name__ == "__main__":
    sys.exit(main())
