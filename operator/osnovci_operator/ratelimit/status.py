"""What is reported of a RateLimitPolicy: its figures and conditions. Pure."""

from datetime import datetime
from typing import Any

from osnovci_operator import conditions
from osnovci_operator.conditions import Condition
from osnovci_operator.ratelimit.decide import Decision, Reason
from osnovci_operator.ratelimit.seen import Running, Seen
from osnovci_operator.ratelimit.spec import TOP, Policy
from osnovci_operator.resource import InvalidSpecError

COUNTS = ("denied", "wouldDeny", "top")


def status(policy: Policy, last: dict[str, Any], seen: Seen, decision: Decision) -> dict[str, Any]:
    """Write the status that follows on the last."""
    generation = policy.identity.generation
    return {
        "observedGeneration": generation,
        "enforcedPods": len(decision.enforcing),
        "targetPods": len(seen.ready_pods),
        **_figures(last, seen),
        "conditions": conditions.merge(
            last.get("conditions", ()),
            (decision.accepted, decision.programmed),
            generation,
            seen.now,
        ),
    }


def invalid(error: InvalidSpecError, last: dict[str, Any], now: datetime) -> dict[str, Any]:
    """Write the status of a policy whose spec cannot be read; it limits nothing."""
    generation = error.identity.generation
    each = (Condition(of, False, Reason.INVALID, str(error)) for of in ("Accepted", "Programmed"))
    merged = conditions.merge(last.get("conditions", ()), each, generation, now)
    return {**last, "observedGeneration": generation, "enforcedPods": 0, "conditions": merged}


def _figures(last: dict[str, Any], seen: Seen) -> dict[str, Any]:
    """Give what Redis holds of the policy; what is not known stays as it was."""
    running = seen.running if isinstance(seen.running, Running) else None
    revision = running.revision if running else last.get("revision", 0)
    if not running or not (counts := running.denials):
        return {"revision": revision} | {each: last[each] for each in COUNTS if each in last}
    top = [
        {"limit": each.limit, "key": each.subject, "denied": each.denied}
        for each in counts.top[:TOP]
    ]
    return {
        "revision": revision,
        "denied": counts.denied,
        "wouldDeny": counts.would_deny,
        "top": top,
    }
