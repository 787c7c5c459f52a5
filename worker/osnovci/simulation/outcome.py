"""The figures of one replay, and the least that any policy could have paid. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from osnovci.scaling.model import Target
from osnovci.simulation.trace import Trace
from osnovci.simulation.world import World

WINDOWS = 400
"""So many following jobs are looked at for the densest demand."""


@dataclass(frozen=True)
class Outcome:
    """What a policy did with a trace."""

    policy: str
    jobs: int
    late: int
    """Jobs that waited longer than the target, or still wait at the end."""
    wait_mean: float
    wait_p50: float
    wait_p95: float
    wait_p99: float
    wait_max: float
    pod_seconds: float
    busy_kills: int
    """Jobs that were killed with their worker by a scale-down, and ran again."""
    scale_events: int
    most_workers: int
    changes: tuple[tuple[float, int], ...]

    @property
    def late_share(self) -> float:
        """Late jobs of all jobs."""
        return self.late / self.jobs


def outcome(name: str, world: World, target: Target) -> Outcome:
    """Sum a replay up."""
    arrivals = world.trace.jobs
    waits = sorted(
        (world.now if began is None else began) - at
        for began, (at, _) in zip(world.started_at, arrivals, strict=True)
    )
    changes = [change for change in world.changes if change[0] > 0]
    return Outcome(
        policy=name,
        jobs=len(waits),
        late=sum(wait > target.wait + 1e-6 for wait in waits),
        wait_mean=sum(waits) / len(waits),
        wait_p50=percentile(waits, 50),
        wait_p95=percentile(waits, 95),
        wait_p99=percentile(waits, 99),
        wait_max=waits[-1],
        pod_seconds=world.pod_seconds,
        busy_kills=world.killed_jobs,
        scale_events=len(changes),
        most_workers=max((count for _, count in world.changes), default=0),
        changes=tuple(world.changes),
    )


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Give a percentile of ordered values by the nearest rank."""
    return ordered[math.ceil(len(ordered) * percent / 100) - 1]


@dataclass(frozen=True, slots=True)
class _Cluster:
    """Jobs that may overlap in time; between two clusters no job can run."""

    begin: float
    end: float
    busy: float
    """The least pod-seconds in which its jobs can run."""
    peak: int
    """The least pods that must be there at some moment, were all jobs to start in time."""


def lower_bound(trace: Trace, target: Target, startup: float) -> float:
    """Give pod-seconds that no policy undercuts, even one that knows the future.

    Every pod costs its start-up and, together, at least the jobs' time over the slots. Between two
    clusters of jobs a pod either idles for the gap or is started again. It need not be reachable.
    """
    clusters = _clusters(trace, target)
    total = sum(cluster.busy for cluster in clusters)
    for layer in range(1, max(cluster.peak for cluster in clusters) + 1):
        total += startup
        gap = math.inf
        begun = False
        before = 0.0
        for cluster in clusters:
            gap += cluster.begin - before
            before = cluster.end
            if cluster.peak >= layer:
                total += min(startup, gap) if begun else 0.0
                begun, gap = True, 0.0
    return max(total, target.minimum * trace.end)


def _clusters(trace: Trace, target: Target) -> list[_Cluster]:
    groups: list[list[tuple[float, float]]] = []
    latest = -math.inf
    for at, service in trace.jobs:
        if at > latest:
            groups.append([])
        groups[-1].append((at, service))
        latest = max(latest, at + target.wait + service)
    return [_cluster(jobs, target) for jobs in groups]


def _cluster(jobs: list[tuple[float, float]], target: Target) -> _Cluster:
    work = sum(service for _, service in jobs)
    longest = max(service for _, service in jobs)
    peak = 1
    for first in range(0, len(jobs), max(1, len(jobs) // 500)):
        demand, by = 0.0, 0.0
        for at, service in jobs[first : first + WINDOWS]:
            demand += service
            by = max(by, at + target.wait + service)
            peak = max(peak, math.ceil(demand / target.slots / (by - jobs[first][0]) - 1e-9))
    return _Cluster(
        begin=jobs[0][0],
        end=max(at + target.wait + service for at, service in jobs),
        busy=max(work / target.slots, longest),
        peak=min(peak, target.maximum),
    )
