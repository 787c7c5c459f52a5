"""Run the load test: `python -m benchmarks.load [--shorter 4] [--amid update]`; 1 if a bar was not kept."""

import argparse
import sys
import time
from dataclasses import asdict, replace

from redis import Redis
from rich.console import Console

from benchmarks.api import Api
from benchmarks.load import artillery
from benchmarks.load.amid import EVENTS, Event, amid
from benchmarks.load.users import log_in, users
from benchmarks.load.watch import APP, MEMORY_BAR_MB, NAMESPACE, Seen, watching
from benchmarks.report import Figure, Result
from cluster.console import ClusterError
from cluster.deploy import APPLICATION_URL
from cluster.paths import HOST_PORTS, KUBECONFIG
from osnovci.queues.client import Queues
from osnovci.queues.operations import stats

QUEUES = ("notification", "email")
USERS = 1000
"""So many take turns."""
SETTLE_SECONDS = 60.0
AMID_SECONDS = 80
"""So long the full load lasts where something happens amid it: an update takes 45 s."""


def main() -> int:
    """Measure, print, write."""
    parser = argparse.ArgumentParser(prog="benchmarks.load", description=__doc__)
    parser.add_argument(
        "--shorter", type=float, default=1.0, help="each phase so many times shorter; not written"
    )
    parser.add_argument(
        "--amid", choices=EVENTS, help="the full load alone for 80 s, and this amid it"
    )
    arguments = parser.parse_args()
    phases = artillery.phases(arguments.shorter)
    event = EVENTS.get(arguments.amid)
    if event:
        phases = [replace(phases[-1], duration=AMID_SECONDS)]
    try:
        return show(measure(phases, event), keep=arguments.shorter == 1.0)
    except ClusterError as error:
        sys.exit(f"benchmarks: {error}")


def show(result: Result, *, keep: bool) -> int:
    """Print it, and write it where it was a whole run."""
    console = Console()
    result.show(console)
    console.print(f"scaling (seconds, instances, workers): {result.detail['scaling']}")
    console.print(f"p95 of every ten seconds, ms: {result.detail['p95_ms_by_period']}")
    artillery.show_failures(result.detail, console)
    if keep:
        console.print(f"written to {result.write()}")
    return 0 if result.holds else 1


def measure(phases: list[artillery.Phase], event: Event | None) -> Result:
    """Let the users come while the cluster is watched, and an event happens amid them."""
    if not KUBECONFIG.exists():
        raise ClusterError("there is no cluster: run `make up` first")
    artillery.install()
    words = ", then ".join(f"{each.arrivalRate} a second for {each.duration} s" for each in phases)
    Console().print(f"Users come to {APPLICATION_URL}: {words}")
    document = artillery.script("script")
    document["config"]["phases"] = [vars(each) for each in phases]
    with Redis(port=HOST_PORTS[0]) as redis, users(USERS) as made:
        cookies = log_in(made)
        rows = [(user.address, cookie) for user, cookie in zip(made, cookies, strict=True)]
        before = _completed(redis)
        with watching(redis, Api(KUBECONFIG)) as seen, amid(event):
            report = artillery.run(document, rows, sum(each.duration for each in phases))
        jobs = _settled(redis) - before
    return _result(report, seen, words, jobs, event)


def _completed(redis: Redis) -> int:
    found = Queues(redis, NAMESPACE).run(stats(*QUEUES))
    return sum(each.completed for each in found.values())


def _settled(redis: Redis) -> int:
    """Wait a minute at most for the jobs to be done; give how many are."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < deadline:
        found = Queues(redis, NAMESPACE).run(stats(*QUEUES))
        if not any(each.waiting + each.active for each in found.values()):
            break
        time.sleep(1)
    return _completed(redis)


def _result(
    report: artillery.Report, seen: Seen, words: str, jobs: int, event: Event | None
) -> Result:
    memory = max(seen.memory_bytes.values(), default=0) / 1e6
    workers = max((each[2] for each in seen.scaling), default=0)
    instances = max((each[1] for each in seen.scaling), default=0)
    return Result(
        name=f"load_{event.name}" if event else "load",
        question="The seed's load: GET the homework, think 2 s, POST one"
        + (f"; {event.name} amid it" if event else ""),
        setting=f"Artillery against {APP}; users: {words}; generator and cluster on one machine",
        figures=[
            Figure("users", report.users, ""),
            Figure("requests", report.requests, ""),
            Figure("failed requests", report.failed, ""),
            Figure("requests that a limit denied", report.denied, "", 0.0),
            Figure(
                "failed requests, share",
                round(100 * report.failed / report.requests, 4),
                "%",
                event.most_failed_percent if event else 0.0,
            ),
            Figure("response time, p50", report.p50_ms, "ms"),
            Figure("response time, p95", report.p95_ms, "ms", artillery.P95_BAR_MS),
            Figure("response time, p99", report.p99_ms, "ms"),
            Figure("memory of an instance, most", round(memory, 1), "MB", MEMORY_BAR_MB),
            Figure("instances, most", instances, ""),
            Figure("workers, most", workers, ""),
            Figure("jobs completed within a minute of the end", jobs, f"of {2 * report.users}"),
        ],
        detail={**asdict(report), **asdict(seen)},
    )


if __name__ == "__main__":
    sys.exit(main())
