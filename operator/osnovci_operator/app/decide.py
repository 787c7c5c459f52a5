"""How many pods an OsnovciApp gets, and why. Pure: no I/O, time is an argument."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

from osnovci.words import counted
from osnovci_operator.app.budget import Share, Sharer, divide, extra_pods, unsettled
from osnovci_operator.app.reports import Reports
from osnovci_operator.app.seen import Seen
from osnovci_operator.app.spec import UNSCALED_REPLICAS, Spec

NAME_TAKEN_RECHECK = timedelta(seconds=10)


class Reason(StrEnum):
    """Why the count is what it is; listed in docs/operations.md."""

    FIXED = "FixedReplicas"
    NAME_TAKEN = "NameTaken"
    CAPPED = "ReplicasCapped"
    POOLS_SHRINKING = "PoolsShrinking"


@dataclass(frozen=True)
class Decision:
    """The count, the word for it, and the sentence with its numbers."""

    replicas: int
    reason: Reason
    message: str
    recheck: timedelta | None = None
    """When to look again though nothing changed."""
    wanted: int = 0
    """The count if the database allowed it."""
    share: Share | None = None
    """What the app gets of the database; None: it has none."""

    @property
    def scales(self) -> bool:
        """Whether the count follows the load now."""
        return False

    @property
    def blocked(self) -> bool:
        """Whether nothing may be applied."""
        return self.reason is Reason.NAME_TAKEN


def decide(name: str, spec: Spec, seen: Seen) -> Decision:
    """Decide the count: the first policy that has an answer wins; the order is behaviour."""
    found = next(decision for policy in POLICIES if (decision := policy(spec, seen)))
    found = replace(found, wanted=found.replicas)
    if found.blocked or not spec.database:
        return found
    return _within_budget(sharer(name, spec, found.wanted, seen.pods), found, seen)


def sharer(name: str, spec: Spec, wanted: int, existing: int) -> Sharer:
    """Give what an app would like to have of the database."""
    assert spec.database
    return Sharer(
        name=name,
        replicas=wanted,
        extra=extra_pods(spec.rollout.max_surge, spec.rollout.max_unavailable),
        existing=existing,
        processes=spec.processes,
        connections=spec.database.connections_per_process,
        limit=spec.database.max_connections - spec.database.reserved_connections,
    )


def _within_budget(mine: Sharer, decision: Decision, seen: Seen) -> Decision:
    """Lower the count to what the database allows, and raise it only when pools have shrunk."""
    shares = divide([mine, *(each.sharer for each in seen.neighbours)])
    share = shares[mine.name]
    decision = replace(decision, share=share, replicas=share.replicas)
    if share.replicas < decision.wanted:
        message = (
            f"{share.replicas} of {counted(decision.wanted, 'pod')}: the database allows "
            f"{share.limit} connections to all apps, and each pod needs one a process"
        )
        decision = replace(decision, reason=Reason.CAPPED, message=message)
    asked = seen.deployed.asked if seen.deployed else 0
    if decision.replicas <= asked or not seen.pods:
        return decision
    reports = {each.sharer.name: each.reports for each in seen.neighbours}
    reports[mine.name] = seen.reports if isinstance(seen.reports, Reports) else None
    wishes = {mine.name: mine, **{each.sharer.name: each.sharer for each in seen.neighbours}}
    smaller = {
        name: each
        for name, each in shares.items()
        if each.connections < wishes[name].connections and wishes[name].existing
    }
    if waiting := unsettled(smaller, reports):
        message = f"holding {asked} of {counted(decision.replicas, 'pod')}: {waiting}"
        return replace(decision, replicas=asked, reason=Reason.POOLS_SHRINKING, message=message)
    return decision


def name_taken(_: Spec, seen: Seen) -> Decision | None:
    """Touch nothing that is another's."""
    if not seen.strangers:
        return None
    message = (
        f"{seen.strangers[0]} exists and is not the app's: rename the app, or delete that object"
    )
    # What does not carry our label is not watched, so it is asked for again.
    return Decision(0, Reason.NAME_TAKEN, message, recheck=NAME_TAKEN_RECHECK)


def fixed(spec: Spec, _: Seen) -> Decision | None:
    """Take the count that the spec gives."""
    replicas = UNSCALED_REPLICAS if spec.replicas is None else spec.replicas
    how = "is not set and means" if spec.replicas is None else "fixes the count at"
    return Decision(replicas, Reason.FIXED, f"spec.replicas {how} {replicas}")


POLICIES: tuple[Callable[[Spec, Seen], Decision | None], ...] = (name_taken, fixed)
