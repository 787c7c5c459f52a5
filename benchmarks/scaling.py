"""The scaling policy beside HPA, KEDA and Knative: `make bench-scaling`, all of it simulation.

Every trace, with start-ups of 4, 12 and 35 s and three seeds, is replayed under each policy. The
constants were tuned on those of scaling_traces.py; the bars are on those of scaling_unseen.py and
scaling_unseen_second.py, which were replayed only when the constants were fixed. HPA has a worker
from the beginning, so all is replayed once more with minReplicas 1 for everybody.
"""

import argparse
import sys
from collections.abc import Sequence
from dataclasses import asdict
from itertools import product
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.report import Result
from benchmarks.scaling_bars import BOUNDS, RIVALS, beats, figures, mean, of_bound
from benchmarks.scaling_replays import (
    AT_ONCE,
    DEFAULT_IDLE,
    FIRST,
    NONE_LET_GO,
    OURS,
    SECOND,
    TUNED_ON,
    Cell,
    Did,
    Replays,
    cells,
    replay_all,
)
from benchmarks.scaling_traces import STARTUPS

NAMES = (OURS, DEFAULT_IDLE, *RIVALS, "keda-1s", NONE_LET_GO, AT_ONCE)
PARTS = {TUNED_ON: (TUNED_ON,), "unseen": (FIRST, SECOND), FIRST: (FIRST,), SECOND: (SECOND,)}
"""The rows of the table, and which traces they are of."""


def rows(table: Replays) -> list[dict[str, Any]]:
    """Sum the policies up, for the traces tuned on, the unseen and each set of them, by start-ups."""
    found: list[dict[str, Any]] = []
    for traces, of in PARTS.items():
        for name, did in table.items():
            part = [cell for cell in did if cell.traces in of]
            if not part:
                continue
            row = {"traces": traces, "policy": name}
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
            name: of_bound(did, bound, among) for name, bound in BOUNDS.items()
        },
    }


def late_jobs(table: Replays) -> list[dict[str, Any]]:
    """Count our late jobs, and what is left of them with more pods, where a cold start fits and not."""
    found: list[dict[str, Any]] = []
    for (traces, of), fits in product(PARTS.items(), (True, False)):
        part = [cell for cell in table[OURS] if cell.traces in of and cell.fits is fits]
        found.append(
            {
                "traces": traces,
                "a cold start fits": fits,
                "cells": len(part),
                "jobs": sum(table[OURS][cell].jobs for cell in part),
            }
            | {
                name: {
                    "late_jobs": sum(table[name][cell].late_jobs for cell in part),
                    "pod_seconds": round(mean(table[name], lambda did: did.pod_seconds, part)),
                }
                for name in (OURS, NONE_LET_GO, AT_ONCE)
            }
        )
    return found


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
        "of 4, 12 and 35 s, 3 seeds, idle 5m; bars are on both sets of traces that were not tuned on",
        figures(table, floored),
        {
            "policies": rows(table),
            "unbeaten": losses(table),
            "our late jobs": late_jobs(table),
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
