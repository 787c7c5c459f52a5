"""How the connections that a database allows are divided among those who share it. Pure.

They are apps with their migrations, and the workers that follow one. All get their pods and their
connections if all of that fits. Otherwise the apps' pools become smaller first, down to one
connection a process, and only then are there fewer pods. What is counted are all pods that there may
be at a time: while a revision changes, new ones come before old ones go, and old ones keep their
connections until they have ended.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from osnovci.words import counted
from osnovci_operator.app.reports import Reports
from osnovci_operator.database import Grant


@dataclass(frozen=True)
class Sharer:
    """An app that uses the database, and what it would like to have."""

    name: str
    replicas: int
    surge: int
    """New pods beyond that count, while a revision changes."""
    spare: int
    """Old pods that may not have ended yet meanwhile."""
    staying: int
    """Pods that exist and were not told to end."""
    leaving: int
    """Pods that were told to end and have not yet."""
    processes: int
    connections: int
    """The most of a process."""
    limit: int
    """What the database allows all sharers together, as this app says."""
    beside: int = 0
    """What it opens beside its pods: its migration."""

    @property
    def fewest(self) -> int:
        """Give what one pod and those of a rollout open, with one connection a process."""
        pods = min(self.replicas, 1) + self.surge + self.spare
        return pods * self.processes + self.beside

    def most_pods(self, replicas: int) -> int:
        """Give how many pods there are at most, while so many are asked for from now on."""
        staying = max(replicas + self.surge, self.staying)
        return staying + max(self.leaving, self.spare)


@dataclass(frozen=True)
class Workers(Sharer):
    """The workers of a pool: each has a process with one connection for each job that it runs.

    Their connections are few and last as long as jobs do, so it is their count that gives way, and
    room is kept for as many as there may be: a backlog waits for nobody.
    """

    def most_pods(self, replicas: int) -> int:
        """Give how many pods there are at most, while so many are asked for from now on.

        A pool that was large a moment ago does not become so again before those pods have ended:
        see `rising`.
        """
        return max(replicas + self.surge + self.spare, self.staying + self.leaving)

    def rising(self, granted: Grant) -> Grant:
        """Give what is granted while pods that leave still have their connections."""
        room = max(granted.replicas + self.spare - self.leaving, self.staying)
        if room >= granted.replicas:
            return granted
        return Grant(room, f"{counted(self.leaving, 'worker')} that end still have connections")


@dataclass(frozen=True)
class Share:
    """What one of them gets."""

    replicas: int
    wanted: int
    """The count that it would like to have."""
    connections: int
    """Of a process."""
    budget: int
    """The most that all its pods open."""
    limit: int
    """What all sharers may open."""
    exceeded: bool = False
    """Not even one pod of each with one connection a process fits."""
    least: int = field(default=0, compare=False)
    """What one pod of each and those of a rollout open, with one connection a process."""
    beside: int = 0
    """Of the budget, what is for its migration."""
    others: tuple[str, ...] = field(default=(), compare=False)
    """What the others get, each in words."""

    def with_connections(self, connections: int) -> "Share":
        """Give the share with another size of pools."""
        processes = (self.budget - self.beside) // self.connections
        return replace(self, connections=connections, budget=processes * connections + self.beside)

    @property
    def why_exceeded(self) -> str:
        """Say what does not fit, and what to change."""
        return (
            f"the database allows {self.limit} connections to all apps and their workers, and one "
            f"pod of each with those of a rollout needs {self.least}, at one a process: raise "
            "maxConnections, or lower processes, maxSurge or the concurrency of workers"
        )


def divide(sharers: Sequence[Sharer]) -> dict[str, Share]:
    """Divide the smallest limit that is named; whoever looks gets the same answer."""
    limit = min(each.limit for each in sharers)
    asked = {each.name: each for each in sharers}
    ordered = sorted(_seated(sharers, limit), key=lambda each: each.name)
    least = {each.name: min(each.replicas, 1) for each in ordered}
    # Pods that leave are not for long: for them there is no other count, but smaller pools.
    fixed = sum((each.surge + each.spare) * each.processes + each.beside for each in ordered)
    fewest = sum(each.fewest for each in ordered)
    replicas = _fill(
        least,
        {each.name: each.replicas for each in ordered},
        {each.name: each.processes for each in ordered},
        limit - fixed,
    )
    processes = {
        each.name: each.most_pods(replicas[each.name]) * each.processes for each in ordered
    }
    connections = _fill(
        {each.name: 1 for each in ordered},
        {each.name: each.connections for each in ordered},
        processes,
        limit - sum(each.beside for each in ordered),
    )
    budgets = {
        each.name: processes[each.name] * connections[each.name] + each.beside for each in ordered
    }
    return {
        each.name: Share(
            replicas=replicas[each.name],
            wanted=asked[each.name].replicas,
            connections=connections[each.name],
            budget=budgets[each.name],
            limit=limit,
            exceeded=fewest > limit or each != asked[each.name],
            least=fewest - each.fewest + asked[each.name].fewest,
            beside=each.beside,
            others=tuple(
                _words(other, replicas[other.name], budgets[other.name])
                for other in ordered
                if other is not each and budgets[other.name]
            ),
        )
        for each in ordered
    }


def _seated(sharers: Sequence[Sharer], limit: int) -> list[Sharer]:
    """Have pools without a worker ask for none where not even one pod of each fits, the largest first.

    They hold up nobody: what has pods, and the apps, go before them.
    """
    seated = {each.name: each for each in sharers}
    for each in sorted(sharers, key=lambda each: (-each.fewest, each.name)):
        waits = isinstance(each, Workers) and not each.staying and not each.leaving
        if waits and sum(other.fewest for other in seated.values()) > limit:
            seated[each.name] = replace(each, replicas=0, surge=0, spare=0)
    return list(seated.values())


def _words(of: Sharer, replicas: int, budget: int) -> str:
    if isinstance(of, Workers):
        return f"{budget} are for {counted(replicas, 'worker')} of {of.name}"
    return f"{budget} for {of.name}"


def grant(
    of: Workers, before: int, sharers: Sequence[Sharer], reports: Mapping[str, Reports | None]
) -> Grant:
    """Tell how many workers a pool may have, of whom it was told that `before` are allowed.

    More come only when everybody has given back what they need, as with the pods of an app.
    """
    shares = divide(sharers)
    share = shares[of.name]
    if share.replicas > before:
        if waiting := unready(sharers, shares, reports):
            return Grant(before, waiting)
    elif share.exceeded:
        return Grant(share.replicas, share.why_exceeded)
    if share.replicas == of.replicas:
        return Grant(share.replicas)
    why = f"the database allows {share.limit} connections, of which {'; '.join(share.others)}"
    return Grant(share.replicas, why)


def unready(
    sharers: Sequence[Sharer], shares: Mapping[str, Share], reports: Mapping[str, Reports | None]
) -> str | None:
    """Say what more pods, or pods that open more, have to wait for; None where they may come."""
    waiting = unsettled(sharers, shares, reports)
    share = next(iter(shares.values()))
    if all(each.exceeded for each in shares.values()):
        return share.why_exceeded
    if sum(each.budget for each in shares.values()) > share.limit:
        most = max(sharers, key=lambda each: each.leaving * each.processes)
        return f"pods that leave still have their connections, most of them of {most.name}"
    return waiting


def unsettled(
    sharers: Sequence[Sharer], shares: Mapping[str, Share], reports: Mapping[str, Reports | None]
) -> str | None:
    """Say who may still hold more than its share; None where nobody does.

    A pod that does not report is not waited for: it takes the config in force when it starts.
    """
    for of in sorted(sharers, key=lambda each: each.name):
        name, share, found = of.name, shares[of.name], reports.get(of.name)
        if not of.staying and not of.leaving:
            continue
        is_smaller = share.connections < of.connections
        if not found:
            if is_smaller:
                return f"the pods of {name} were not heard of yet"
            continue
        told = (each.database for each in found.configs.documents.values())
        if any(each and each.connections_per_process > share.connections for each in told):
            return f"the pools of {name} are to shrink to {share.connections}"
        behind = found.astray() if is_smaller else []
        # One that asks for less than before has all it asks for, and still to give back.
        if late := behind or _holding(found, share.connections):
            return f"pod {late[0]} of {name} still has more than {share.connections} a process"
    return None


def _holding(reports: Reports, connections: int) -> list[str]:
    return [
        pod
        for pod, beats in sorted(reports.beats.items())
        for beat in beats
        if beat.database and max(beat.database.size, beat.database.open) > connections
    ]


def _fill(
    least: Mapping[str, int], wanted: Mapping[str, int], costs: Mapping[str, int], limit: int
) -> dict[str, int]:
    """Raise counts from the least towards the wanted, as far as their costs fit.

    The lowest first: who wants little gets it in full, however much others want.
    """
    filled = dict(least)
    room = limit - sum(filled[name] * costs[name] for name in filled)
    if sum((wanted[name] - filled[name]) * costs[name] for name in filled) <= room:
        return dict(wanted)
    while open_ones := [n for n in filled if filled[n] < wanted[n] and costs[n] <= room]:
        chosen = min(open_ones, key=lambda name: filled[name])
        filled[chosen] += 1
        room -= costs[chosen]
    return filled
