"""How many workers a QueuePool gets, and why. Pure: no I/O, time is an argument.

The rule of this release: each job that waits, runs or falls due soon gets a slot at once, up to
maxReplicas; a slot is given up when no moment of the last `idle` needed it. `decide` is the
interface that any later rule keeps: (spec, seen, state) -> (decision, state).
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from osnovci_operator.queuepool.seen import PoolReading, Seen
from osnovci_operator.queuepool.spec import UNSCALED_REPLICAS, Scaling, Spec
from osnovci_operator.resource import counted, format_duration

NAME_TAKEN_RECHECK = timedelta(seconds=10)


class Reason(StrEnum):
    """Why the count is what it is; listed in docs/operations.md."""

    FIXED = "FixedReplicas"
    QUEUE_TAKEN = "QueueTaken"
    NAME_TAKEN = "NameTaken"
    BACKEND_UNREADABLE = "BackendUnreadable"
    BACKLOG = "Backlog"
    COOLING_DOWN = "CoolingDown"
    IDLE = "Idle"


class Bound(StrEnum):
    """The bound that kept the count from what the backlog asked for."""

    TOO_MANY = "TooManyReplicas"
    TOO_FEW = "TooFewReplicas"


@dataclass(frozen=True)
class Peak:
    """A moment's need that no later moment exceeded."""

    at: datetime
    replicas: int


@dataclass(frozen=True)
class ScalingState:
    """The needs of the last `idle`, as a falling staircase; its first step is their maximum."""

    peaks: tuple[Peak, ...] = ()

    def after(self, need: int, now: datetime, idle: timedelta) -> "ScalingState":
        """Add the need of this moment and forget what is older than `idle`."""
        kept = tuple(peak for peak in self.peaks if peak.replicas > need and now - peak.at < idle)
        return ScalingState((*kept, Peak(now, need)))


@dataclass(frozen=True)
class Need:
    """What the jobs of one moment ask for, whatever the bounds."""

    jobs: int
    workers: int
    oldest_wait: timedelta

    def __str__(self) -> str:
        """Write it as a sentence has it: `3 workers`."""
        return counted(self.workers, "worker")


@dataclass(frozen=True)
class Decision:
    """The count, the word for it, and the sentence with its numbers."""

    replicas: int
    reason: Reason
    message: str
    bound: Bound | None = None
    bound_message: str = ""
    recheck: timedelta | None = None
    """When to look again though nothing changed."""

    @property
    def scales(self) -> bool:
        """Whether the count follows the backlog now."""
        return self.reason in {Reason.BACKLOG, Reason.COOLING_DOWN, Reason.IDLE}

    @property
    def blocked(self) -> bool:
        """Whether nothing may be applied."""
        return self.reason in {Reason.QUEUE_TAKEN, Reason.NAME_TAKEN}


def decide(spec: Spec, seen: Seen, state: ScalingState) -> tuple[Decision, ScalingState]:
    """Decide the count: the first policy that has an answer wins; the order is behaviour."""
    for policy in POLICIES:
        if decision := policy(spec, seen):
            # What was not followed is not remembered: what runs after that counts as needed.
            return decision, ScalingState()
    assert spec.scaling
    assert isinstance(seen.reading, PoolReading)
    jobs = seen.reading.jobs(spec.paused, spec.most_active)
    need = Need(jobs, -(-jobs // spec.concurrency), seen.reading.oldest_wait)
    return _follow_backlog(spec.scaling, need, seen, state)


def queue_taken(_: Spec, seen: Seen) -> Decision | None:
    """Touch nothing while an older pool has one of the queues."""
    if not seen.taken:
        return None
    queue, owner = seen.taken[0]
    message = (
        f"queue {queue} belongs to the older pool {owner}: remove it from one of the two; "
        "until then this pool's workers stay as they are"
    )
    return Decision(_asked(seen), Reason.QUEUE_TAKEN, message)


def name_taken(_: Spec, seen: Seen) -> Decision | None:
    """Touch nothing that is another's."""
    if not seen.stranger:
        return None
    message = (
        "a Deployment of this pool's name exists and is not the pool's: "
        "rename the pool, or delete that Deployment"
    )
    # A Deployment without our label is not watched, so it is asked for again.
    return Decision(0, Reason.NAME_TAKEN, message, recheck=NAME_TAKEN_RECHECK)


def fixed(spec: Spec, _: Seen) -> Decision | None:
    """Take the count that the spec gives, whatever the backlog."""
    if spec.scaling:
        return None
    replicas = UNSCALED_REPLICAS if spec.replicas is None else spec.replicas
    how = "is not set and means" if spec.replicas is None else "fixes the count at"
    return Decision(
        replicas,
        Reason.FIXED,
        f"spec.replicas {how} {replicas}; set scaling instead to follow the backlog",
    )


def unreadable(spec: Spec, seen: Seen) -> Decision | None:
    """Hold while the backlog is not known: not observed is not zero."""
    if isinstance(seen.reading, PoolReading):
        return None
    assert spec.scaling
    held = _asked(seen) if seen.workers else spec.scaling.min_replicas
    message = f"holding {held}, since the backlog is not known: {seen.reading.message}"
    return Decision(held, Reason.BACKEND_UNREADABLE, message)


POLICIES: tuple[Callable[[Spec, Seen], Decision | None], ...] = (
    queue_taken,
    name_taken,
    fixed,
    unreadable,
)


def _follow_backlog(
    scaling: Scaling, need: Need, seen: Seen, state: ScalingState
) -> tuple[Decision, ScalingState]:
    if not state.peaks and seen.workers:
        # After a start of the operator, what runs counts as needed a moment ago.
        state = state.after(seen.workers.asked, seen.now, scaling.idle)
    state = state.after(need.workers, seen.now, scaling.idle)
    peak = state.peaks[0]
    replicas = max(scaling.min_replicas, min(peak.replicas, scaling.max_replicas))
    cools = replicas > max(need.workers, scaling.min_replicas)
    reason, message = _explain(need, scaling, peak if cools else None)
    bound, bound_message = _bound(need, replicas, scaling)
    recheck = peak.at + scaling.idle - seen.now if cools else None
    return Decision(replicas, reason, message, bound, bound_message, recheck), state


def _explain(need: Need, scaling: Scaling, peak: Peak | None) -> tuple[Reason, str]:
    if not need.jobs and not peak:
        return Reason.IDLE, f"no jobs: minReplicas {scaling.min_replicas}"
    verb = "needs" if need.jobs == 1 else "need"
    jobs = f"{counted(need.jobs, 'job')} waiting, running or due soon {verb} {need}"
    if peak:
        idle = format_duration(scaling.idle)
        was = "was" if peak.replicas == 1 else "were"
        return (
            Reason.COOLING_DOWN,
            f"{jobs}; {peak.replicas} {was} needed within the last {idle}",
        )
    return Reason.BACKLOG, f"{jobs}, between {scaling.min_replicas} and {scaling.max_replicas}"


def _bound(need: Need, replicas: int, scaling: Scaling) -> tuple[Bound | None, str]:
    if need.workers > replicas:
        late = need.oldest_wait > scaling.target_wait
        wait = (
            f"; the oldest job has waited {need.oldest_wait.total_seconds():.0f}s, "
            f"above targetWait {format_duration(scaling.target_wait)}"
        )
        message = f"the jobs need {need}, maxReplicas is {scaling.max_replicas}"
        return Bound.TOO_MANY, message + (wait if late else "")
    if need.workers < scaling.min_replicas == replicas:
        return Bound.TOO_FEW, f"the jobs need {need}, minReplicas is {replicas}"
    return None, ""


def _asked(seen: Seen) -> int:
    return seen.workers.asked if seen.workers else 0
