"""A database whose apps are scaled and rolled out at any time never has more connections than it allows.

So it is, too, when pods are to have more processes than before, or more of them come at a time; and
beside the migrations of apps, and the workers that follow one.
"""

from budget_world import App, Jobs, run
from hypothesis import example, given, settings
from hypothesis import strategies as st

from osnovci_operator.app.migration import State

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("scale"), st.integers(0, 1), st.integers(0, 14)),
        st.tuples(st.just("want"), st.integers(0, 1), st.integers(1, 14)),
        st.tuples(st.just("roll"), st.integers(0, 1), st.just(0)),
        st.tuples(st.just("processes"), st.integers(0, 1), st.integers(1, 3)),
        st.tuples(st.just("surge"), st.integers(0, 1), st.integers(1, 3)),
        st.tuples(st.just("hear"), st.integers(0, 1), st.integers(0, 14)),
        st.tuples(st.just("migrate"), st.integers(0, 1), st.integers(0, 1)),
        st.tuples(st.just("scale"), st.just(2), st.integers(0, 14)),
        st.tuples(st.just("most"), st.just(2), st.integers(0, 14)),
        st.tuples(st.just("roll"), st.just(2), st.just(0)),
        st.tuples(st.just("wait"), st.just(0), st.just(0)),
    ),
    max_size=40,
)


HEARD = [("hear", which, 0) for which in (0, 1)] * 3
DOWN_AND_UP = [("scale", 0, 14), *HEARD, ("scale", 0, 1), ("scale", 0, 14), *HEARD]
DOWN = [("scale", 0, 14), *HEARD, ("scale", 0, 1), *HEARD]
UP_IN_A_ROLLOUT = [*HEARD, ("roll", 0, 0), ("scale", 0, 12), *HEARD, ("roll", 1, 0), *HEARD]
MORE_OF_ONE_THEN_OF_THE_OTHER = [*HEARD, ("scale", 0, 9), *HEARD, ("scale", 1, 9), *HEARD]

ONE_GROWS_AS_THE_OTHER_SHRINKS = [
    *[*HEARD, ("scale", 1, 3), ("want", 0, 1), *HEARD],  # The other's pools are at their largest.
    *[("roll", 0, 0), ("roll", 1, 0), ("want", 0, 10), ("hear", 0, 0), ("hear", 0, 0)],
]
MORE_PROCESSES = [*HEARD, ("processes", 0, 3), *HEARD, ("processes", 1, 3), *HEARD]
WAIT = [("wait", 0, 0)] * 4
MORE_PROCESSES_WHILE_ALL_ARE_LATE = [
    *[("want", 1, 1), ("scale", 1, 0), ("scale", 0, 14), *HEARD, *WAIT],
    *[("surge", 0, 3), ("processes", 0, 3), *WAIT],
]
MORE_AT_A_TIME = [*HEARD, ("surge", 0, 3), ("roll", 0, 0), *HEARD]
MORE_WORKERS_THAN_BEFORE = [
    ("most", 2, 0),
    *HEARD,
    ("scale", 2, 14),
    ("most", 2, 14),
    *WAIT,
    *HEARD,
]
WORKERS_COME_BACK_WHILE_OTHERS_END = [
    *[("most", 2, 14), *HEARD, ("scale", 2, 14), *HEARD, ("scale", 2, 0), ("scale", 2, 14), *WAIT]
]
ONE_ASKS_FOR_LESS = [
    ("scale", 0, 5),
    *HEARD,
    ("want", 1, 1),
    *HEARD,
    ("want", 0, 1),
    ("want", 1, 14),
]


@settings(max_examples=200, deadline=None)
@example(DOWN)
@example(DOWN_AND_UP)
@example(UP_IN_A_ROLLOUT)
@example(MORE_OF_ONE_THEN_OF_THE_OTHER)
@example(ONE_GROWS_AS_THE_OTHER_SHRINKS)
@example(ONE_ASKS_FOR_LESS)
@example(MORE_PROCESSES)
@example(MORE_AT_A_TIME)
@example(MORE_PROCESSES_WHILE_ALL_ARE_LATE)
@example(MORE_WORKERS_THAN_BEFORE)
@example(WORKERS_COME_BACK_WHILE_OTHERS_END)
@given(STEPS)
def test_the_database_never_refuses_a_connection(steps: list[tuple[str, int, int]]) -> None:
    run([App("one", 3), App("two", 2), Jobs("jobs", 0)], steps)


def test_a_migration_has_a_connection_though_all_others_are_open() -> None:
    """At the height of a rollout ten pods have five each, which is all."""
    app, heard = App("one", 8), [("hear", 0, 0)] * 3
    run([app], [*heard, *heard, ("roll", 0, 0), ("migrate", 0, 1), *WAIT])
    assert app.migration is State.ABSENT
    run([app], [*heard, *WAIT])
    assert app.migration is State.RUNNING
    run([app], [("roll", 0, 0), *WAIT])


def test_all_pods_come_in_the_end() -> None:
    apps = [App("one", 3), App("two", 2)]
    run(apps, [*UP_IN_A_ROLLOUT, *HEARD, *HEARD])
    assert [(each.asked, len(each.pods)) for each in apps] == [(12, 12), (2, 2)]


def test_all_processes_come_in_the_end() -> None:
    apps = [App("one", 3), App("two", 2)]
    run(apps, [*MORE_PROCESSES, *HEARD, *HEARD])
    assert [pod.processes for each in apps for pod in each.pods] == [3] * 5


def test_all_workers_come_in_the_end() -> None:
    apps = [App("one", 3), App("two", 2), Jobs("jobs", 0)]
    run(
        apps, [*HEARD, ("most", 2, 10), ("scale", 2, 10), *HEARD, *HEARD, ("migrate", 0, 1), *HEARD]
    )
    assert len(apps[2].pods) == 10
    assert apps[0].migration is State.RUNNING
