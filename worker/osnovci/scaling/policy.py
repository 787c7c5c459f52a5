"""How many workers a pool gets: `decide(moment, target, state) -> (decision, state)`. Pure.

Up at once, to the final size. Down only when the count exceeded every need of a while, and never
within `Tuning.dwell` of the last change, so that in any time t there are at most 1 + t / dwell
such decreases, and as many turns from up to down. Apart from that the count falls to the minimum
when there was nothing to do for `Target.idle`, at most t / idle times. What was not observed, or
cannot be, holds; and a worker that lacked for the load last seen is added, since the queue that was
to show when it is needed is not seen.
"""

import math
from dataclasses import replace

from osnovci.scaling import staffing
from osnovci.scaling.backlog import for_backlog
from osnovci.scaling.bursts import for_burst, until_burst
from osnovci.scaling.model import Decision, Moment, Needs, Observation, Target, Tuning, Why
from osnovci.scaling.plan import Plan
from osnovci.scaling.state import (
    State,
    blind,
    blinded,
    learn,
    rested,
    set_back,
    sighted,
    vanished,
)

TUNED = Tuning()
AGAIN = 1.0
"""Seconds after which to look again though nothing changed, while there is something to do."""


def decide(
    moment: Moment, target: Target, state: State, tuning: Tuning = TUNED
) -> tuple[Decision, State]:
    """Decide how many workers there should be."""
    seen, now, workers = moment.seen, moment.now, moment.workers
    if set_back(state, now):
        state = State()
    if seen is None:
        return _hold(Why.UNAVAILABLE, moment, target, state), blinded(state, now)
    state = rested(state, now, tuning)
    missing = vanished(state, seen)
    if missing:
        since = now if state.doubted_since is None else state.doubted_since
        if now - since < tuning.implausible:
            held = _hold(Why.IMPLAUSIBLE, moment, target, state, missing)
            return held, replace(blinded(state, now), doubted_since=since)
    begins = state.at is None
    state = learn(sighted(state, now), seen, now, tuning)
    if begins:
        # What runs counts as needed a moment ago, so that a lost state costs no worker.
        state = replace(state, steady=state.steady.after(workers, now, 0), changed_at=now)
    plan = _plan(seen, target, state, tuning)
    needs = _needs(seen, state, now, plan)
    state = _remember_needs(state, needs, now, plan)
    return _follow(needs, workers, now, plan, state)


def _hold(why: Why, moment: Moment, target: Target, state: State, missing: int = 0) -> Decision:
    held, carrying = _clamp(moment.workers, target), _clamp(state.carrying, target)
    added = max(carrying - held, 0)
    if added and not blind(state, moment.now):
        return Decision(held, why, vanished=missing, recheck=AGAIN)
    recheck = AGAIN if missing else None
    return Decision(held + added, why, vanished=missing, added=added, recheck=recheck)


def _clamp(workers: int, target: Target) -> int:
    return max(target.minimum, min(workers, target.maximum))


def _plan(seen: Observation, target: Target, state: State, tuning: Tuning) -> Plan:
    service = state.services.mean(target.wait)
    startup = tuning.startup_prior if seen.startup is None else seen.startup
    return Plan(
        rate=state.arrivals.rate(tuning),
        service=service,
        service_lately=state.services.lately(service, target.wait, tuning),
        startup=startup,
        startup_mean=startup if seen.startup_mean is None else seen.startup_mean,
        measured=seen.startup is not None,
        target=target,
        tuning=tuning,
    )


def _needs(seen: Observation, state: State, now: float, plan: Plan) -> Needs:
    target = plan.target
    active = max(seen.active - seen.draining_active, 0)
    known = not state.arrivals.single(plan.tuning)
    # Where a cold start fits, a rate that rises shows as a queue in time: what chance does moves nobody.
    rate = min(plan.rate, state.arrivals.slow) if plan.cold_fits else plan.rate
    load = staffing.offered_load(active, rate if known else 0.0, plan.service, plan.startup)
    quiet = _idled(state, now, target) or _quiet(state, now, plan)
    return Needs(
        rate=0 if quiet else staffing.for_rate(load, plan, headroom=known),
        busy=math.ceil(min(active, seen.ready * target.slots) / target.slots),
        backlog=for_backlog(seen, state.waiting, now, plan),
        schedule=for_burst(state.bursts, now, plan),
        arrivals=rate,
        offered=load,
        service=plan.service,
        service_lately=plan.service_lately,
        startup=plan.startup,
    )


def _remember_needs(state: State, needs: Needs, now: float, plan: Plan) -> State:
    """Keep a need as long as it costs to keep a worker instead of starting one again.

    Longer where a start is too slow, unless it is known when the workers are needed next. Where it
    fits, jobs that ran keep nobody: those that come can wait for a start.
    """
    tuning = plan.tuning
    hold = tuning.hold_warm if state.bursts.sure(now) else plan.hold
    may_lack = plan.roomy and needs.rate > 0
    return replace(
        state,
        carrying=staffing.carrying(needs.offered, plan.target.slots) if may_lack else 0,
        steady=state.steady.after(
            needs.rate if plan.cold_fits else max(needs.rate, needs.busy),
            now,
            _bounded(plan.startup * hold, tuning),
        ),
        queued=state.queued.after(
            max(needs.backlog, needs.schedule),
            now,
            _bounded(
                plan.startup * (tuning.hold_roomy if plan.roomy else tuning.hold_backlog), tuning
            ),
        ),
    )


def _bounded(seconds: float, tuning: Tuning) -> float:
    return max(tuning.hold_least, min(seconds, tuning.hold_most))


def _idled(state: State, now: float, target: Target) -> bool:
    """Tell whether there was nothing to do for long enough."""
    return state.nothing_since is not None and now - state.nothing_since >= target.idle


def _quiet(state: State, now: float, plan: Plan) -> bool:
    """Tell whether a rate is over: to start again costs no more than to idle on, and is in time."""
    if not plan.cold_fits or state.nothing_since is None:
        return False
    return now - state.nothing_since >= plan.tuning.quiet * _bounded(plan.startup, plan.tuning)


def _kept(state: State, now: float, plan: Plan) -> int:
    """Give the workers that should stay: recent needs, and one where a cold start is too slow."""
    if _idled(state, now, plan.target):
        return 0
    kept = max(state.steady.most, state.queued.most)
    return kept or int(state.worked and not plan.cold_fits)


def _follow(
    needs: Needs, workers: int, now: float, plan: Plan, state: State
) -> tuple[Decision, State]:
    target, tuning = plan.target, plan.tuning
    kept = _kept(state, now, plan)
    replicas = _clamp(max(needs.most, min(workers, kept)), target)
    dwelling = state.changed_at is not None and now - state.changed_at < tuning.dwell
    idled = replicas == target.minimum and _idled(state, now, target)
    if replicas < workers <= target.maximum and dwelling and not idled:
        replicas = workers
    if replicas != workers:
        state = replace(state, changed_at=now)
    why = needs.why if needs.most else Why.IDLE
    if replicas > max(needs.most, target.minimum):
        why = Why.HOLDING
    recheck = _recheck(needs, max(replicas, workers), now, plan, state)
    return Decision(replicas, why, needs, recheck=recheck, unmet=_unmet(needs, plan, state)), state


def _recheck(needs: Needs, workers: int, now: float, plan: Plan, state: State) -> float | None:
    """Tell when time alone may change the answer; a pool at rest is left alone."""
    assert state.last
    if state.last.jobs or needs.most or workers > plan.target.minimum:
        return AGAIN
    return until_burst(state.bursts, now, plan)


def _unmet(needs: Needs, plan: Plan, state: State) -> str:
    """Say why the target cannot be met, where that is so."""
    target, seen = plan.target, state.last
    if needs.most > target.maximum:
        return f"maxReplicas is {target.maximum}, {needs.most} would be needed"
    if not seen or not seen.waiting:
        return ""
    left_to_start = plan.startup - max(seen.starting, default=0.0)
    if not seen.ready and target.wait - seen.oldest_wait < left_to_start:
        return (
            f"a start takes {plan.startup:.0f}s, more than what is left of targetWait "
            f"{target.wait:g}s: keep minReplicas at 1 or more, or let jobs wait longer"
        )
    if seen.oldest_wait > target.wait:
        return f"a job has waited longer than targetWait {target.wait:g}s"
    return ""
