"""A decision in one sentence with its numbers. Pure."""

import math

from osnovci.scaling.model import Decision, Needs, Target, Why
from osnovci.words import counted

TOLD_EXACTLY = 9.95
"""Seconds of a job from which on its time is told in steps of five in the second figure."""

ROUNDED = 0.05
"""Slots that are not seen in a load's figure."""


def sentence(decision: Decision, target: Target) -> str:
    """Say why there are so many workers."""
    if decision.why is Why.UNAVAILABLE:
        return f"{holding(decision)}, since the queues cannot be read"
    if decision.why is Why.IMPLAUSIBLE:
        return f"{holding(decision)}, since {decision.vanished} jobs vanished that nobody saw end"
    if decision.why is Why.IDLE:
        return f"no jobs: minReplicas {target.minimum}"
    needs = decision.needs
    assert needs
    said = {
        Why.BACKLOG: (
            f"the jobs that wait or are due soon need {counted(needs.backlog, 'worker')} "
            f"to start within {target.wait:g}s"
        ),
        Why.SCHEDULE: f"a burst that repeats is due and needs {counted(needs.schedule, 'worker')}",
        Why.RATE: (
            f"the rate of arrivals needs {counted(needs.rate, 'worker')}, "
            f"since {needs.offered:.1f} slots will be busy{_lacking(needs, target)}"
        ),
        Why.BUSY: f"the jobs that run need {counted(needs.busy, 'worker')}",
        Why.HOLDING: f"{needs.most} needed now, {decision.replicas} needed a short while ago",
    }[decision.why]
    unmet = f"; the target cannot be met: {decision.unmet}" if decision.unmet else ""
    return f"{said}: a job takes {_coarse(decision.service)}, a start {needs.startup:.0f}s{unmet}"


def holding(decision: Decision) -> str:
    """Say what is held while nothing is trusted, and what is added all the same."""
    if not decision.added:
        return f"holding {decision.replicas}"
    held = decision.replicas - decision.added
    return f"holding {held} and adding {decision.added} for the load seen last"


def _lacking(needs: Needs, target: Target) -> str:
    """Say why fewer slots will do than will be busy."""
    if needs.offered <= needs.rate * target.slots + ROUNDED:
        return ""
    return " and one more worker is in time when a queue forms"


def _coarse(seconds: float) -> str:
    """Write a job's time in steps, so that while a long job runs the sentence seldom changes."""
    if seconds < TOLD_EXACTLY:
        return f"{seconds:.1f}s"
    step = 10 ** math.floor(math.log10(seconds)) / 2
    return f"{round(seconds / step) * step:.0f}s"
