"""Whether a RateLimitPolicy belongs to its app, and whether the app's pods enforce it. Pure.

Types, reasons and their meaning are those of policy attachment in Gateway API (GEP-713).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from osnovci.app_contract import AppHeartbeat
from osnovci.limit_contract import LimiterState, Mode, PolicyDocument
from osnovci.words import counted, first_of
from osnovci_operator.attachment import MOST_BYTES
from osnovci_operator.backend import Unreadable
from osnovci_operator.conditions import Condition
from osnovci_operator.ratelimit.seen import Running, Seen
from osnovci_operator.ratelimit.spec import Policy


class Reason(StrEnum):
    """Why a policy is accepted or in force, or not; listed in docs/operations.md."""

    ACCEPTED = "Accepted"
    TARGET_NOT_FOUND = "TargetNotFound"
    INVALID = "Invalid"
    CONFLICTED = "Conflicted"
    PROGRAMMED = "Programmed"
    PARTIALLY_PROGRAMMED = "PartiallyProgrammed"
    RECONCILING = "Reconciling"
    OVERRIDDEN = "Overridden"


@dataclass(frozen=True)
class Decision:
    """What is told of a policy, and which pods enforce it."""

    accepted: Condition
    programmed: Condition
    enforcing: frozenset[str] = frozenset()
    """Ready pods of which each server process runs a config with the policy, and counts in Redis."""


def decide(policy: Policy, seen: Seen) -> Decision:
    """Judge a policy by what was seen."""
    accepted = _accepted(policy, seen)
    if not accepted.status:
        reason = Reason.OVERRIDDEN if accepted.reason == Reason.CONFLICTED else accepted.reason
        return Decision(accepted, Condition("Programmed", False, reason, accepted.message))
    enforcing = _enforcing(seen)
    return Decision(accepted, _programmed(policy, seen, enforcing), enforcing)


def _accepted(policy: Policy, seen: Seen) -> Condition:
    attached, target = seen.attached, f"OsnovciApp {policy.target.name}"
    if seen.target:
        return Condition("Accepted", False, Reason.TARGET_NOT_FOUND, seen.target)
    if attached.excess_bytes:
        message = (
            f"with the older policies of {target} it is {attached.excess_bytes} bytes above the "
            f"{MOST_BYTES} that all may have together: remove limits, matches or exempt networks"
        )
        return Condition("Accepted", False, Reason.INVALID, message)
    if not attached.document:
        message = f"none of its limits is in force: {_overridden(attached.overridden)}"
        return Condition("Accepted", False, Reason.CONFLICTED, message)
    message = f"it limits the requests to {target}"
    if attached.overridden:
        message += f", but for some: {_overridden(attached.overridden)}"
    if seen.counted_as_one:
        message += f"; {seen.counted_as_one}"
    return Condition("Accepted", True, Reason.ACCEPTED, message)


def _overridden(limits: Mapping[str, str]) -> str:
    each = [f"policy {policy} is older and has a limit {limit}" for limit, policy in limits.items()]
    return first_of(each)


def _enforcing(seen: Seen) -> frozenset[str]:
    running, document = seen.running, seen.attached.document
    if not isinstance(running, Running):
        return frozenset()
    return frozenset(
        pod
        for pod, processes in seen.ready_pods.items()
        if len(running.beats.get(pod, ())) >= processes
        and all(
            _has(running, beat, document) and beat.limiter is not LimiterState.FALLBACK
            for beat in running.beats[pod]
        )
    )


def _has(running: Running, beat: AppHeartbeat, document: PolicyDocument | None) -> bool:
    return document in running.policies.get(beat.config_checksum, ())


def _programmed(policy: Policy, seen: Seen, enforcing: frozenset[str]) -> Condition:
    """The first answer wins."""
    running, attached = seen.running, seen.attached
    if isinstance(running, Unreadable):
        return Condition("Programmed", None, running.reason, running.message)
    if not running or not running.revision or attached.document not in running.published:
        message = "the app's config with its limits is to be published"
        return Condition("Programmed", False, Reason.RECONCILING, message)
    if not seen.ready_pods:
        message = f"OsnovciApp {policy.target.name} has no ready pod"
        return Condition("Programmed", False, Reason.RECONCILING, message)
    counts = counted(len(seen.ready_pods), "ready pod")
    if behind := sorted(seen.ready_pods.keys() - enforcing):
        why = first_of([_why_not(pod, running, attached.document) for pod in behind])
        reason = Reason.PARTIALLY_PROGRAMMED if enforcing else Reason.RECONCILING
        message = f"in force on {len(enforcing)} of {counts}: {why}"
        return Condition("Programmed", False, reason, message)
    if attached.overridden:
        message = f"in force on {counts}, but for some: {_overridden(attached.overridden)}"
        return Condition("Programmed", False, Reason.PARTIALLY_PROGRAMMED, message)
    dry = (
        "; by mode DryRun it counts and denies nothing" if policy.spec.mode is Mode.DRY_RUN else ""
    )
    return Condition("Programmed", True, Reason.PROGRAMMED, f"in force on {counts}{dry}")


def _why_not(pod: str, running: Running, document: PolicyDocument | None) -> str:
    beats: Sequence[AppHeartbeat] = running.beats.get(pod, ())
    refused = (each.refused for each in beats if each.refused)
    if refusal := next((each for each in refused if each.revision == running.revision), None):
        return f"pod {pod} refuses the config: {refusal.error}"
    if any(each.limiter is LimiterState.FALLBACK for each in beats):
        return f"pod {pod} gets no answer of Redis in time: failureMode decides on its requests"
    older = [each.config_revision for each in beats if not _has(running, each, document)]
    if older:
        return f"pod {pod} runs revision {min(older)}, and {running.revision} is published"
    return (
        f"of pod {pod} not every server process reports; one does by `osnovci serve`, or by the "
        "middleware of osnovci.web"
    )
