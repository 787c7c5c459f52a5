"""A database whose apps are scaled and rolled out at any time never has more connections than it allows.

The world is the worst that there may be: each pod opens at once what it may, gives back late, and
takes a new config late. Old pods of a rollout end before the next is told to, as they do where that
takes no longer than `rollout.minReady`; those of a smaller count take longer.
"""

from dataclasses import dataclass, field

from apps import app, beat, deployed, reports, seen
from hypothesis import example, given, settings
from hypothesis import strategies as st

from osnovci.app_contract import AppDocument, DatabaseDocument, PoolUse
from osnovci_operator.app.decide import decide, sharer
from osnovci_operator.app.reports import Reports
from osnovci_operator.app.scaling import ScalingState
from osnovci_operator.app.seen import Neighbour
from osnovci_operator.app.spec import Spec

LIMIT = 50
DATABASE = {"maxConnections": 60, "reservedConnections": 10, "connectionsPerProcess": 10}


def document(name: str, connections: int) -> AppDocument:
    return AppDocument(app=name, database=DatabaseDocument(connections_per_process=connections))


@dataclass
class Pod:
    """One process: what it was told, and what it has open."""

    name: str
    size: int
    open: int
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
    made: int = 0
    old: int = 0
    """Pods of an older revision."""

    @property
    def spec(self) -> Spec:
        database = DATABASE | {"connectionsPerProcess": self.wants}
        return app(replicas=self.replicas, database=database).spec

    @property
    def staying(self) -> list[Pod]:
        return [pod for pod in self.pods if not pod.leaving]

    @property
    def counts(self) -> tuple[int, int]:
        return len(self.staying), len(self.pods) - len(self.staying)

    def reports(self) -> Reports:
        beats = [
            beat(
                pod=pod.name,
                document=document(self.name, pod.size),
                app=self.name,
                database=PoolUse(size=pod.size, open=pod.open, in_use=0),
            )
            for pod in self.pods
        ]
        return reports(*beats, document=document(self.name, self.connections))

    def reconcile(self, others: list["App"]) -> None:
        """Do what the operator does: publish the size, and ask for pods."""
        neighbours = [
            Neighbour(sharer(each.name, each.spec, each.replicas, each.counts), each.reports())
            for each in others
        ]
        looked = seen(
            deployed=deployed(asked=self.asked),
            reports=self.reports(),
            pods=self.counts,
            neighbours=tuple(neighbours),
        )
        decision, _ = decide(self.name, self.spec, looked, ScalingState())
        assert decision.share
        self.connections, self.asked = decision.share.connections, decision.replicas

    def control(self) -> None:
        """Do what the Deployment's controller does in a moment; one pod of a rollout at a time."""
        for pod in self.pods:
            pod.ends -= pod.leaving
        self.pods = [pod for pod in self.pods if pod.ends > 0]
        surge = 1 if self.old else 0
        surplus = len(self.staying) - self.asked
        for pod in self.staying[: max(surplus - surge, 0)]:
            pod.leaving, pod.ends = True, 3
        if surge and len(self.staying) > self.asked:  # The new one is ready: an old one goes.
            self.staying[0].leaving = True
            self.old -= 1
        while len(self.staying) < self.asked + (1 if self.old else 0):
            self.made += 1
            self.pods.append(Pod(f"{self.name}-{self.made}", self.connections, self.connections))


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("scale"), st.integers(0, 1), st.integers(0, 14)),
        st.tuples(st.just("want"), st.integers(0, 1), st.integers(1, 14)),
        st.tuples(st.just("roll"), st.integers(0, 1), st.just(0)),
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
@given(STEPS)
def test_the_database_never_refuses_a_connection(steps: list[tuple[str, int, int]]) -> None:
    run([App("one", 3), App("two", 2)], steps)


def run(apps: list[App], steps: list[tuple[str, int, int]]) -> None:
    """Let things happen, and look at the connections after each."""
    for what, which, number in steps:
        chosen = apps[which]
        if what == "scale":
            chosen.replicas = number
        elif what == "want":
            chosen.wants = max(number, 1)
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
        total = sum(max(pod.open, pod.size) for each in apps for pod in each.pods)
        assert total <= LIMIT, [(each.asked, each.connections, each.pods) for each in apps]


def test_all_pods_come_in_the_end() -> None:
    apps = [App("one", 3), App("two", 2)]
    run(apps, [*UP_IN_A_ROLLOUT, *HEARD, *HEARD])
    assert [(each.asked, len(each.pods)) for each in apps] == [(12, 12), (2, 2)]
