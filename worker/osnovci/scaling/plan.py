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
    startup_mean: float
    measured: bool
    """Whether that is known of starts, and not assumed."""
    target: Target
    tuning: Tuning

    @property
    def wait(self) -> float:
        """How long a job is planned to wait: a share of the target, or as long as a cold start."""
        share = self.tuning.plan_roomy if self.roomy else self.tuning.plan
        planned = share * self.target.wait
        return max(planned, self._usual) if self.cold_fits else planned

    @property
    def _cold(self) -> float:
        """How long a job waits that finds no worker, at most."""
        return self.startup + BEGINNING

    @property
    def _usual(self) -> float:
        """How long such a job usually waits: one slow start shows nothing of those to come."""
        return self.startup_mean + BEGINNING

    @property
    def soonest(self) -> float:
        """When a worker that is asked for now has surely begun."""
        return self.startup + 1 + self.tuning.late * self.target.wait

    @property
    def cold_fits(self) -> bool:
        """Whether a worker that is started for a job that just arrived is in time."""
        return self._usual <= self.target.wait

    @property
    def roomy(self) -> bool:
        """Whether there is so much time left that a worker may prove missing before it is started.

        Nobody knows before a start was measured.
        """
        return self.measured and self._cold <= self.tuning.roomy * self.target.wait

    @property
    def hold(self) -> float:
        """For how many starts a need is kept: the longer the less of a start the target has time for."""
        if self.roomy:
            return self.tuning.hold_roomy
        if self.cold_fits:
            return self.tuning.hold_warm
        lacks = max(1 - self.target.wait / self._cold, 0.0)
        share = min(lacks / self.tuning.hold_cold_from, 1.0)
        return max(self.tuning.hold_warm, self.tuning.hold_cold * share)
