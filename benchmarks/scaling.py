"""The scaling policy beside HPA, KEDA and Knative: `make bench-scaling`, all of it simulation.

Every trace, with start-ups of 4, 12 and 35 s and three seeds, is replayed under each policy. The
constants were tuned on those of scaling_traces.py; the bars are on those of scaling_unseen.py, which
were replayed only when the constants were fixed. HPA has a worker from the beginning, so all is
replayed once more with minReplicas 1 for everybody.
"""

import argparse
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, replace
from statistics import fmean
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.report import Figure, Result
from benchmarks.scaling_replays import (
    AT_ONCE,
    DEFAULT_IDLE,
    OURS,
    Cell,
    Did,
    Replays,
    cells,
    replay_all,
)
from benchmarks.scaling_traces import STARTUPS

RIVALS = ("keda", "hpa", "knative")
BARS = {
    "late": {"keda": 0.1, "hpa": 0.2, "knative": 0.4},
    "late and avoidable": {"keda": 0.1, "hpa": 0.2, "knative": 0.4},
    "pod-seconds": dict.fromkeys(RIVALS, 0.6),
}
NAMES = (OURS, DEFAULT_IDLE, *RIVALS, "keda-1s", AT_ONCE)
MOST_UNBEATEN = 10
"""Of 42 cells, so that all three rivals are beaten in 32."""

BOUNDS: dict[str, Callable[[Did], float]] = {
    "the lower bound": lambda did: did.lower,
    "the prompt bound": lambda did: did.prompt,
    "the no-wait cost": lambda did: did.no_wait,
}
MOST_OF_BOUND = 1.4


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
    others = _others(table)
    unbeaten = [cell for cell in others if not all(beats(table, cell, r) for r in RIVALS)]
    worse = [cell for cell in others if any(dominated(table, cell, r) for r in RIVALS)]
    kills = sum(did.kills for did in table[OURS].values())
    events = _ratio(table, lambda did: did.events, "keda", others)
    return [
        *_of_rivals(table),
        *_of_bounds(table, [cell for cell in others if cell.fits]),
        Figure("scale events, of keda's", events, "x", 1.5),
        Figure("busy workers killed", kills, "jobs", 0),
        Figure(
            f"cells of {len(others)} in which a rival is unbeaten",
            len(unbeaten),
            "",
            MOST_UNBEATEN,
        ),
        Figure("cells in which a rival is better in all", len(worse), "", 0),
        *_of_at_once(table),
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
        "late and avoidable": lambda did: did.avoidable,
        "pod-seconds": lambda did: did.pod_seconds,
    }
    return [
        Figure(f"{name}, of {rival}'s", _ratio(table, what, rival, _others(table)), "x", bar)
        for name, what in whats.items()
        for rival, bar in BARS[name].items()
    ]


def _of_at_once(table: Replays) -> list[Figure]:
    """Say how much later than the rivals one is who spares nothing: no bar below that can be kept."""
    ours = table | {OURS: table[AT_ONCE]}
    whole = [figure for figure in _of_rivals(ours) if figure.what.startswith("late, ")]
    return [
        replace(figure, what=f"all workers from the first job on: {figure.what}", bar=None)
        for figure in whole
    ]


def _of_bounds(table: Replays, fitting: list[Cell]) -> list[Figure]:
    """Hold the pod-seconds against each bound where a cold start fits."""
    found: list[Figure] = []
    for name, bound in BOUNDS.items():
        what = f"pod-seconds, of {name}, where a cold start fits"
        of_means, of_cells = _of_bound(table[OURS], bound, fitting)
        found += [
            Figure(what, of_means, "x", MOST_OF_BOUND),
            Figure(f"{what}: mean of the cells", of_cells, "x", MOST_OF_BOUND),
        ]
    return found


def _of_bound(
    of: dict[Cell, Did], bound: Callable[[Did], float], among: list[Cell]
) -> tuple[float, float]:
    """Give the ratio of the means, and the mean of the cells' ratios."""
    means = mean(of, lambda did: did.pod_seconds, among) / mean(of, bound, among)
    ratios = mean(of, lambda did: did.pod_seconds / bound(did), among)
    return round(means, 3), round(ratios, 3)


def _ratio(table: Replays, what: Callable[[Did], float], rival: str, among: list[Cell]) -> float:
    theirs = mean(table[rival], what, among)
    ours = mean(table[OURS], what, among)
    return round(ours / theirs, 3) if theirs else float(ours > 0)


def rows(table: Replays) -> list[dict[str, Any]]:
    """Sum the policies up, for the traces tuned on and the unseen, and for each start-up."""
    found: list[dict[str, Any]] = []
    for tuned in (True, False):
        for name, did in table.items():
            part = [cell for cell in did if cell.case.tuned is tuned]
            if not part:
                continue
            row = {"traces": "tuned on" if tuned else "unseen", "policy": name}
            found.append(
                row
                | _summary(did, part)
                | {
                    f"at {startup:g}s": _summary(did, [c for c in part if c.startup == startup])
                    for startup in STARTUPS
                }
            )
    return found


def _summary(did: dict[Cell, Did], among: list[Cell]) -> dict[str, Any]:
    return {
        "late_percent": round(100 * mean(did, lambda each: each.late, among), 3),
        "avoidable_percent": round(100 * mean(did, lambda each: each.avoidable, among), 3),
        "pod_seconds": round(mean(did, lambda each: each.pod_seconds, among)),
        "scale_events": round(mean(did, lambda each: each.events, among), 1),
        "busy_kills": sum(did[cell].kills for cell in among),
        "of_means_and_mean_of_cells": {
            name: _of_bound(did, bound, among) for name, bound in BOUNDS.items()
        },
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
        "of 4, 12 and 35 s, 3 seeds, idle 5m; figures are of the traces that were not tuned on",
        figures(table, floored),
        {
            "policies": rows(table),
            "unbeaten": losses(table),
            "cells": {
                cell.name: {what: round(figure, 4) for what, figure in asdict(did).items()}
                for cell, did in table[OURS].items()
            },
            "policies, minReplicas 1 for all": rows(floored),
        },
    )


def show(table: Replays, console: Console) -> None:
    """Print the policies, and where a rival is unbeaten."""
    columns = ("traces", "policy", "late %", "pod-seconds", "events", "busy kills")
    shown = Table(*columns, *(f"late % / pod-seconds at {startup:g}s" for startup in STARTUPS))
    for row in rows(table):
        at = (row[f"at {startup:g}s"] for startup in STARTUPS)
        shown.add_row(
            *(str(row[key]) for key in ("traces", "policy", "late_percent")),
            *(str(row[key]) for key in ("pod_seconds", "scale_events", "busy_kills")),
            *(f"{each['late_percent']:g} / {each['pod_seconds']:g}" for each in at),
        )
    console.print(shown)
    for name, words in losses(table).items():
        console.print(f"unbeaten in [bold]{name}[/]: {words}")


def main(arguments: Sequence[str] | None = None) -> int:
    """Replay, print, write; 1 if a bar was not kept."""
    parser = argparse.ArgumentParser(prog="benchmarks.scaling", description=__doc__)
    names = list(dict.fromkeys(cell.case.name for cell in cells()))
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
