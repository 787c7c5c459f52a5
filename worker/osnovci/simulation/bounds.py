"""The least that a policy could have paid for a trace, by what is asked of it. Pure."""

import heapq
import math
from collections.abc import Iterator
from dataclasses import dataclass, field

from osnovci.scaling.model import Target
from osnovci.simulation.trace import Trace

WINDOWS = 400
"""So many following jobs are looked at for the densest demand."""


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
    """Give pod-seconds that no policy undercuts which lets no job be late, even one that knows the future.

    Where jobs are late they run when others let pods idle, and fewer pods will do. Every pod costs its start-up and, together, at least the jobs' time over the slots. Between two
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


@dataclass(frozen=True, slots=True)
class _Busy:
    """A time in which always some job runs, were each to start as it arrives."""

    begin: float
    end: float
    longest: float
    """The longest of its jobs."""


def prompt_bound(trace: Trace, target: Target, startup: float) -> float:
    """Give pod-seconds that no policy undercuts which starts a worker when a job finds none.

    It may know the future too, and stop when it likes. While a job waits or runs there is a worker,
    starting or ready; so its time is cut into stretches, and one that holds the busy times i to j
    takes at least until the last of their jobs ends, and a start and the longest job. The least sum
    over all ways to cut is found by dynamic programming.
    """
    least, ripe = 0.0, math.inf
    young: list[tuple[float, float, float]] = []
    """Stretches that a start and their longest job outlast: begin, the least sum before, longest."""
    for busy in _busy(trace):
        best, still = math.inf, list[tuple[float, float, float]]()
        for begin, before, longest in (*young, (busy.begin, least, 0.0)):
            longest_now = max(longest, busy.longest)
            if busy.end - begin < startup + longest_now:
                still.append((begin, before, longest_now))
                best = min(best, before + startup + longest_now)
            else:  # From now on it costs its time and no more, also with longer jobs.
                ripe = min(ripe, before - begin)
        young, least = still, min(best, ripe + busy.end)
    return max(least, lower_bound(trace, target, startup))


def _busy(trace: Trace) -> list[_Busy]:
    found: list[_Busy] = []
    for at, service in trace.jobs:
        last = found[-1] if found else None
        if last and at <= last.end:
            grown = _Busy(last.begin, max(last.end, at + service), max(last.longest, service))
            found[-1] = grown
        else:
            found.append(_Busy(at, at + service, service))
    return found


@dataclass(slots=True)
class _Layer:
    """The pod that is needed while so many jobs run that those below it are full."""

    paid: float = 0.0
    since: float = 0.0
    until: float = field(default=-math.inf)
    """When it was last needed."""


def no_wait_cost(trace: Trace, target: Target, startup: float) -> float:
    """Give the least pod-seconds of one who knows the future and lets no job wait.

    At any moment there are pods for what runs then, ceil(running / slots); each costs its start-up,
    and between two times at which it is needed it idles or is started again. It is no bound for who
    lets jobs wait: they run one after the other on fewer pods. Jobs wait only for `maximum`.
    """
    layers = [_Layer() for _ in range(target.maximum)]
    needed, running = 0, 0
    for at, change in _changes(trace, target.maximum * target.slots):
        running += change
        wanted = math.ceil(running / target.slots)
        for layer in layers[needed:wanted]:
            layer.paid += min(startup, at - layer.until)
            layer.since = at
        for layer in layers[wanted:needed]:
            layer.paid += at - layer.since
            layer.until = at
        needed = wanted
    return max(sum(layer.paid for layer in layers), target.minimum * trace.end)


def _changes(trace: Trace, slots: int) -> Iterator[tuple[float, int]]:
    """Give when a job begins (1) and ends (-1), first in first out on so many slots, in order."""
    ends: list[float] = []
    for arrived, service in trace.jobs:
        begins = arrived
        while ends and (ends[0] <= begins or len(ends) == slots):
            ended = heapq.heappop(ends)
            begins = max(begins, ended)
            yield ended, -1
        heapq.heappush(ends, begins + service)
        yield begins, 1
    for ended in sorted(ends):
        yield ended, -1
