"""What a policy sees of the simulated pool, and Osnovci's own policy on it."""

from dataclasses import dataclass
from statistics import fmean
from typing import Protocol

from osnovci.scaling.model import Decision, Moment, Observation, Target, Tuning
from osnovci.scaling.policy import TUNED, decide
from osnovci.scaling.state import State
from osnovci.simulation.world import Leave, Life, World

TICK = 1.0
"""Osnovci's policy decides at least so often; the operator reads Redis every 0.25 s."""


class Policy(Protocol):
    """Who decides about the workers of a pool."""

    @property
    def name(self) -> str:
        """What tables call it."""
        ...

    @property
    def leave(self) -> Leave:
        """How its workers end."""
        ...

    def begin(self, world: World) -> None:
        """Take the pool over at the start, and come back by `world.at`."""
        ...


@dataclass(frozen=True, slots=True)
class Reading:
    """The queues, as they can be read at a moment."""

    waiting: int
    active: int
    oldest_wait: float


def look(world: World) -> Reading | None:
    """Read the queues; None in a blackout, or nothing where the blackout reads as empty."""
    for blackout in world.trace.blackouts:
        if blackout.begin <= world.now < blackout.end:
            return Reading(0, 0, 0.0) if blackout.reads_zero else None
    return Reading(len(world.queue), world.active, world.oldest_wait)


class Osnovci:
    """The policy of this package, called as the operator calls it."""

    leave = Leave.DRAIN

    def __init__(self, target: Target, tuning: Tuning = TUNED, name: str = "Osnovci") -> None:
        self.name = name
        self.last: Decision | None = None
        self.needed = 0
        """The workers that were needed at most, whatever the bounds."""
        self._target = target
        self._tuning = tuning
        self._state = State()

    def begin(self, world: World) -> None:
        """Take the pool over."""
        world.scale(self._target.minimum)
        self.tick(world)

    def tick(self, world: World) -> None:
        """Observe, decide, scale."""
        world.at(world.now + TICK, self.tick, world)
        decision, self._state = decide(
            Moment(world.now, world.replicas, observe(world)),
            self._target,
            self._state,
            self._tuning,
        )
        self.last = decision
        if decision.needs:
            self.needed = max(self.needed, decision.needs.most)
        world.scale(decision.replicas)


def observe(world: World) -> Observation | None:
    """Give what the operator would see."""
    reading = look(world)
    if not reading:
        return None
    ready = world.ready
    now = world.now
    return Observation(
        waiting=reading.waiting,
        active=reading.active,
        arrivals=world.arrived,
        completions=world.completed,
        oldest_wait=reading.oldest_wait,
        ready=ready,
        starting=()
        if ready == len(world.pods)
        else tuple(now - pod.created for pod in world.pods if pod.life is Life.STARTING),
        draining_active=sum(len(pod.jobs) for pod in world.leaving),
        startup=max(world.startups) if world.startups else None,
        startup_mean=fmean(world.startups) if world.startups else None,
    )
