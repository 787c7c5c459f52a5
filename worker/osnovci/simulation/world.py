"""The simulated pool: jobs, workers, and the moments at which something happens."""

import heapq
import random
from collections import deque
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from osnovci.simulation.trace import Trace

STARTUP_SPREAD = 0.15
"""Start-ups vary evenly by this share."""

MEASURED = 20
"""So many start-ups are remembered."""


class Life(Enum):
    """Where a worker is in its life."""

    STARTING = auto()
    READY = auto()
    LEAVING = auto()
    GONE = auto()


class Leave(Enum):
    """How a worker that is no longer wanted ends."""

    DRAIN = auto()
    """It takes no job and ends when its last one has."""
    KILL = auto()
    """The same, but Kubernetes kills it after the grace period, and its jobs run again."""


@dataclass(slots=True, eq=False)
class Pod:
    """One worker."""

    created: float
    life: Life = Life.STARTING
    ready_at: float = 0.0
    jobs: set[int] = field(default_factory=set[int])


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happens at a moment."""

    act: Any
    argument: Any


class World:
    """A pool whose jobs are those of a trace; a policy looks on and calls `scale`."""

    def __init__(self, trace: Trace, slots: int, startup: float, seed: int) -> None:
        self.trace = trace
        self.slots = slots
        self.now = 0.0
        self.pods: list[Pod] = []
        """Starting and ready, oldest first."""
        self.leaving: list[Pod] = []
        self.queue: deque[int] = deque()
        self.active = 0
        self.arrived = 0
        self.completed = 0
        self.started_at: list[float | None] = [None] * len(trace.jobs)
        self.killed_jobs = 0
        self.pod_seconds = 0.0
        self.startups: deque[float] = deque(maxlen=MEASURED)
        self.changes: list[tuple[float, int]] = []
        """When another count was asked for, and which."""
        self.replicas = 0
        self.leave = Leave.DRAIN
        self.grace = 30.0
        self._startup = startup
        self._random = random.Random(seed)  # noqa: S311  # a simulation
        self._free: deque[Pod] = deque()
        """A place for each free slot, the longest free first: who waits longest gets the job."""
        self._events: list[tuple[float, int, Event]] = []
        self._order = 0
        for at in trace.kills:
            self.at(at, self._fault, None)

    def at(self, moment: float, act: Any, argument: Any = None) -> None:
        """Let something happen."""
        self._order += 1
        heapq.heappush(self._events, (moment, self._order, Event(act, argument)))

    def run(self) -> None:
        """Let all happen until the end of the trace."""
        jobs, events, end = self.trace.jobs, self._events, self.trace.end
        while True:
            arrival = jobs[self.arrived][0] if self.arrived < len(jobs) else end + 1
            moment = events[0][0] if events else end + 1
            if min(arrival, moment) > end:
                break
            if arrival <= moment:
                self.now = arrival
                self.queue.append(self.arrived)
                self.arrived += 1
                self._dispatch()
            else:
                self.now = moment
                event = heapq.heappop(events)[2]
                event.act(event.argument)
        self.now = end
        for pod in (*self.pods, *self.leaving):
            self.pod_seconds += end - pod.created

    @property
    def oldest_wait(self) -> float:
        """For how long the oldest waiting job has waited."""
        return self.now - self.trace.jobs[self.queue[0]][0] if self.queue else 0.0

    @property
    def ready(self) -> int:
        """Workers that take jobs."""
        return sum(pod.life is Life.READY for pod in self.pods)

    def scale(self, replicas: int) -> None:
        """Ask for so many workers."""
        if replicas == self.replicas:
            return
        self.replicas = replicas
        self.changes.append((self.now, replicas))
        while len(self.pods) < replicas:
            self._create()
        surplus = len(self.pods) - replicas
        if surplus > 0:
            for pod in sorted(self.pods, key=self._victim)[:surplus]:
                self._dismiss(pod)

    def _victim(self, pod: Pod) -> tuple[Any, ...]:
        """Order as who scales does: starting first; then the fewest jobs, or the youngest."""
        unready = pod.life is not Life.STARTING
        if self.leave is Leave.DRAIN:
            return (unready, len(pod.jobs), -pod.created)
        return (unready, -pod.ready_at)

    def _create(self) -> None:
        pod = Pod(self.now)
        self.pods.append(pod)
        spread = self._random.uniform(1 - STARTUP_SPREAD, 1 + STARTUP_SPREAD)
        self.at(self.now + self._startup * spread, self._become_ready, pod)

    def _become_ready(self, pod: Pod) -> None:
        if pod.life is not Life.STARTING:
            return
        pod.life = Life.READY
        pod.ready_at = self.now
        self.startups.append(self.now - pod.created)
        self._free.extend([pod] * self.slots)
        self._dispatch()

    def _dispatch(self) -> None:
        while self.queue and self._free:
            pod = self._free.popleft()
            if pod.life is not Life.READY:
                continue
            job = self.queue.popleft()
            pod.jobs.add(job)
            self.active += 1
            if self.started_at[job] is None:
                self.started_at[job] = self.now
            self.at(self.now + self.trace.jobs[job][1], self._finish, (pod, job))

    def _finish(self, what: tuple[Pod, int]) -> None:
        pod, job = what
        if job not in pod.jobs:
            return
        pod.jobs.remove(job)
        self.active -= 1
        self.completed += 1
        if pod.life is Life.READY:
            self._free.append(pod)
            self._dispatch()
        elif not pod.jobs:
            self._delete(pod)

    def _dismiss(self, pod: Pod) -> None:
        self.pods.remove(pod)
        pod.life = Life.LEAVING
        self.leaving.append(pod)
        if not pod.jobs:
            self._delete(pod)
        elif self.leave is Leave.KILL:
            self.at(self.now + self.grace, self._kill, pod)

    def _kill(self, pod: Pod) -> None:
        if pod.life is Life.LEAVING:
            self.killed_jobs += len(pod.jobs)
            self._rerun(pod)
            self._delete(pod)

    def _rerun(self, pod: Pod) -> None:
        self.active -= len(pod.jobs)
        self.queue.extendleft(sorted(pod.jobs, reverse=True))
        pod.jobs.clear()

    def _delete(self, pod: Pod) -> None:
        self.leaving.remove(pod)
        pod.life = Life.GONE
        self.pod_seconds += self.now - pod.created

    def _fault(self, _: None) -> None:
        """Let a worker die with its jobs; its Deployment makes another."""
        if not self.pods:
            return
        pod = self._random.choice(self.pods)
        self.pods.remove(pod)
        self.leaving.append(pod)
        self._rerun(pod)
        self._delete(pod)
        self._create()
        self._dispatch()
