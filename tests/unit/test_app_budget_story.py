"""A database whose apps are scaled and rolled out at any time never has more connections than it allows.

So it is, too, when pods are to have more processes than before, or more of them come at a time.

The world is the worst that there may be: each pod opens at once what it may, gives back late, and
takes a new config late. Old pods of a rollout end before the next is told to, as they do where that
takes no longer than `rollout.minReady`; those of a smaller count take longer.
"""

from dataclasses import dataclass, field, replace

from apps import app, beat, deployed, reports, seen
from hypothesis import example, given, settings
from hypothesis import strategies as st

from osnovci.app_contract import AppDocument, DatabaseDocument, PoolUse
from osnovci_operator.app.decide import decide, sharer
from osnovci_operator.app.reports import Reports
from osnovci_operator.app.scaling import ScalingState
from osnovci_operator.app.seen import Neighbour, Pace
from osnovci_operator.app.spec import Spec

LIMIT = 50
DATABASE = {"maxConnections": 60, "reservedConnections": 10, "connectionsPerProcess": 10}


def document(name: str, connections: int) -> AppDocument:
    return AppDocument(app=name, database=DatabaseDocument(connections_per_process=connections))


@dataclass
class Pod:
    """What each of its processes was told, and has open."""

    name: str
    size: int
    open: int
    processes: int = 1
    leaving: bool = False
    ends: int = 1
    """So many moments after it was told to."""


@dataclass
class App:
    """An app and its Deployment."""

    name: str
    replicas: int
    wants: int = 10
    """Connections of a process."""
    asked: int = 0
    connections: int = 10
    """As it is published."""
    pods: list[Pod] = field(default_factory=list[Pod])
    processes: int = 1
    surge: int = 1
    """These two as the spec says; what the Deployment has:"""
    rolled: tuple[int, int] = (1, 1)
    made: int = 0
    old: int = 0
    """Pods of an older revision."""

    @property
    def spec(self) -> Spec:
        return app(
            replicas=self.replicas,
            processes=self.processes,
            rollout={"maxSurge": self.surge},
            database=DATABASE | {"connectionsPerProcess": self.wants},
        ).spec

    @property
    def staying(self) -> list[Pod]:
        return [pod for pod in self.pods if not pod.leaving]

    @property
    def counts(self) -> tuple[int, int]:
        return len(self.staying), len(self.pods) - len(self.staying)

    @property
    def most_processes(self) -> int:
        return max((pod.processes for pod in self.pods), default=0)

    def reports(self) -> Reports:
        beats = [
            beat(
                pod=pod.name,
                process=process,
                document=document(self.name, pod.size),
                app=self.name,
                database=PoolUse(size=pod.size, open=pod.open, in_use=0),
            )
            for pod in self.pods
            for process in range(pod.processes)
        ]
        return reports(*beats, document=document(self.name, self.connections))

    def reconcile(self, others: list["App"]) -> None:
        """Do what the operator does: publish the size, and ask for pods."""
        neighbours = [
            Neighbour(
                sharer(each.name, each.spec, each.replicas, each.counts, each.most_processes),
                each.reports(),
            )
            for each in others
        ]
        processes, surge = self.rolled
        looked = replace(
            seen(
                deployed=replace(deployed(asked=self.asked), processes=processes, pace=Pace(surge)),
                reports=self.reports(),
                pods=self.counts,
                neighbours=tuple(neighbours),
            ),
            processes=self.most_processes,
            standing={"": document(self.name, self.connections)},
        )
        decision, _ = decide(self.name, self.spec, looked, ScalingState())
        assert decision.share
        self.connections, self.asked = decision.share.connections, decision.replicas
        if not decision.holds and self.rolled != (self.processes, self.surge):
            self.old = len(self.staying) if self.processes != processes else self.old
            self.rolled = self.processes, self.surge

    def control(self) -> None:
        """Do what the Deployment's controller does in a moment; as many of a rollout as may be."""
        processes, pace = self.rolled
        for pod in self.pods:
            pod.ends -= pod.leaving
        self.pods = [pod for pod in self.pods if pod.ends > 0]
        surge = pace if self.old else 0
        surplus = len(self.staying) - self.asked
        for pod in self.staying[: max(surplus - surge, 0)]:
            pod.leaving, pod.ends = True, 3
        surplus = len(self.staying) - self.asked
        for pod in self.staying[: min(surplus, self.old)] if surplus > 0 else ():
            pod.leaving = True  # The new ones are ready: old ones go.
            self.old -= 1
        while len(self.staying) < self.asked + (pace if self.old else 0):
            self.made += 1
            name, size = f"{self.name}-{self.made}", self.connections
            self.pods.append(Pod(name, size, size, processes))


CHANGES = {"scale": "replicas", "want": "wants", "processes": "processes", "surge": "surge"}
"""Of a spec, by the field of `App`."""

STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("scale"), st.integers(0, 1), st.integers(0, 14)),
        st.tuples(st.just("want"), st.integers(0, 1), st.integers(1, 14)),
        st.tuples(st.just("roll"), st.integers(0, 1), st.just(0)),
        st.tuples(st.just("processes"), st.integers(0, 1), st.integers(1, 3)),
        st.tuples(st.just("surge"), st.integers(0, 1), st.integers(1, 3)),
        st.tuples(st.just("hear"), st.integers(0, 1), st.integers(0, 14)),
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
@given(STEPS)
def test_the_database_never_refuses_a_connection(steps: list[tuple[str, int, int]]) -> None:
    run([App("one", 3), App("two", 2)], steps)


def run(apps: list[App], steps: list[tuple[str, int, int]]) -> None:
    """Let things happen, and look at the connections after each."""
    for what, which, number in steps:
        chosen = apps[which]
        if what in CHANGES:
            setattr(chosen, CHANGES[what], number)
        elif what == "roll":
            chosen.old = len(chosen.staying)
        elif what == "hear":  # The pods from that one on take the config, and give back or open.
            for pod in chosen.pods[number:]:
                late = pod.size > chosen.connections
                pod.open = pod.open if late else chosen.connections
                pod.size = chosen.connections
        for each in apps:
            each.reconcile([other for other in apps if other is not each])
        for each in apps:
            each.control()
        total = sum(max(pod.open, pod.size) * pod.processes for each in apps for pod in each.pods)
        assert total <= LIMIT, [(each.asked, each.connections, each.pods) for each in apps]


def test_all_pods_come_in_the_end() -> None:
    apps = [App("one", 3), App("two", 2)]
    run(apps, [*UP_IN_A_ROLLOUT, *HEARD, *HEARD])
    assert [(each.asked, len(each.pods)) for each in apps] == [(12, 12), (2, 2)]


def test_all_processes_come_in_the_end() -> None:
    apps = [App("one", 3), App("two", 2)]
    run(apps, [*MORE_PROCESSES, *HEARD, *HEARD])
    assert [pod.processes for each in apps for pod in each.pods] == [3] * 5
