"""What deadlines and loads are reckoned with at one moment. Pure."""

from dataclasses import dataclass

from osnovci.scaling.model import Target, Tuning

BEGINNING = 2.0
"""Seconds from an arrival to an order and from a ready worker to a job, at most."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What the deadlines are reckoned with."""

    rate: float
    service: float
    service_lately: float
    startup: float
    target: Target
    tuning: Tuning

    @property
    def wait(self) -> float:
        """How long a job is planned to wait: a share of the target, or as long as a cold start."""
        planned = self.tuning.plan * self.target.wait
        cold = self.startup + BEGINNING
        return cold if planned < cold <= self.tuning.reach * self.target.wait else planned

    @property
    def soonest(self) -> float:
        """When a worker that is asked for now has surely begun."""
        return self.startup + 1 + self.tuning.late * self.target.wait

    @property
    def cold_fits(self) -> bool:
        """Whether a worker that is started for a job that just arrived is in time."""
        return self.startup + BEGINNING <= self.wait
