"""Replays a trace under policies."""

from collections.abc import Callable

from osnovci.scaling.model import Target
from osnovci.simulation.outcome import Outcome, outcome
from osnovci.simulation.pools import Osnovci, Policy
from osnovci.simulation.rivals import Hpa, Keda, Knative
from osnovci.simulation.trace import Trace
from osnovci.simulation.world import World

POLICIES: dict[str, Callable[[Target, int], Policy]] = {
    "osnovci": lambda target, _: Osnovci(target),
    "hpa": Hpa,
    "keda": Keda,
    "keda-1s": lambda target, seed: Keda(target, seed, polling=1.0),
    "knative": Knative,
}
"""By the name that `--policies` takes."""


def replay(policy: Policy, trace: Trace, target: Target, startup: float, seed: int) -> Outcome:
    """Let a policy scale a pool that gets the jobs of a trace, and sum up."""
    return outcome(policy.name, run(policy, trace, target, startup, seed), target)


def run(policy: Policy, trace: Trace, target: Target, startup: float, seed: int) -> World:
    """Let a policy scale a pool that gets the jobs of a trace."""
    world = World(trace, target.slots, startup, seed)
    world.leave = policy.leave
    policy.begin(world)
    world.run()
    return world
