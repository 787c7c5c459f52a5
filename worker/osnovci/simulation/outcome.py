"""The figures of one replay. Pure."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from osnovci.scaling.model import Target
from osnovci.simulation.world import World


@dataclass(frozen=True)
class Outcome:
    """What a policy did with a trace."""

    policy: str
    jobs: int
    late: int
    """Jobs that waited longer than the target, or still wait at the end."""
    unended: int
    """Jobs that had not ended when the replay did."""
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
    waits = sorted(_waits(world))
    changes = [change for change in world.changes if change[0] > 0]
    return Outcome(
        policy=name,
        jobs=len(waits),
        late=len(late_jobs(world, target)),
        unended=len(waits) - world.completed,
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


def late_jobs(world: World, target: Target) -> frozenset[int]:
    """Give which jobs waited longer than the target, by their place in the trace."""
    waits = enumerate(_waits(world))
    return frozenset(job for job, wait in waits if wait > target.wait + 1e-6)


def _waits(world: World) -> list[float]:
    """Give how long each job waited, up to now for those that still do."""
    return [
        (world.now if began is None else began) - at
        for began, (at, _) in zip(world.started_at, world.trace.jobs, strict=True)
    ]


def percentile(ordered: Sequence[float], percent: float) -> float:
    """Give a percentile of ordered values by the nearest rank."""
    return ordered[math.ceil(len(ordered) * percent / 100) - 1]
