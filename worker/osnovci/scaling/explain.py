"""A decision in one sentence with its numbers. Pure."""

from osnovci.scaling.model import Decision, Target, Why


def sentence(decision: Decision, target: Target) -> str:
    """Say why there are so many workers."""
    if decision.why is Why.UNAVAILABLE:
        return f"holding {decision.replicas}, since the queues cannot be read"
    if decision.why is Why.IMPLAUSIBLE:
        return (
            f"holding {decision.replicas}, since {decision.vanished} jobs vanished "
            "that nobody saw end"
        )
    if decision.why is Why.IDLE:
        return f"no jobs: minReplicas {target.minimum}"
    needs = decision.needs
    assert needs
    said = {
        Why.BACKLOG: (
            f"the jobs that wait or are due soon need {_workers(needs.backlog)} "
            f"to start within {target.wait:g}s"
        ),
        Why.SCHEDULE: f"a burst that repeats is due and needs {_workers(needs.schedule)}",
        Why.RATE: (
            f"the rate of arrivals needs {_workers(needs.rate)}, "
            f"since {needs.offered:.1f} slots will be busy"
        ),
        Why.BUSY: f"the jobs that run need {_workers(needs.busy)}",
        Why.HOLDING: f"{needs.most} needed now, {decision.replicas} needed a short while ago",
    }[decision.why]
    unmet = f"; the target cannot be met: {decision.unmet}" if decision.unmet else ""
    return f"{said}: a job takes {needs.service:.1f}s, a start {needs.startup:.0f}s{unmet}"


def _workers(number: int) -> str:
    return f"{number} worker" if number == 1 else f"{number} workers"
