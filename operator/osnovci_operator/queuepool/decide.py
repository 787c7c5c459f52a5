"""How many workers a QueuePool gets, and why. Pure: no I/O, time is an argument.

First what keeps a pool from following its backlog; then osnovci.scaling, the policy that
`osnovci simulate` and the benchmarks replay, is told what was seen, and its answer is put into the
words of docs/operations.md.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum

from osnovci.scaling import model, policy
from osnovci.scaling.explain import sentence
from osnovci.scaling.model import Moment, Observation, Target, Why
from osnovci.scaling.state import State, blinded
from osnovci.words import counted
from osnovci_operator.pod_life import horizon
from osnovci_operator.queuepool.flow import Flow, Runnable
from osnovci_operator.queuepool.seen import PoolReading, Seen
from osnovci_operator.queuepool.spec import UNSCALED_REPLICAS, Scaling, Spec
from osnovci_operator.resource import format_duration

NAME_TAKEN_RECHECK = timedelta(seconds=10)


class Reason(StrEnum):
    """Why the count is what it is; listed in docs/operations.md."""

    FIXED = "FixedReplicas"
    QUEUE_TAKEN = "QueueTaken"
    NAME_TAKEN = "NameTaken"
    BACKEND_UNREADABLE = "BackendUnreadable"
    JOBS_VANISHED = "JobsVanished"
    BACKLOG = "Backlog"
    ARRIVAL_RATE = "ArrivalRate"
    JOBS_RUNNING = "JobsRunning"
    BURST_EXPECTED = "BurstExpected"
    COOLING_DOWN = "CoolingDown"
    IDLE = "Idle"


HELD = frozenset(
    {
        Reason.FIXED,
        Reason.QUEUE_TAKEN,
        Reason.NAME_TAKEN,
        Reason.BACKEND_UNREADABLE,
        Reason.JOBS_VANISHED,
    }
)
"""The count does not follow the backlog."""

REASONS = {
    Why.BACKLOG: Reason.BACKLOG,
    Why.RATE: Reason.ARRIVAL_RATE,
    Why.BUSY: Reason.JOBS_RUNNING,
    Why.SCHEDULE: Reason.BURST_EXPECTED,
    Why.HOLDING: Reason.COOLING_DOWN,
    Why.IDLE: Reason.IDLE,
    Why.UNAVAILABLE: Reason.BACKEND_UNREADABLE,
    Why.IMPLAUSIBLE: Reason.JOBS_VANISHED,
}


class Bound(StrEnum):
    """The bound that kept the count from what the backlog asked for."""

    TOO_MANY = "TooManyReplicas"
    TOO_FEW = "TooFewReplicas"


@dataclass(frozen=True)
class ScalingState:
    """What is remembered from one decision to the next; a lost one costs a hold and no worker."""

    learned: State = field(default_factory=State)
    flow: Flow = field(default_factory=Flow)


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
        return self.reason not in HELD

    @property
    def blocked(self) -> bool:
        """Whether nothing may be applied."""
        return self.reason in {Reason.QUEUE_TAKEN, Reason.NAME_TAKEN}


def decide(spec: Spec, seen: Seen, state: ScalingState) -> tuple[Decision, ScalingState]:
    """Decide the count: the first policy that has an answer wins; the order is behaviour."""
    for first in POLICIES:
        if decision := first(spec, seen):
            if decision.reason is Reason.BACKEND_UNREADABLE:
                learned = blinded(state.learned, seen.now.timestamp())
                return decision, replace(state, learned=learned)
            # What was not followed is not remembered: what runs after that counts as needed.
            return decision, ScalingState()
    return _follow_backlog(spec, seen, state)


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


def _follow_backlog(spec: Spec, seen: Seen, state: ScalingState) -> tuple[Decision, ScalingState]:
    assert spec.scaling
    assert isinstance(seen.reading, PoolReading)
    within = spec.scaling.target_wait + horizon(seen.pods.startup)
    queues = seen.reading.runnable(spec.queues, within)
    flow = state.flow.after(queues)
    observed = _observation(queues, flow, seen, seen.reading.draining)
    target = _target(spec, spec.scaling)
    moment = Moment(seen.now.timestamp(), _asked(seen), observed)
    answer, learned = policy.decide(moment, target, state.learned)
    bound, bound_message = _bound(answer, observed.oldest_wait, spec.scaling)
    decision = Decision(
        answer.replicas,
        REASONS[answer.why],
        sentence(answer, target) + seen.reading.kept_back(spec.paused),
        bound,
        bound_message,
        None if answer.recheck is None else timedelta(seconds=answer.recheck),
    )
    return decision, ScalingState(learned, flow)


def _target(spec: Spec, scaling: Scaling) -> Target:
    return Target(
        wait=scaling.target_wait.total_seconds(),
        minimum=scaling.min_replicas,
        maximum=scaling.max_replicas,
        slots=spec.concurrency,
        idle=scaling.idle.total_seconds(),
    )


def _observation(
    queues: tuple[Runnable, ...], flow: Flow, seen: Seen, draining: int
) -> Observation:
    active = sum(queue.active for queue in queues)
    pods, asked = seen.pods, _asked(seen)
    # More than was asked for are about to leave; of those that lack, the Deployment makes others.
    ready = min(pods.ready, asked)
    ages = [
        0.0 if created is None else max((seen.now - created).total_seconds(), 0.0)
        for created in pods.starting[: asked - ready]
    ]
    ages += [0.0] * (asked - ready - len(ages))
    return Observation(
        waiting=sum(queue.waiting for queue in queues),
        active=active,
        arrivals=flow.arrivals,
        completions=flow.departures,
        oldest_wait=max((queue.oldest_wait for queue in queues), default=0.0),
        ready=ready,
        starting=tuple(ages),
        draining_active=min(draining, active),
        startup=None if pods.startup is None else pods.startup.total_seconds(),
        due=sum(queue.due for queue in queues),
        due_within=horizon(pods.startup).total_seconds(),
        withdrawn=flow.withdrawn,
    )


def _bound(
    answer: model.Decision, oldest_wait: float, scaling: Scaling
) -> tuple[Bound | None, str]:
    if not answer.needs:
        return None, ""
    most = answer.needs.most
    need = counted(most, "worker")
    if most > scaling.max_replicas:
        target = format_duration(scaling.target_wait)
        wait = f"; the oldest job has waited {oldest_wait:.0f}s, above targetWait {target}"
        message = (
            f"the jobs need {need} to start within {target}, maxReplicas is {scaling.max_replicas}"
        )
        late = oldest_wait > scaling.target_wait.total_seconds()
        return Bound.TOO_MANY, message + (wait if late else "")
    if most < scaling.min_replicas == answer.replicas:
        return Bound.TOO_FEW, f"the jobs need {need}, minReplicas is {answer.replicas}"
    return None, ""


def _asked(seen: Seen) -> int:
    return seen.workers.asked if seen.workers else 0
