"""What the policy is told, and what it answers. Pure: frozen values only."""

from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True)
class Target:
    """What a pool's spec asks of its scaling."""

    wait: float
    """How long a job may wait before it starts, seconds."""
    minimum: int
    maximum: int
    slots: int
    """Jobs that one worker runs at a time."""
    idle: float = 60.0
    """After so many seconds with nothing to do there are no more workers than `minimum`."""


@dataclass(frozen=True, slots=True)
class Observation:
    """One trusted look at the queues and the workers."""

    waiting: int
    active: int
    """Jobs that run, on workers that are ready or drain."""
    arrivals: int
    """All jobs that ever arrived; only differences are used."""
    completions: int
    """All jobs that ever ended; only differences are used."""
    oldest_wait: float
    ready: int
    starting: tuple[float, ...] = ()
    """For each worker that is not ready yet, for how long it has been starting."""
    draining_active: int = 0
    """Of the active jobs, those on workers that drain."""
    startup: float | None = None
    """The longest of the last start-ups that were measured."""
    startup_mean: float | None = None
    """Their mean; None where only the longest is known."""
    due: int = 0
    """Jobs that are known to fall due within `due_within`."""
    due_within: float = 0.0
    withdrawn: int = 0
    """All jobs that ever left without an end, such as those of a queue that was paused."""

    @property
    def jobs(self) -> int:
        """Jobs that a worker is needed for, now or soon."""
        return self.waiting + self.active + self.due


@dataclass(frozen=True, slots=True)
class Moment:
    """What the policy decides on."""

    now: float
    workers: int
    """Workers last asked for; those that drain are not among them."""
    seen: Observation | None
    """None where the queues cannot be read."""


@dataclass(frozen=True)
class Tuning:
    """The policy's constants; tuned on benchmarks/scaling_traces.py."""

    plan: float = 0.4
    """The share of the target wait that is planned with; the rest is for what was not foreseen."""
    plan_roomy: float = 0.7
    """The same, where there is room."""
    roomy: float = 0.6
    """There is room where a cold start takes at most this share of the target wait."""
    lack: float = 0.5
    """Of what one worker carries, so much of a load may lack there: the queue is met in time."""
    late: float = 0.05
    """By what share of the target a deadline that cannot be met any more is put off."""
    hold_warm: float = 1.0
    """Start-up times for which a need is kept, where a cold start fits: idling as long as a start
    costs what the start costs (ski rental)."""
    hold_roomy: float = 0.7
    """The same, where it fits easily: a worker that is gone too soon is started in time again."""
    hold_cold: float = 12.0
    """The same, where the target has no time for `hold_cold_from` of a cold start; less in proportion."""
    hold_cold_from: float = 0.4
    quiet: float = 2.0
    """So many start-up times, each of `hold_least` at least, with nothing to do end a rate of arrivals
    where there is room."""
    hold_backlog: float = 1.0
    """Start-up times for which the need of a backlog is kept."""
    hold_least: float = 10.0
    hold_most: float = 300.0
    late_risk_cold: float = 0.05
    """The accepted share of jobs that wait longer than planned, where a cold start does not fit."""
    half_life_fast: float = 3.0
    half_life_slow: float = 120.0
    half_life_service: float = 300.0
    half_life_lately: float = 20.0
    prior_lately: float = 5.0
    """The prior of the service time of late counts as so many jobs of the mean."""
    startup_prior: float = 20.0
    implausible: float = 120.0
    """For how long a reading is not believed in which jobs vanished."""
    dwell: float = 15.0
    """The least time between a change of the count and the decrease that follows it."""


class Why(StrEnum):
    """What the count follows."""

    RATE = "Rate"
    BUSY = "Busy"
    BACKLOG = "Backlog"
    SCHEDULE = "Schedule"
    HOLDING = "Holding"
    IDLE = "Idle"
    UNAVAILABLE = "MetricsUnavailable"
    IMPLAUSIBLE = "MetricsImplausible"


@dataclass(frozen=True)
class Needs:
    """The workers that each part of the load asks for, and the figures behind them."""

    rate: int
    busy: int
    backlog: int
    schedule: int
    arrivals: float
    """Jobs a second that are reckoned with."""
    offered: float
    """Offered load, slots."""
    service: float
    """Mean service time, seconds."""
    service_lately: float
    """The same, of late where that is longer: what waits is reckoned with it."""
    startup: float

    @property
    def most(self) -> int:
        """The workers that are needed now, whatever the bounds."""
        return max(self.rate, self.busy, self.backlog, self.schedule)

    @property
    def why(self) -> Why:
        """Which part asks for the most."""
        parts = (
            (self.backlog, Why.BACKLOG),
            (self.schedule, Why.SCHEDULE),
            (self.busy, Why.BUSY),
            (self.rate, Why.RATE),
        )
        return max(parts, key=lambda part: part[0])[1]


@dataclass(frozen=True)
class Decision:
    """How many workers, and why; `explain.sentence` puts it into words."""

    replicas: int
    why: Why
    needs: Needs | None = None
    """None where the observation was not trusted."""
    vanished: int = 0
    """Jobs that the observation lacks, where it was not believed."""
    added: int = 0
    """Workers that are added though nothing was trusted, for the load that was seen last."""
    recheck: float | None = None
    """When to decide again though nothing changes, in seconds."""
    unmet: str = ""
    """Why the target cannot be met, and what would be needed; empty where it can."""

    @property
    def service(self) -> float:
        """How long a job is taken to run, in seconds, where that led to the count."""
        assert self.needs
        return self.needs.service_lately if self.why is Why.BACKLOG else self.needs.service
