"""The bars of the scaling policy beside its rivals, held on the traces that it never saw. Pure."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from statistics import fmean

from benchmarks.report import Figure
from benchmarks.scaling_replays import AT_ONCE, FIRST, OURS, SECOND, TUNED_ON, Cell, Did, Replays

RIVALS = ("keda", "hpa", "knative")
BARS = {
    "late": {"keda": 0.1, "hpa": 0.2, "knative": 0.4},
    "late and avoidable": {"keda": 0.1, "hpa": 0.2, "knative": 0.4},
    "pod-seconds": dict.fromkeys(RIVALS, 0.6),
}
MOST_UNBEATEN = 20
"""Of 84 cells, so that all three rivals are beaten in 64: the same share as 32 of 42."""

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
    """Hold the results against the bars; `floored` has a worker at least for everybody.

    The bars are on both sets of unseen traces together; what each comes to alone is told beside it.
    """
    unseen = _unseen(table)
    return [
        *_of_all(table, unseen),
        *_of_at_once(table, unseen),
        *_told("minReplicas 1 for all", _of_rivals(floored, _unseen(floored)), bar=True),
        *(
            figure
            for traces in (FIRST, SECOND)
            for figure in _told(
                traces, _of_all(table, [cell for cell in unseen if cell.traces == traces])
            )
        ),
    ]


def _unseen(table: Replays) -> list[Cell]:
    return [cell for cell in table[OURS] if cell.traces != TUNED_ON]


def _told(of: str, among: Iterable[Figure], *, bar: bool = False) -> list[Figure]:
    """Say what figures are of; without a bar, unless it counts there too."""
    return [
        replace(each, what=f"{of}: {each.what}", bar=each.bar if bar else None) for each in among
    ]


def _of_all(table: Replays, among: list[Cell]) -> list[Figure]:
    """Give the figures that have a bar, of these cells."""
    unbeaten = [cell for cell in among if not all(beats(table, cell, r) for r in RIVALS)]
    worse = [cell for cell in among if any(dominated(table, cell, r) for r in RIVALS)]
    events = _ratio(table, lambda did: did.events, "keda", among)
    kills = sum(table[OURS][cell].kills for cell in among)
    return [
        *_of_rivals(table, among),
        *_of_bounds(table, [cell for cell in among if cell.fits]),
        Figure("scale events, of keda's", events, "x", 1.5),
        Figure("busy workers killed", kills, "jobs", 0),
        Figure(
            f"cells of {len(among)} in which a rival is unbeaten", len(unbeaten), "", MOST_UNBEATEN
        ),
        Figure("cells in which a rival is better in all", len(worse), "", 0),
    ]


def _of_rivals(table: Replays, among: list[Cell]) -> list[Figure]:
    whats: dict[str, Callable[[Did], float]] = {
        "late": lambda did: did.late,
        "late and avoidable": lambda did: did.avoidable,
        "pod-seconds": lambda did: did.pod_seconds,
    }
    return [
        Figure(f"{name}, of {rival}'s", _ratio(table, what, rival, among), "x", bar)
        for name, what in whats.items()
        for rival, bar in BARS[name].items()
    ]


def _of_at_once(table: Replays, among: list[Cell]) -> list[Figure]:
    """Say how much later than the rivals one is who spares nothing: no bar below that can be kept."""
    ours = table | {OURS: table[AT_ONCE]}
    late = [figure for figure in _of_rivals(ours, among) if figure.what.startswith("late, ")]
    return _told("all workers from the first job on", late)


def _of_bounds(table: Replays, fitting: list[Cell]) -> list[Figure]:
    """Hold the pod-seconds against each bound where a cold start fits."""
    found: list[Figure] = []
    for name, bound in BOUNDS.items():
        what = f"pod-seconds, of {name}, where a cold start fits"
        of_means, of_cells = of_bound(table[OURS], bound, fitting)
        found += [
            Figure(what, of_means, "x", MOST_OF_BOUND),
            Figure(f"{what}: mean of the cells", of_cells, "x", MOST_OF_BOUND),
        ]
    return found


def of_bound(
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
