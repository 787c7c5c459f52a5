"""How many workers a QueuePool gets, and why. Pure: no I/O, time is an argument.

First what keeps a pool from following its backlog; then osnovci.scaling, the policy that
`osnovci simulate` and the benchmarks replay, is told what was seen, and its answer is put into the
words of docs/operations.md.
"""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import timedelta

from osnovci.app_revisions import revisions_name
from osnovci.scaling import model, policy
from osnovci.scaling.expect import expected_wait
from osnovci.scaling.explain import holding, sentence
from osnovci.scaling.model import Moment, Observation, Target, Why
from osnovci.scaling.state import State
from osnovci.words import counted
from osnovci_operator.backend import Unreadable
from osnovci_operator.pod_life import horizon
from osnovci_operator.queuepool.coming import coming
from osnovci_operator.queuepool.decision import Bound, Decision, Reason
from osnovci_operator.queuepool.figures import figures
from osnovci_operator.queuepool.floors import Lowest, lowest
from osnovci_operator.queuepool.flow import Flow
from osnovci_operator.queuepool.observed import observation
from osnovci_operator.queuepool.seen import PoolReading, Seen
from osnovci_operator.queuepool.spec import UNSCALED_REPLICAS, Scaling, ScalingMode, Spec
from osnovci_operator.resource import format_duration

NAME_TAKEN_RECHECK = timedelta(seconds=10)
GRANT_RECHECK = timedelta(seconds=1)


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


@dataclass(frozen=True)
class ScalingState:
    """What is remembered from one decision to the next; a lost one costs a hold and no worker."""

    learned: State = field(default_factory=State)
    flow: Flow = field(default_factory=Flow)
    recommended: int | None = None
    """The count that was recommended last: the next one follows on it as on one that was applied."""


def decide(spec: Spec, seen: Seen, state: ScalingState) -> tuple[Decision, ScalingState]:
    """Decide the count, within what the database allows."""
    decision, state = _decide(spec, seen, state)
    return _within_grant(spec, decision, seen), state


def _decide(spec: Spec, seen: Seen, state: ScalingState) -> tuple[Decision, ScalingState]:
    """Take the first policy that has an answer; the order is behaviour."""
    for first in POLICIES:
        if decision := first(spec, seen):
            if decision.reason is Reason.BACKEND_UNREADABLE:
                return _unseen(decision, spec, seen, state)
            # What was not followed is not remembered: what runs after that counts as needed.
            return decision, ScalingState()
    return _follow_backlog(spec, seen, state)


def _within_grant(spec: Spec, decision: Decision, seen: Seen) -> Decision:
    """Lower a count to what the database allows; nobody is removed for want of a good reading."""
    grant = seen.grant
    if not grant or decision.blocked or decision.replicas <= grant.replicas:
        return decision
    if decision.reason is Reason.RECOMMENDING and spec.replicas is None:
        return decision  # Whoever sets that count would set it again, and two would pull at it.
    allowed = max(grant.replicas, seen.asked) if decision.holds else grant.replicas
    message = f"{allowed} of {counted(decision.replicas, 'worker')}: {grant.why}"
    return replace(
        decision.adding(message),
        replicas=min(allowed, decision.replicas),
        bound=Bound.DATABASE,
        bound_message=message,
        recheck=GRANT_RECHECK,
        expected_wait=None,  # It was of the workers that do not come.
    )


def queue_taken(_: Spec, seen: Seen) -> Decision | None:
    """Touch nothing while an older pool has one of the queues."""
    if not seen.taken:
        return None
    queue, owner = seen.taken[0]
    message = (
        f"queue {queue} belongs to the older pool {owner}: remove it from one of the two; "
        "until then this pool's workers stay as they are"
    )
    return Decision(seen.asked, Reason.QUEUE_TAKEN, message)


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


def app_missing(spec: Spec, seen: Seen) -> Decision | None:
    """Touch nothing while it is not known what the workers are to run."""
    if not spec.app_ref or (seen.app and seen.app.pod):
        return None
    name = spec.app_ref.name
    if not seen.app:
        message = f"there is no OsnovciApp {name}: make it, or correct appRef"
        reason = Reason.APP_NOT_FOUND
    else:
        message = f"no revision of OsnovciApp {name} was good yet: see its conditions"
        if seen.app.refused:
            kept = f"ConfigMap {revisions_name(name)}"
            message = f"{kept} is not as the operator left it: {'; '.join(seen.app.refused)}"
        reason = Reason.APP_NOT_GOOD
    return Decision(seen.asked, reason, f"{message}; until then the workers stay as they are")


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
    held = _own(spec, spec.scaling, seen)
    message = f"holding {held}, since the backlog is not known: {seen.reading.message}"
    return Decision(held, Reason.BACKEND_UNREADABLE, message)


POLICIES: tuple[Callable[[Spec, Seen], Decision | None], ...] = (
    queue_taken,
    name_taken,
    app_missing,
    fixed,
    unreadable,
)


def _unseen(
    held: Decision, spec: Spec, seen: Seen, state: ScalingState
) -> tuple[Decision, ScalingState]:
    """Hold, but for a worker that the policy adds because nobody sees the queue that needs it."""
    assert spec.scaling
    assert isinstance(seen.reading, Unreadable)
    # A floor that begins meanwhile waits for a reading: it is no part of what was seen last.
    target = _target(spec, spec.scaling, 0)
    answer, learned = policy.decide(
        Moment(seen.now.timestamp(), held.replicas, None), target, state.learned
    )
    state = replace(state, learned=learned)
    if spec.scaling.mode is ScalingMode.RECOMMEND:
        return held, state
    recheck = None if answer.recheck is None else timedelta(seconds=answer.recheck)
    if not answer.added:
        return replace(held, recheck=recheck), state
    message = f"{holding(answer)}, since the backlog is not known: {seen.reading.message}"
    return replace(held, replicas=answer.replicas, message=message, recheck=recheck), state


def _follow_backlog(spec: Spec, seen: Seen, state: ScalingState) -> tuple[Decision, ScalingState]:
    assert spec.scaling
    assert isinstance(seen.reading, PoolReading)
    ahead = horizon(seen.pods.startup)
    soon = coming(spec.schedules, seen.schedules or (), seen.now, ahead)
    within = spec.scaling.target_wait + ahead
    queues = seen.reading.runnable(spec.queues, within, soon.jobs)
    flow = state.flow.after(queues)
    observed = observation(queues, flow, seen, seen.reading.draining)
    least = lowest(spec.scaling.min_replicas, spec.scaling.floors, seen.now, ahead)
    target = _target(spec, spec.scaling, least.replicas)
    recommends = spec.scaling.mode is ScalingMode.RECOMMEND
    told = state.recommended if recommends else None
    before = seen.asked if told is None else told
    moment = Moment(seen.now.timestamp(), before, observed)
    answer, learned = policy.decide(moment, target, state.learned)
    bound, bound_message = _bound(answer, observed.oldest_wait, spec.scaling, least)
    reason, message = _why(answer, target, least)
    again = None if answer.recheck is None else timedelta(seconds=answer.recheck)
    decision = Decision(
        answer.replicas,
        reason,
        message + seen.reading.kept_back(spec.paused),
        bound,
        bound_message,
        min((each for each in (again, least.recheck, soon.recheck) if each), default=None),
        figures=figures(observed, answer, target),
    )
    if recommends:
        decision = _recommending(decision, spec, spec.scaling, seen)
    # The first job of a pool without workers brings one, unless the count is only told.
    workers = decision.replicas if recommends else max(decision.replicas, 1)
    decision = replace(decision, expected_wait=_expected_wait(observed, answer, workers, target))
    return decision, ScalingState(learned, flow, answer.replicas if recommends else None)


def _recommending(decision: Decision, spec: Spec, scaling: Scaling, seen: Seen) -> Decision:
    """Tell what would be, and leave the count as it is."""
    own = _own(spec, scaling, seen)
    kept = f"the count stays {own}" if spec.replicas is None else f"replicas says {own}"
    would = f"would run {counted(decision.replicas, 'worker')}: {decision.message}; {kept}"
    return replace(
        decision,
        replicas=own,
        reason=Reason.RECOMMENDING,
        message=would,
        recommended=decision.replicas,
    )


def _own(spec: Spec, scaling: Scaling, seen: Seen) -> int:
    """Give the count that a pool has before anything is decided."""
    if spec.replicas is not None:
        return spec.replicas
    return seen.workers.asked if seen.workers else scaling.min_replicas


def _target(spec: Spec, scaling: Scaling, least: int) -> Target:
    return Target(
        wait=scaling.target_wait.total_seconds(),
        minimum=least,
        maximum=scaling.max_replicas,
        slots=spec.concurrency,
        idle=scaling.idle.total_seconds(),
    )


def _expected_wait(
    observed: Observation, answer: model.Decision, workers: int, target: Target
) -> timedelta | None:
    if not answer.needs:
        return None
    seconds = expected_wait(observed, answer.needs, workers, target.slots)
    return None if seconds is None else timedelta(seconds=seconds)


def _why(answer: model.Decision, target: Target, least: Lowest) -> tuple[Reason, str]:
    """Say what the count follows: the jobs, or a floor that asks for more."""
    reason, message = REASONS[answer.why], sentence(answer, target)
    needs = answer.needs
    if least.is_floor and needs and needs.most < least.replicas == answer.replicas:
        need = f"the jobs need {counted(needs.most, 'worker')}" if needs.most else "no jobs"
        reason, message = Reason.FLOOR, f"{least.message}; {need}"
    return reason, "; ".join((message, *least.left_out))


def _bound(
    answer: model.Decision, oldest_wait: float, scaling: Scaling, least: Lowest
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
    if most < least.replicas == answer.replicas:
        return Bound.TOO_FEW, f"the jobs need {need}, {least.message}"
    return None, ""
