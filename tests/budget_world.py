"""A database, the apps and workers that share it, and what may befall them.

The world is the worst that there may be: each pod opens at once what it may, gives back late, and
takes a new config late. Old pods of a rollout end before the next is told to, as they do where that
takes no longer than `rollout.minReady`; those of a smaller count take longer.
"""

from dataclasses import dataclass, field, replace

from apps import app, beat, deployed, reports, seen

from osnovci.app_contract import AppDocument, DatabaseDocument, PoolUse
from osnovci_operator.app.budget import Sharer, Workers, grant
from osnovci_operator.app.decide import decide, sharer
from osnovci_operator.app.migration import Run, State
from osnovci_operator.app.reports import Reports
from osnovci_operator.app.rollout import MIGRATED
from osnovci_operator.app.scaling import ScalingState
from osnovci_operator.app.seen import Neighbour, Pace
from osnovci_operator.app.spec import Spec

LIMIT = 50
DATABASE = {"maxConnections": 60, "reservedConnections": 10, "connectionsPerProcess": 10}
SHOP = Sharer(
    name="shop",
    replicas=3,
    surge=1,
    spare=1,
    staying=3,
    leaving=0,
    processes=1,
    connections=10,
    limit=90,
)
JOBS = Workers(
    name="QueuePool jobs",
    replicas=8,
    surge=1,
    spare=1,
    staying=0,
    leaving=0,
    processes=2,
    connections=1,
    limit=LIMIT,
)


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
    migration: State | None = None
    migrated: bool = False

    @property
    def spec(self) -> Spec:
        return app(
            replicas=self.replicas,
            processes=self.processes,
            rollout={"maxSurge": self.surge},
            database=DATABASE | {"connectionsPerProcess": self.wants},
            **({"migration": {"command": ["x"]}} if self.migration else {}),
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

    def neighbour(self) -> Neighbour:
        """Give it as others see it."""
        wanted, counts, processes = self.replicas, self.counts, self.most_processes
        return Neighbour(sharer(self.name, self.spec, wanted, counts, processes), self.reports())

    def reconcile(self, others: list["App"]) -> None:
        """Do what the operator does: publish the size, and ask for pods."""
        neighbours = [each.neighbour() for each in others]
        processes, surge = self.rolled
        notes = {MIGRATED: "before"} if self.migrated else {}
        looked = replace(
            seen(
                deployed=replace(
                    deployed(asked=self.asked, notes=notes), processes=processes, pace=Pace(surge)
                ),
                migration=Run("d", self.migration) if self.migration else None,
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
        if self.migration is State.ABSENT and not decision.holds:
            self.migration, self.migrated = State.RUNNING, True
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


@dataclass
class Jobs(App):
    """A pool whose workers run two jobs at a time each, and its Deployment."""

    most: int = 4
    """What the pool may ask for."""
    connections: int = 1
    processes: int = 2
    rolled: tuple[int, int] = (2, 1)
    granted: int = 0

    def neighbour(self) -> Neighbour:
        staying, leaving = self.counts
        at_a_time = min(max(self.most, self.asked), 1)
        workers = Workers(
            name=self.name,
            replicas=self.most,
            surge=at_a_time,
            spare=at_a_time,
            staying=max(staying, self.asked),
            leaving=leaving,
            processes=self.processes,
            connections=1,
            limit=LIMIT,
        )
        return Neighbour(workers, None)

    def reconcile(self, others: list[App]) -> None:
        mine, *theirs = (each.neighbour() for each in (self, *others))
        assert isinstance(mine.sharer, Workers)
        reports = {each.sharer.name: each.reports for each in theirs}
        everybody = [mine.sharer, *(each.sharer for each in theirs)]
        granted = grant(mine.sharer, self.granted, everybody, reports)
        self.granted = granted.replicas
        self.asked = min(self.replicas, mine.sharer.rising(granted).replicas, self.most)


CHANGES = {"scale": "replicas", "want": "wants", "processes": "processes", "surge": "surge"} | {
    "most": "most"
}
"""Of a spec, by the field of `App`."""


def run(apps: list[App], steps: list[tuple[str, int, int]]) -> None:
    """Let things happen, and look at the connections after each."""
    for what, which, number in steps:
        chosen = apps[which]
        if what in CHANGES:
            setattr(chosen, CHANGES[what], number)
        elif what == "roll":
            chosen.old = len(chosen.staying)
        elif what == "migrate":
            chosen.migration = State.ABSENT if number else None
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
        total += sum(each.migration is State.RUNNING for each in apps)
        assert total <= LIMIT, [(each.asked, each.connections, each.pods) for each in apps]
