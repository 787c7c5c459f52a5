"""The scaling policy beside HPA, KEDA and Knative: `make bench-scaling`, all of it simulation.

Every trace of scaling_traces.py, with start-ups of 4, 12 and 35 s and three seeds, is replayed under
each policy. The constants were tuned on half of the traces; the bars are on the other half. HPA has
a worker from the beginning, so all is replayed once more with minReplicas 1 for everybody.
"""

import argparse
import os
import sys
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache
from itertools import product
from statistics import fmean
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.report import Figure, Result
from benchmarks.scaling_traces import CASES, SEEDS, STARTUPS, Case
from osnovci.scaling.model import Target
from osnovci.scaling.plan import BEGINNING
from osnovci.simulation.bounds import lower_bound, no_wait_cost, prompt_bound
from osnovci.simulation.outcome import Outcome
from osnovci.simulation.pools import Osnovci
from osnovci.simulation.replay import POLICIES, replay

OURS, DEFAULT_IDLE = "osnovci", "osnovci, idle 1m"
RIVALS = ("keda", "hpa", "knative")
BARS = {
    "late": {"keda": 0.1, "hpa": 0.2, "knative": 0.4},
    "pod-seconds": dict.fromkeys(RIVALS, 0.6),
}
NAMES = (OURS, DEFAULT_IDLE, *RIVALS, "keda-1s")
MOST_OF_BOUND = 1.4
MOST_UNBEATEN = 10
"""Of 42 cells, so that all three rivals are beaten in 32."""


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
    of_lower: float
    """Pod-seconds, of what nobody could undercut."""
    of_prompt: float
    """Of what one who starts a worker for a job that finds none could not undercut."""
    of_no_wait: float
    """Of what one pays at least who lets no job wait."""
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
    lower, prompt, no_wait = (
        fmean(done.pod_seconds / bounds[place] for done, bounds in runs) for place in range(3)
    )
    return Did(
        late=fmean(done.late_share for done, _ in runs),
        pod_seconds=fmean(done.pod_seconds for done, _ in runs),
        of_lower=lower,
        of_prompt=prompt,
        of_no_wait=no_wait,
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


def mean(of: dict[Cell, Did], what: Callable[[Did], float], among: Iterable[Cell]) -> float:
    """Give the mean of a figure."""
    return fmean(what(of[cell]) for cell in among)


def beats(table: Replays, cell: Cell, rival: str) -> bool:
    """Tell whether we have no more late jobs, at lower cost."""
    ours, theirs = table[OURS][cell], table[rival][cell]
    return ours.late <= theirs.late + 1e-9 and ours.pod_seconds < theirs.pod_seconds


def dominated(table: Replays, cell: Cell, rival: str) -> bool:
    """Tell whether a rival is as good in both and better in one."""
    ours, theirs = table[OURS][cell], table[rival][cell]
    as_good = theirs.late <= ours.late and theirs.pod_seconds <= ours.pod_seconds
    return as_good and (theirs.late, theirs.pod_seconds) != (ours.late, ours.pod_seconds)


def figures(table: Replays, floored: Replays) -> list[Figure]:
    """Hold the results against the bars; `floored` has a worker at least for everybody."""
    everywhere = list(table[OURS])
    others = _others(table)
    unbeaten = [cell for cell in everywhere if not all(beats(table, cell, r) for r in RIVALS)]
    worse = [cell for cell in everywhere if any(dominated(table, cell, r) for r in RIVALS)]
    kills = sum(did.kills for did in table[OURS].values())
    events = _ratio(table, lambda did: did.events, "keda", others)
    return [
        *_of_rivals(table),
        *_of_bounds(table, [cell for cell in others if cell.fits]),
        Figure("scale events, of keda's", events, "x", 1.5),
        Figure("busy workers killed", kills, "jobs", 0),
        Figure(
            f"cells of {len(everywhere)} in which a rival is unbeaten",
            len(unbeaten),
            "",
            MOST_UNBEATEN,
        ),
        Figure("cells in which a rival is better in all", len(worse), "", 0),
        *(
            replace(figure, what=f"minReplicas 1 for all: {figure.what}")
            for figure in _of_rivals(floored)
        ),
    ]


def _others(table: Replays) -> list[Cell]:
    return [cell for cell in table[OURS] if not cell.case.tuned]


def _of_rivals(table: Replays) -> list[Figure]:
    whats: dict[str, Callable[[Did], float]] = {
        "late": lambda did: did.late,
        "pod-seconds": lambda did: did.pod_seconds,
    }
    return [
        Figure(f"{name}, of {rival}'s", _ratio(table, what, rival, _others(table)), "x", bar)
        for name, what in whats.items()
        for rival, bar in BARS[name].items()
    ]


def _of_bounds(table: Replays, fitting: list[Cell]) -> list[Figure]:
    """Hold the pod-seconds against each bound where a cold start fits."""
    bounds: dict[str, Callable[[Did], float]] = {
        "the lower bound": lambda did: did.of_lower,
        "the prompt bound": lambda did: did.of_prompt,
        "the no-wait cost": lambda did: did.of_no_wait,
    }
    return [
        Figure(
            f"pod-seconds, of {name}, where a cold start fits",
            round(mean(table[OURS], what, fitting), 3),
            "x",
            MOST_OF_BOUND,
        )
        for name, what in bounds.items()
    ]


def _ratio(table: Replays, what: Callable[[Did], float], rival: str, among: list[Cell]) -> float:
    theirs = mean(table[rival], what, among)
    ours = mean(table[OURS], what, among)
    return round(ours / theirs, 3) if theirs else float(ours > 0)


def rows(table: Replays) -> list[dict[str, Any]]:
    """Sum the policies up, for each half and each start-up."""
    found: list[dict[str, Any]] = []
    for tuned in (True, False):
        for name, did in table.items():
            half = [cell for cell in did if cell.case.tuned is tuned]
            if not half:
                continue
            row = {"half": "tuned on" if tuned else "others", "policy": name}
            found.append(
                row
                | _summary(did, half)
                | {
                    f"at {startup:g}s": _summary(did, [c for c in half if c.startup == startup])
                    for startup in STARTUPS
                }
            )
    return found


def _summary(did: dict[Cell, Did], among: list[Cell]) -> dict[str, float]:
    return {
        "late_percent": round(100 * mean(did, lambda each: each.late, among), 3),
        "of_the_lower_bound": round(mean(did, lambda each: each.of_lower, among), 2),
        "of_the_prompt_bound": round(mean(did, lambda each: each.of_prompt, among), 2),
        "of_the_no_wait_cost": round(mean(did, lambda each: each.of_no_wait, among), 2),
        "pod_seconds": round(mean(did, lambda each: each.pod_seconds, among)),
        "scale_events": round(mean(did, lambda each: each.events, among), 1),
        "busy_kills": sum(did[cell].kills for cell in among),
    }


def losses(table: Replays) -> dict[str, str]:
    """Say for each cell in which a rival is unbeaten, by whom, with the figures."""
    return {
        cell.name: f"{100 * ours.late:.2f} % late at {ours.pod_seconds:.0f} pod-seconds; "
        + ", ".join(
            f"{rival} {100 * table[rival][cell].late:.2f} % at {table[rival][cell].pod_seconds:.0f}"
            for rival in RIVALS
            if not beats(table, cell, rival)
        )
        for cell, ours in table[OURS].items()
        if not all(beats(table, cell, rival) for rival in RIVALS)
    }


def result(table: Replays, floored: Replays) -> Result:
    """Make the answer."""
    return Result(
        "scaling",
        "How many jobs are late, at what cost, beside HPA, KEDA and Knative?",
        f"simulated: {len({cell.case.name for cell in table[OURS]})} traces of 90 minutes, start-ups "
        "of 4, 12 and 35 s, 3 seeds, idle 5m; ratios are of means over the traces not tuned on",
        figures(table, floored),
        {
            "policies": rows(table),
            "unbeaten": losses(table),
            "of_the_no_wait_cost": {
                name: {cell.name: round(each.of_no_wait, 2) for cell, each in did.items()}
                for name, did in table.items()
            },
            "policies, minReplicas 1 for all": rows(floored),
        },
    )


def show(table: Replays, console: Console) -> None:
    """Print the policies, and where a rival is unbeaten; costs are of the no-wait cost."""
    columns = ("half", "policy", "late %", "x cost", "pod-seconds", "events", "busy kills")
    shown = Table(*columns, *(f"late % / x cost at {startup:g}s" for startup in STARTUPS))
    for row in rows(table):
        at = (row[f"at {startup:g}s"] for startup in STARTUPS)
        shown.add_row(
            *(str(row[key]) for key in ("half", "policy", "late_percent", "of_the_no_wait_cost")),
            *(str(row[key]) for key in ("pod_seconds", "scale_events", "busy_kills")),
            *(f"{each['late_percent']:g} / {each['of_the_no_wait_cost']:g}" for each in at),
        )
    console.print(shown)
    for name, words in losses(table).items():
        console.print(f"unbeaten in [bold]{name}[/]: {words}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Replay, print, write; 1 if a bar was not kept."""
    parser = argparse.ArgumentParser(prog="benchmarks.scaling", description=__doc__)
    names = [case.name for case in CASES]
    parser.add_argument("--only", choices=names, help="one trace; nothing is written then")
    only = parser.parse_args(arguments).only
    console = Console(width=160)
    tables = [
        replay_all(names, [cell for cell in cells(minimum) if only in {None, cell.case.name}])
        for names, minimum in ((NAMES, 0), ((OURS, *RIVALS), 1))
    ]
    for table in tables:
        show(table, console)
    if only:
        return 0
    answer = result(*tables)
    answer.show(console)
    console.print(f"written to {answer.write()}")
    return 0 if answer.holds else 1


if __name__ == "__main__":
    sys.exit(main())
