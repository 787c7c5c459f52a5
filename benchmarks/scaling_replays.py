"""One trace on workers that take so long to start, replayed under a policy, on all cores."""

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from itertools import accumulate
from statistics import fmean
from typing import Any

from benchmarks import scaling_traces, scaling_unseen, scaling_unseen_second
from benchmarks.scaling_traces import SEEDS, STARTUPS, Case
from osnovci.scaling.model import Target
from osnovci.scaling.plan import BEGINNING
from osnovci.simulation.bounds import lower_bound, no_wait_cost, prompt_bound
from osnovci.simulation.outcome import late_jobs, outcome
from osnovci.simulation.pools import Osnovci
from osnovci.simulation.replay import POLICIES, run
from osnovci.simulation.world import Leave, World

OURS, DEFAULT_IDLE, AT_ONCE = "osnovci", "osnovci, idle 1m", "at once"
NONE_LET_GO = "osnovci, none let go"
TUNED_ON, FIRST, SECOND = "tuned on", "unseen, first set", "unseen, second set"
TRACES = {
    TUNED_ON: scaling_traces.CASES,
    FIRST: scaling_unseen.CASES,
    SECOND: scaling_unseen_second.CASES,
}


@dataclass(frozen=True)
class Cell:
    """One trace on workers that take so long to start."""

    traces: str
    """Which of `TRACES` it is of."""
    case: Case
    startup: float
    minimum: int = 0

    @property
    def target(self) -> Target:
        """What the pool asks for."""
        return replace(self.case.target, minimum=self.minimum)

    @property
    def name(self) -> str:
        """What tables call it."""
        return f"{self.case.name}, {self.startup:g}s"

    @property
    def fits(self) -> bool:
        """Whether a worker that is started for a job can be in time for it."""
        return self.startup + BEGINNING <= self.case.wait


class AtOnce:
    """All workers from the first job on, whatever they cost.

    Nobody who has as many at the beginning, and does not know the future, has more jobs in time.
    """

    name = AT_ONCE
    leave = Leave.DRAIN

    def __init__(self, target: Target) -> None:
        self._target = target

    def begin(self, world: World) -> None:
        """Take the pool over."""
        world.scale(self._target.minimum)
        world.at(world.trace.jobs[0][0], self.start, world)

    def start(self, world: World) -> None:
        """Start all."""
        world.scale(self._target.maximum)


class NoneLetGo:
    """Each worker that our policy ever asked for, from the same moment, and none is let go."""

    name = NONE_LET_GO
    leave = Leave.DRAIN

    def __init__(self, changes: Sequence[tuple[float, int]]) -> None:
        self._changes = changes

    def begin(self, world: World) -> None:
        """Take the pool over."""
        counts = accumulate((count for _, count in self._changes), max)
        for (moment, _), count in zip(self._changes, counts, strict=True):
            world.at(moment, world.scale, count)


@dataclass(frozen=True)
class Did:
    """What a policy did in a cell, the mean of the seeds."""

    late: float
    avoidable: float
    """The share that `AtOnce` had in time and this policy had not."""
    pod_seconds: float
    lower: float
    """Pod-seconds that nobody could undercut."""
    prompt: float
    """That one who starts a worker for a job that finds none could not undercut."""
    no_wait: float
    """That one pays at least who lets no job wait."""
    events: float
    kills: int
    jobs: int
    """Of all seeds, as the next."""
    late_jobs: int


Replays = dict[str, dict[Cell, Did]]
"""By policy and cell."""


def cells(minimum: int = 0) -> list[Cell]:
    """Give those of all traces, tuned on and unseen, with so many workers at least."""
    return [
        Cell(traces, case, startup, minimum)
        for traces, cases in TRACES.items()
        for case in cases
        for startup in STARTUPS
    ]


def do(name: str, cell: Cell, seeds: Sequence[int] = SEEDS) -> Did:
    """Replay one cell under a policy."""
    worlds = [_replay(name, cell, seed) for seed in seeds]
    runs = [outcome(name, world, cell.target) for world in worlds]
    bounds = zip(*(_bounds(cell, seed) for seed in seeds), strict=True)
    lower, prompt, no_wait = (fmean(costs) for costs in bounds)
    return Did(
        late=fmean(done.late_share for done in runs),
        avoidable=fmean(
            len(late_jobs(world, cell.target) - _unavoidable(cell, seed)) / len(world.started_at)
            for world, seed in zip(worlds, seeds, strict=True)
        ),
        pod_seconds=fmean(done.pod_seconds for done in runs),
        lower=lower,
        prompt=prompt,
        no_wait=no_wait,
        events=fmean(done.scale_events for done in runs),
        kills=sum(done.busy_kills for done in runs),
        jobs=sum(done.jobs for done in runs),
        late_jobs=sum(done.late for done in runs),
    )


def _replay(name: str, cell: Cell, seed: int) -> World:
    policy: Any
    if name == DEFAULT_IDLE:
        policy = Osnovci(replace(cell.target, idle=60.0), name=name)
    elif name == AT_ONCE:
        policy = AtOnce(cell.target)
    elif name == NONE_LET_GO:
        policy = NoneLetGo(_replay(OURS, cell, seed).changes)
    else:
        policy = POLICIES[name](cell.target, seed)
    return run(policy, cell.case.trace(seed), cell.target, cell.startup, seed)


@cache
def _unavoidable(cell: Cell, seed: int) -> frozenset[int]:
    """Give the jobs that are late for everybody who has no more workers at the beginning."""
    world = run(AtOnce(cell.target), cell.case.trace(seed), cell.target, cell.startup, seed)
    return late_jobs(world, cell.target)


@cache
def _bounds(cell: Cell, seed: int) -> tuple[float, float, float]:
    """Give the pod-seconds that no policy undercuts, no prompt one, and none that lets no job wait."""
    of = cell.case.trace(seed), cell.target, cell.startup
    return lower_bound(*of), prompt_bound(*of), no_wait_cost(*of)


def replay_all(names: Sequence[str], of: Sequence[Cell]) -> Replays:
    """Replay cells under policies, on all cores."""
    # By position: a case holds functions, which no other process can be sent.
    known = {cell: place for place, cell in enumerate(cells(of[0].minimum))}
    jobs = [(name, cell) for cell in of for name in names]
    sent = [(name, known[cell], cell.minimum) for name, cell in jobs]
    found: Replays = {name: {} for name in names}
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        # A cell's policies in one piece: its bounds are reckoned once.
        done = pool.map(_do_known, sent, chunksize=len(found))
        for (name, cell), did in zip(jobs, done, strict=True):
            found[name][cell] = did
    return found


def _do_known(job: tuple[str, int, int]) -> Did:
    name, place, minimum = job
    return do(name, cells(minimum)[place])
