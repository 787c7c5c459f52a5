"""What was seen of a pool, as the scaling policy is told it. Pure."""

from osnovci.scaling.model import Observation
from osnovci_operator.pod_life import horizon
from osnovci_operator.queuepool.flow import Flow, Runnable
from osnovci_operator.queuepool.seen import Seen


def observation(queues: tuple[Runnable, ...], flow: Flow, seen: Seen, draining: int) -> Observation:
    """Give what the policy is told of one moment; `draining` are the jobs on workers that leave."""
    active = sum(queue.active for queue in queues)
    pods, asked = seen.pods, seen.asked
    # More than was asked for are about to leave; of those that lack, the Deployment makes others.
    ready = min(pods.ready, asked)
    ages = [
        0.0 if created is None else max((seen.now - created).total_seconds(), 0.0)
        for created in pods.starting[: asked - ready]
    ]
    ages += [0.0] * (asked - ready - len(ages))
    return Observation(
        waiting=sum(queue.waiting for queue in queues),
        active=active,
        arrivals=flow.arrivals,
        completions=flow.departures,
        oldest_wait=max((queue.oldest_wait for queue in queues), default=0.0),
        ready=ready,
        starting=tuple(ages),
        draining_active=min(draining, active),
        startup=None if pods.startup is None else pods.startup.total_seconds(),
        startup_mean=None if pods.startup_mean is None else pods.startup_mean.total_seconds(),
        due=sum(queue.due for queue in queues),
        due_within=horizon(pods.startup).total_seconds(),
        withdrawn=flow.withdrawn,
    )
