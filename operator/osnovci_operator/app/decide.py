"""How many pods an OsnovciApp gets, and why. Pure: no I/O, time is an argument."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from enum import StrEnum

from osnovci.words import counted
from osnovci_operator.app.budget import Share, Sharer, divide, unready, unsettled
from osnovci_operator.app.migration import State
from osnovci_operator.app.reports import Reports
from osnovci_operator.app.rollout import migrated
from osnovci_operator.app.scaling import STABLE, Load, ScalingState, need
from osnovci_operator.app.seen import Pace, Seen
from osnovci_operator.app.spec import UNSCALED_REPLICAS, Scaling, Spec
from osnovci_operator.backend import Unreadable
from osnovci_operator.labels import release_of
from osnovci_operator.resource import format_duration


class Reason(StrEnum):
    """Why the count is what it is; listed in docs/operations.md."""

    FIXED = "FixedReplicas"
    CAPPED = "ReplicasCapped"
    POOLS_SHRINKING = "PoolsShrinking"
    BUDGET_TOO_SMALL = "BudgetTooSmall"
    BACKEND_UNREADABLE = "BackendUnreadable"
    NOT_REPORTED = "NotReported"
    IN_FLIGHT = "RequestsInFlight"
    CPU = "CpuUse"
    MEMORY = "MemoryUse"
    COOLING_DOWN = "CoolingDown"


SHRINKS_WITHIN = timedelta(seconds=1)
"""What the pods of another app report wakes that one alone."""

MIGRATION = 1
"""The connections of a migration: one runs at a time, and is told to open one."""

FOLLOWING = frozenset({Reason.IN_FLIGHT, Reason.CPU, Reason.MEMORY, Reason.COOLING_DOWN})
"""The count follows the load."""


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
    holds: str = ""
    """What another revision, or more pods of a rollout, wait for; empty where they need not."""

    @property
    def scales(self) -> bool:
        """Whether the count follows the load now."""
        return self.reason in FOLLOWING


def decide(name: str, spec: Spec, seen: Seen, state: ScalingState) -> tuple[Decision, ScalingState]:
    """Decide the count: the first policy that has an answer wins; the order is behaviour."""
    found = next((decision for policy in POLICIES if (decision := policy(spec, seen))), None)
    if not found:
        found, state = _follow_load(spec, seen, state)
    found = replace(found, wanted=found.replicas)
    if not spec.database:
        return found, state
    mine = sharer(name, spec, found.wanted, seen.pods, seen.processes)
    return _within_budget(mine, found, seen, opens_more=_opens_more(spec, seen)), state


def sharer(name: str, spec: Spec, wanted: int, pods: tuple[int, int], processes: int = 0) -> Sharer:
    """Give what an app would like to have of the database.

    `pods` are those that stay and leave, and `processes` the most that one of them has: until the
    last pod of more processes has gone, each pod counts as one of them.
    """
    assert spec.database
    return Sharer(
        name=name,
        replicas=wanted,
        surge=spec.rollout.max_surge,
        spare=spec.rollout.max_surge + spec.rollout.max_unavailable,
        staying=pods[0],
        leaving=pods[1],
        processes=max(spec.processes, processes),
        connections=spec.database.connections_per_process,
        limit=spec.database.max_connections - spec.database.reserved_connections,
        beside=MIGRATION if spec.migration else 0,
    )


def _opens_more(spec: Spec, seen: Seen) -> bool:
    """Whether a pod or a rollout of the spec may open more than one of the Deployment."""
    deployed = seen.deployed
    migrates = seen.migration and seen.migration.state is State.ABSENT
    # Its connection has a place of its own, which an app that migrated before has kept ever since.
    if migrates and not (deployed and migrated(deployed.notes)):
        return True
    if not deployed:
        return False
    standing = seen.standing.get(release_of(deployed.template["metadata"]))
    had_database = bool(standing and standing.database)
    pace = Pace(spec.rollout.max_surge, spec.rollout.max_unavailable)
    return (
        not had_database or spec.processes > deployed.processes or pace.extra > deployed.pace.extra
    )


def _within_budget(mine: Sharer, decision: Decision, seen: Seen, *, opens_more: bool) -> Decision:
    """Lower the count to what the database allows, and give more only when pools have shrunk."""
    others = [each.sharer for each in seen.neighbours]
    shares = divide([mine, *others])
    reports = {each.sharer.name: each.reports for each in seen.neighbours}
    reports[mine.name] = seen.reports if isinstance(seen.reports, Reports) else None
    share, told = shares[mine.name], _told(mine, seen)
    if share.connections > told and unsettled(others, shares, reports):
        share = share.with_connections(told)
    # What serves stays, where nothing fits: a pool that nobody has room for ends no pod.
    replicas = decision.wanted if share.exceeded else share.replicas
    decision = replace(decision, share=share, replicas=replicas)
    if replicas < decision.wanted:
        message = (
            f"{share.replicas} of {counted(decision.wanted, 'pod')}: the database allows "
            f"{share.limit} connections to all apps, and each pod needs one a process"
            + "".join(f"; {each}" for each in share.others)
        )
        decision = replace(decision, reason=Reason.CAPPED, message=message)
    asked = seen.deployed.asked if seen.deployed else 0
    if decision.replicas <= asked and not opens_more:
        return decision
    waiting = unready([mine, *others], shares, reports)
    reason = Reason.BUDGET_TOO_SMALL if share.exceeded else Reason.POOLS_SHRINKING
    if not waiting:
        return decision
    decision = replace(decision, holds=waiting if opens_more else "", recheck=SHRINKS_WITHIN)
    if decision.replicas > asked:
        message = f"holding {asked} of {counted(decision.replicas, 'pod')}: {waiting}"
        decision = replace(decision, replicas=asked, reason=reason, message=message)
    return decision


def _told(mine: Sharer, seen: Seen) -> int:
    """Give the connections that a process may open by the config in force, if there is any pod."""
    if not mine.staying and not mine.leaving:
        return mine.connections
    told = seen.reports.configs.documents if isinstance(seen.reports, Reports) else seen.standing
    sizes = (each.database.connections_per_process for each in told.values() if each.database)
    return max(sizes, default=1)


def fixed(spec: Spec, _: Seen) -> Decision | None:
    """Take the count that the spec gives, whatever the load."""
    if spec.scaling:
        return None
    replicas = UNSCALED_REPLICAS if spec.replicas is None else spec.replicas
    how = "is not set and means" if spec.replicas is None else "fixes the count at"
    return Decision(replicas, Reason.FIXED, f"spec.replicas {how} {replicas}")


def unknown(spec: Spec, seen: Seen) -> Decision | None:
    """Hold while the load is not known: not observed is not zero."""
    assert spec.scaling
    held = _held(spec.scaling, seen)
    holding = f"holding {counted(held, 'pod')}, since the load is not known"
    if isinstance(seen.reports, Unreadable):
        message = f"{holding}: {seen.reports.message}"
        return Decision(held, Reason.BACKEND_UNREADABLE, message)
    if not seen.reports or not seen.reports.of(seen.ready_pods):
        message = f"{holding}: no ready pod has reported; one does by `osnovci serve`"
        return Decision(held, Reason.NOT_REPORTED, message)
    return None


POLICIES: tuple[Callable[[Spec, Seen], Decision | None], ...] = (fixed, unknown)


def _follow_load(spec: Spec, seen: Seen, state: ScalingState) -> tuple[Decision, ScalingState]:
    scaling, now = spec.scaling, seen.now
    assert scaling
    assert isinstance(seen.reports, Reports)
    load = Load.of(now, seen.reports, seen.ready_pods)
    held = _held(scaling, seen)
    state = state.after(load)
    if not state.needed:  # Nothing is remembered: what runs counts as needed until now.
        state = state.needing(now, held)
    asked = need(scaling, state.loads)
    # A pod that is silent may have any load: none goes while there is one.
    pods = max(asked.pods, held) if load.silent else asked.pods
    state = state.needing(now, pods)
    bounded = min(max(pods, scaling.min_replicas), scaling.max_replicas)
    message = f"{counted(asked.pods, 'pod')} needed: {asked.message}"
    if pods > scaling.max_replicas:
        message += f"; maxReplicas is {scaling.max_replicas}"
    elif asked.pods < scaling.min_replicas:
        message += f"; minReplicas is {scaling.min_replicas}"
    since, most = state.needed[0]
    kept = min(most, held)
    if kept > bounded:
        left = since + STABLE - now
        message += f"; {most} were within the last {format_duration(STABLE)}"
        return Decision(kept, Reason.COOLING_DOWN, message, recheck=left), state
    return Decision(bounded, Reason(asked.measure), message), state


def _held(scaling: Scaling, seen: Seen) -> int:
    asked = seen.deployed.asked if seen.deployed else 0
    return min(max(asked, scaling.min_replicas), scaling.max_replicas)
