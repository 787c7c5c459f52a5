"""What the policy remembers from one decision to the next. Pure: frozen values only."""

from dataclasses import dataclass, field, replace

from osnovci.scaling.backlog import Groups, remember
from osnovci.scaling.bursts import Bursts
from osnovci.scaling.hold import Needed
from osnovci.scaling.model import Observation, Tuning
from osnovci.scaling.rates import Arrivals, Services

TICK = 0.25
"""Seconds from a change to the look that shows it: whoever looks on looks at each change."""

QUIET = 1.5
"""Seconds without a look after which nothing had changed until a tick before this one."""

BLINK = 5.0
"""Seconds without a trusted reading after which sight counts as new."""

FEW_JOBS = 1
"""So many jobs may vanish (cancelled, purged) without making a reading implausible."""


@dataclass(frozen=True, slots=True)
class State:
    """Everything learned; a lost one costs a hold and never a worker."""

    at: float | None = None
    """When the last reading was trusted; None before the first."""
    last: Observation | None = None
    arrivals: Arrivals = field(default_factory=Arrivals)
    services: Services = field(default_factory=Services)
    waiting: Groups = ()
    bursts: Bursts = field(default_factory=Bursts)
    worked: bool = False
    """Whether there ever was a job."""
    nothing_since: float | None = None
    """Since when there is nothing to do, or None; more than a blink without sight is not among it."""
    steady: Needed = field(default_factory=Needed)
    """Needs of rate and running jobs."""
    queued: Needed = field(default_factory=Needed)
    """Needs of backlog and schedule."""
    blind_since: float | None = None
    """Since when no reading was trusted, or None."""
    carrying: int = 0
    """The workers with which no queue grows, at the load that was seen last."""
    doubted_since: float | None = None
    """Since when readings lack jobs, or None."""
    changed_at: float | None = None
    """When the count last changed, or sight came back after a while."""


def vanished(state: State, seen: Observation) -> int:
    """Give how many jobs a reading lacks that were there and did not end."""
    if not state.last:
        return 0
    before = state.last.waiting + state.last.active
    arrived = max(seen.arrivals - state.last.arrivals, 0)
    ended = max(seen.completions - state.last.completions, 0)
    ended += max(seen.withdrawn - state.last.withdrawn, 0)
    expected = before + arrived - ended
    missing = expected - seen.waiting - seen.active
    return missing if missing > max(FEW_JOBS, expected / 2) else 0


def set_back(state: State, now: float) -> bool:
    """Tell whether the clock shows a time before what is remembered.

    Nothing is learned then until it has caught up, and jobs of a moment to come seem to have time.
    """
    moments = (state.at, state.blind_since, state.doubted_since, state.changed_at)
    return any(at is not None and at > now for at in moments)


def blinded(state: State, now: float) -> State:
    """Note that a moment brought nothing to trust."""
    return state if state.blind_since is not None else replace(state, blind_since=now)


def sighted(state: State, now: float) -> State:
    """Note that a reading is trusted; after a while without, what there is gets time to show."""
    if state.blind_since is None:
        return state
    late = blind(state, now)
    return replace(
        state,
        blind_since=None,
        doubted_since=None,
        changed_at=now if late else state.changed_at,
        nothing_since=None if late else state.nothing_since,
    )


def blind(state: State, now: float) -> bool:
    """Tell whether no reading was trusted for a while."""
    return state.blind_since is not None and now - state.blind_since > BLINK


def rested(state: State, now: float, tuning: Tuning) -> State:
    """Count a quiet time as what it was: nothing changed until just now, or it had been seen.

    Without it the first jobs after an hour of rest would be a rate of some jobs an hour.
    """
    if state.blind_since is not None or state.last is None or state.at is None:
        return state
    if now - state.at < QUIET:
        return state
    return learn(state, state.last, now - TICK, tuning)


def learn(state: State, seen: Observation, now: float, tuning: Tuning) -> State:
    """Take a trusted reading into account."""
    since = now if state.nothing_since is None else state.nothing_since
    state = replace(
        state, worked=state.worked or seen.jobs > 0, nothing_since=None if seen.jobs else since
    )
    if state.last is None or state.at is None:
        waiting = remember((), seen.waiting, seen.waiting, now - seen.oldest_wait)
        return replace(state, at=now, last=seen, waiting=waiting)
    elapsed = now - state.at
    if elapsed <= 0:
        return replace(state, last=seen)
    arrived = max(seen.arrivals - state.last.arrivals, 0)
    ended = max(seen.completions - state.last.completions, 0)
    usual = state.arrivals.slow
    return replace(
        state,
        at=now,
        last=seen,
        arrivals=state.arrivals.after(arrived, elapsed, now, tuning),
        services=state.services.after(
            (state.last.active + seen.active) / 2, ended, elapsed, tuning
        ),
        waiting=remember(state.waiting, arrived, seen.waiting, now),
        bursts=state.bursts.after(arrived, now, usual),
    )
