"""What a count was reckoned from, as it is kept to be explained. Pure."""

from osnovci.decision_contract import DecisionFigures
from osnovci.scaling.model import Decision, Observation, Target


def figures(observed: Observation, answer: Decision, target: Target) -> DecisionFigures | None:
    """Give the numbers behind an answer of the policy; None where it trusted no observation."""
    needs = answer.needs
    if not needs:
        return None
    return DecisionFigures(
        waiting=observed.waiting,
        active=observed.active,
        due=observed.due,
        oldest_wait_seconds=round(observed.oldest_wait, 3),
        ready=observed.ready,
        starting=len(observed.starting),
        arrivals_per_second=round(needs.arrivals, 4),
        service_seconds=round(answer.service, 4),
        startup_seconds=round(needs.startup, 3),
        for_backlog=needs.backlog,
        for_arrivals=needs.rate,
        for_running=needs.busy,
        for_burst=needs.schedule,
        minimum=target.minimum,
        maximum=target.maximum,
    )
