"""Which workers drain before the count is lowered, and by how much it may be lowered now. Pure.

Each step follows from what is seen, so whoever leads can take the next one: a worker is asked, in
Redis; it confirms in its heartbeat; its pod is marked as the first to go; when the mark is seen, the
count is lowered. Kubernetes then ends the pods that are not ready, and of the others those marked.
"""

from dataclasses import dataclass, field
from datetime import timedelta

from osnovci.contract import DrainRequest
from osnovci.words import counted
from osnovci_operator.queuepool.crew import ANSWER_MS, Crew, Worker
from osnovci_operator.resource import format_duration

AGAIN = timedelta(seconds=1)
"""While workers drain they are looked at so often: to renew the requests, and to choose better."""


@dataclass(frozen=True)
class Plan:
    """What to do about the workers, so that there are as many as was decided."""

    replicas: int
    """What the Deployment may be set to now."""
    requests: dict[str, DrainRequest] = field(default_factory=dict[str, DrainRequest])
    """The requests that are to stand, by pod, and to be renewed."""
    withdrawn: frozenset[str] = frozenset()
    """Pods that take jobs again."""
    marked: frozenset[str] = frozenset()
    """Pods that Kubernetes is to end first from now on."""
    unmarked: frozenset[str] = frozenset()
    """Pods that it is to treat as the others again."""
    note: str = ""
    """What is begun or withdrawn, for the event of the decision."""
    message: str = ""
    """How far those are that drain, for the condition."""

    @property
    def recheck(self) -> timedelta | None:
        """When to look again though nothing changed."""
        return AGAIN if self.requests else None


def plan(crew: Crew, count: int, bound: timedelta, *, holds: bool = False) -> Plan:
    """Plan the way to `count` workers, each of which drains within `bound`, or is asked again.

    While a decision `holds` for want of a good reading, nobody is removed.
    """
    surplus = max(crew.asked - count - crew.missing, 0) + crew.released
    chosen = sorted(crew.workers, key=lambda each: _cost(each, crew.at_ms))[:surplus]
    requests = {each.pod: _request(each, crew.at_ms, bound) for each in chosen}
    withdrawn = crew.draining - requests.keys()
    drained = [each for each in chosen if each.drained(crew.at_ms)]
    unmarked = frozenset(
        each.pod for each in crew.workers if each.first_to_go and each.pod not in requests
    )
    in_the_way = _in_the_way(crew)
    room = 0 if unmarked or in_the_way else sum(each.first_to_go for each in drained)
    removed = 0 if holds else crew.missing + max(room - crew.released, 0)
    return Plan(
        replicas=max(count, crew.asked - removed),
        requests=requests,
        withdrawn=withdrawn,
        marked=frozenset(each.pod for each in drained if not each.first_to_go),
        unmarked=unmarked,
        note=_note(chosen, withdrawn),
        message=_message(chosen, crew, bound, in_the_way),
    )


def _cost(worker: Worker, at_ms: int) -> tuple[bool | int | str, ...]:
    """Rank by what a removal costs: first what costs nothing, last what nobody knows."""
    lately = worker.request is not None and at_ms - worker.request.asked_ms < ANSWER_MS
    return (
        not (worker.settled or worker.drained(at_ms)),
        not lately,
        worker.rolled,
        not worker.known,
        worker.busy,
        worker.silent(at_ms),
        worker.ready,
        worker.request is None,
        worker.pod,
    )


def _request(worker: Worker, at_ms: int, bound: timedelta) -> DrainRequest:
    request = worker.request
    if request is None:
        return DrainRequest(asked_ms=at_ms)
    waited = timedelta(milliseconds=at_ms - request.asked_ms)
    if waited > bound and not worker.drained(at_ms):
        return DrainRequest(asked_ms=at_ms, times=request.times + 1)
    return request


def _in_the_way(crew: Crew) -> Worker | None:
    """Find a worker that Kubernetes would end before those marked: it lives and is not ready."""
    return next(
        (
            each
            for each in crew.workers
            if each.beat and not each.ready and not each.drained(crew.at_ms)
        ),
        None,
    )


def _note(chosen: list[Worker], withdrawn: frozenset[str]) -> str:
    begun = [each for each in chosen if each.request is None]
    kinds = {
        "idle": sum(not each.busy and each.beat is not None for each in begun),
        "busy": sum(each.busy > 0 for each in begun),
        "starting": sum(each.beat is None for each in begun),
    }
    said = " and ".join(f"{number} {kind}" for kind, number in kinds.items() if number)
    if said:
        return f"{said} {'worker drains' if len(begun) == 1 else 'workers drain'}"
    if withdrawn:
        verb = "takes" if len(withdrawn) == 1 else "take"
        return f"{counted(len(withdrawn), 'worker')} that drained {verb} jobs again"
    return ""


def _message(chosen: list[Worker], crew: Crew, bound: timedelta, in_the_way: Worker | None) -> str:
    if not chosen:
        return ""
    left = sum(not each.drained(crew.at_ms) for each in chosen)
    said = f"{counted(len(chosen), 'worker')} to drain, {left} not yet done"
    late = next((each for each in chosen if each.request and each.request.times > 1), None)
    if late and late.request:
        said += (
            f"; {late.pod} did not drain within {format_duration(bound)}, asked "
            f"{late.request.times} times"
        )
    if in_the_way:
        said += f"; none is removed before {in_the_way.pod}, which is not ready, becomes so"
    return said
