"""`make bench-scaling`: the bars are held against the right figures, and a cell can be replayed."""

from benchmarks.scaling import late_jobs, losses, rows
from benchmarks.scaling_bars import RIVALS, figures
from benchmarks.scaling_replays import (
    AT_ONCE,
    FIRST,
    NONE_LET_GO,
    OURS,
    SECOND,
    TUNED_ON,
    Did,
    Replays,
    cells,
    do,
)

ALL = cells()
BETTER = Did(0.01, 0.01, 400.0, 300.0, 350.0, 390.0, 10.0, 0, 100, 1)
WORSE = Did(0.2, 0.2, 1000.0, 300.0, 350.0, 390.0, 10.0, 5, 100, 20)


def table(ours: Did = BETTER, theirs: Did = WORSE) -> Replays:
    return {
        OURS: dict.fromkeys(ALL, ours),
        NONE_LET_GO: dict.fromkeys(ALL, BETTER),
        AT_ONCE: dict.fromkeys(ALL, BETTER),
        **{rival: dict.fromkeys(ALL, theirs) for rival in RIVALS},
    }


def test_there_are_42_cells_that_were_tuned_on_and_twice_as_many_unseen() -> None:
    assert len({cell.name for cell in ALL}) == len(ALL) == 126
    for traces in (TUNED_ON, FIRST, SECOND):
        assert sum(cell.traces == traces for cell in ALL) == 42


def test_all_bars_are_met_by_one_who_is_better_in_all() -> None:
    assert [figure.what for figure in figures(table(), table()) if not figure.holds] == []
    assert losses(table()) == {}


def test_no_bar_but_of_the_events_is_met_by_one_who_is_worse_in_all() -> None:
    worse = table(ours=WORSE, theirs=BETTER)
    found = figures(worse, worse)
    held = [figure.what for figure in found if figure.bar is not None and figure.holds]
    assert held == ["scale events, of keda's"]
    assert [figure.value for figure in found if figure.what.startswith("cells ")] == [84, 84]
    assert len(losses(table(ours=WORSE, theirs=BETTER))) == 126


def test_the_bars_are_held_against_the_traces_that_were_not_tuned_on() -> None:
    tuned_badly = table()
    tuned_badly[OURS] |= {cell: WORSE for cell in ALL if cell.traces == TUNED_ON}
    assert figures(tuned_badly, table()) == figures(table(), table())


def test_each_set_of_unseen_traces_is_told_beside_the_bars_and_can_hide_nothing() -> None:
    half_badly = table()
    half_badly[OURS] |= {cell: WORSE for cell in ALL if cell.traces == SECOND}
    found = {each.what: each for each in figures(half_badly, table())}
    late = {of: found[f"{of}late, of keda's"] for of in ("", f"{FIRST}: ", f"{SECOND}: ")}
    assert [each.value for each in late.values()] == [0.525, 0.05, 1.0]
    assert [each.bar for each in late.values()] == [0.1, None, None]
    assert found["busy workers killed"].value == 42 * WORSE.kills
    assert found["cells of 84 in which a rival is unbeaten"].value == 42


def test_late_jobs_are_told_apart_by_whether_a_start_fits() -> None:
    found = late_jobs(table(ours=WORSE))
    for row in found:
        assert row["jobs"] == 100 * row["cells"]
        assert row[OURS] == {"late_jobs": 20 * row["cells"], "pod_seconds": 1000}
        assert row[AT_ONCE] == {"late_jobs": row["cells"], "pod_seconds": 400}
    cells_of = {(row["traces"], row["a cold start fits"]): row["cells"] for row in found}
    assert cells_of["unseen", True] + cells_of["unseen", False] == 84
    assert cells_of["unseen", False] == cells_of[FIRST, False] + cells_of[SECOND, False]


def test_how_late_one_is_who_spares_nothing_is_told_without_a_bar() -> None:
    found = [each for each in figures(table(ours=WORSE), table()) if "from the first" in each.what]
    assert [(each.value, each.bar) for each in found] == [(0.05, None)] * len(RIVALS)


def test_the_summary_has_a_row_for_each_policy_and_part() -> None:
    found = [(row["traces"], row["policy"]) for row in rows(table())]
    names = (OURS, NONE_LET_GO, AT_ONCE, *RIVALS)
    assert found == [
        (part, name) for part in ("tuned on", "unseen", FIRST, SECOND) for name in names
    ]


def test_a_cell_replays() -> None:
    sparse = next(cell for cell in ALL if cell.name == "sparse, 4s")
    ours, keda = (do(name, sparse, seeds=(1,)) for name in (OURS, "keda"))
    assert ours.late == 0
    assert ours.lower <= ours.prompt <= ours.no_wait < ours.pod_seconds < keda.pod_seconds
    assert ours.lower == keda.lower


def test_with_a_floor_everybody_has_a_worker_all_the_time() -> None:
    sparse = next(cell for cell in cells(minimum=1) if cell.name == "sparse, 4s")
    for name in (OURS, *RIVALS):
        assert do(name, sparse, seeds=(1,)).pod_seconds >= 5400


def test_who_lets_no_worker_go_has_each_that_ours_asked_for_to_the_end() -> None:
    square = next(cell for cell in ALL if cell.name == "square wave, 35s")
    ours, kept, at_once = (do(name, square, seeds=(1,)) for name in (OURS, NONE_LET_GO, AT_ONCE))
    assert at_once.late_jobs <= kept.late_jobs <= ours.late_jobs
    assert ours.pod_seconds < kept.pod_seconds < at_once.pod_seconds
    assert ours.jobs == kept.jobs == at_once.jobs
