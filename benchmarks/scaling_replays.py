"""One trace on workers that take so long to start, replayed under a policy, on all cores."""

import os
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from statistics import fmean
from typing import Any

from benchmarks.scaling_traces import CASES, SEEDS, STARTUPS, Case
from osnovci.scaling.model import Target
from osnovci.scaling.plan import BEGINNING
from osnovci.simulation.bounds import lower_bound, no_wait_cost, prompt_bound
from osnovci.simulation.outcome import Outcome
from osnovci.simulation.pools import Osnovci
from osnovci.simulation.replay import POLICIES, replay

OURS, DEFAULT_IDLE = "osnovci", "osnovci, idle 1m"


@dataclass(frozen=True)
class Cell:
    """One trace on workers that take so long to start."""

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


@dataclass(frozen=True)
class Did:
    """What a policy did in a cell, the mean of the seeds."""

    late: float
    pod_seconds: float
    lower: float
    """Pod-seconds that nobody could undercut."""
    prompt: float
    """That one who starts a worker for a job that finds none could not undercut."""
    no_wait: float
    """That one pays at least who lets no job wait."""
    events: float
    kills: int


Replays = dict[str, dict[Cell, Did]]
"""By policy and cell."""


def cells(minimum: int = 0) -> list[Cell]:
    """Give all 42, with so many workers at least."""
    return [Cell(case, startup, minimum) for case, startup in product(CASES, STARTUPS)]


def do(name: str, cell: Cell, seeds: Sequence[int] = SEEDS) -> Did:
    """Replay one cell under a policy."""
    runs = [(_replay(name, cell, seed), _bounds(cell, seed)) for seed in seeds]
    lower, prompt, no_wait = (fmean(costs) for costs in zip(*(b for _, b in runs), strict=True))
    return Did(
        late=fmean(done.late_share for done, _ in runs),
        pod_seconds=fmean(done.pod_seconds for done, _ in runs),
        lower=lower,
        prompt=prompt,
        no_wait=no_wait,
        events=fmean(done.scale_events for done, _ in runs),
        kills=sum(done.busy_kills for done, _ in runs),
    )


def _replay(name: str, cell: Cell, seed: int) -> Outcome:
    policy: Any
    if name == DEFAULT_IDLE:
        policy = Osnovci(replace(cell.target, idle=60.0), name=name)
    else:
        policy = POLICIES[name](cell.target, seed)
    return replay(policy, cell.case.trace(seed), cell.target, cell.startup, seed)


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
