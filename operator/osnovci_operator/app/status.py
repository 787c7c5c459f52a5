"""What is reported of an OsnovciApp: its figures and conditions. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from osnovci.app_revisions import GoodRevisions
from osnovci.limit_contract import PolicyDocument
from osnovci.words import counted, first_of
from osnovci_operator import conditions
from osnovci_operator.app.budget import Share
from osnovci_operator.app.decide import Decision, Reason
from osnovci_operator.app.migration import Run
from osnovci_operator.app.reports import Reports
from osnovci_operator.app.rollout import APPLIED, Course
from osnovci_operator.app.seen import Deployed, Seen, Stranger
from osnovci_operator.app.spec import App
from osnovci_operator.app.way_in import url, with_nginx
from osnovci_operator.attachment import counted_as_one
from osnovci_operator.backend import Unreadable
from osnovci_operator.conditions import Condition
from osnovci_operator.labels import app_labels, selector
from osnovci_operator.resource import format_duration

HALTED = frozenset({"RolledBack", "MigrationFailed", "Migrating", Reason.POOLS_SHRINKING})
"""Reasons of Progressing for which the pods are not of the revision that the spec asks for."""

_KEPT = "pods and config stay as they are"


@dataclass(frozen=True)
class Refusal:
    """An object that the API server did not take, and why, in its words."""

    message: str
    of_pods: bool
    """Whether nothing of the spec could be applied to the pods."""


@dataclass(frozen=True)
class Outcome:
    """What was decided, and what came of it."""

    decision: Decision
    course: Course
    refusal: Refusal | None = None
    revision: str = ""
    """The one that the spec asks for."""
    good: GoodRevisions = field(default_factory=GoodRevisions)


def status(app: App, last: dict[str, Any], seen: Seen, outcome: Outcome) -> dict[str, Any]:
    """Write the status that follows on the last."""
    deployed, generation, decision = seen.deployed, app.identity.generation, outcome.decision
    progress = progressing(app, seen, outcome)
    # While only the count changes, pods that are ready stay so; a new revision's are not yet.
    was = {each["type"]: each["status"] for each in last.get("conditions", ())}
    counting = last.get("observedGeneration") == generation and was.get("Ready") == "True"
    return {
        "observedGeneration": generation,
        "replicas": deployed.existing if deployed else 0,
        "readyReplicas": deployed.ready if deployed else 0,
        "updatedReplicas": deployed.updated if deployed else 0,
        "desiredReplicas": decision.replicas,
        "selector": selector(app_labels(app.identity.name)),
        "url": url(app, seen.nginx),
        "revision": outcome.revision,
        **({"goodRevision": outcome.good.current.name} if outcome.good.current else {}),
        "conditions": conditions.merge(
            last.get("conditions", ()),
            (
                with_nginx(ready(seen, outcome, progress, counting=counting), app, seen.nginx),
                progress,
                scaling_active(decision),
                config_enforced(seen, outcome.course),
                *((database_budget(app, decision.share),) if decision.share else ()),
                *((policy_affected(app, seen.policies),) if seen.policies else ()),
            ),
            generation,
            seen.now,
        ),
        **_figures(last, seen.reports),
        **_database(decision.share, seen.reports, last),
    }


def _figures(last: dict[str, Any], reports: Reports | Unreadable | None) -> dict[str, Any]:
    """Give what the pods report; what could not be read stays as it was."""
    if not isinstance(reports, Reports):
        return {field: last[field] for field in ("configRevision", "traffic") if field in last}
    beats = [beat for each in reports.beats.values() for beat in each]
    rate = sum(beat.requests_per_second for beat in beats)
    errors = sum(beat.requests_per_second * beat.error_rate for beat in beats)
    slowest = max(
        (beat.p95_seconds for beat in beats if beat.p95_seconds is not None), default=None
    )
    traffic = {
        "requestsPerSecond": round(rate),
        "errorRate": f"{errors / rate:.1%}" if rate else "0.0%",
    }
    if slowest is not None:
        traffic["p95"] = format_duration(timedelta(milliseconds=max(round(slowest * 1000), 1)))
    written: dict[str, Any] = {"configRevision": reports.revision}
    return {**written, "traffic": traffic} if beats else written


def progressing(app: App, seen: Seen, outcome: Outcome) -> Condition:
    """Whether the revision that the spec asks for is rolled out, or on its way."""
    deployed, course, trouble = seen.deployed, outcome.course, seen.trouble
    if outcome.refusal and outcome.refusal.of_pods:
        message = f"{outcome.refusal.message}; pods and config stay as they are"
        return Condition("Progressing", False, "PodRefused", message)
    if course.migration:
        return _migrating(course.migration, course)
    if course.holds:
        message = f"holding the new revision: {course.holds}; {_KEPT}"
        return Condition("Progressing", True, Reason.POOLS_SHRINKING, message)
    if course.refused:
        message = (
            f"{course.refused}; the last good revision serves instead, until pod or config of the "
            "spec change"
        )
        return Condition("Progressing", False, "RolledBack", message)
    if not deployed or not deployed.settled or not _is_applied(deployed, course):
        return Condition("Progressing", True, "RollingOut", "the Deployment is being changed")
    return _pods_progress(app, deployed, deployed.trouble or trouble)


def _migrating(run: Run, course: Course) -> Condition:
    if not course.refused:
        return Condition("Progressing", True, "Migrating", f"{run.words}; {_KEPT}")
    message = f"{course.refused}; {_KEPT} until pod, config or migration of the spec change"
    return Condition("Progressing", False, "MigrationFailed", message)


def _pods_progress(app: App, deployed: Deployed, trouble: str | None) -> Condition:
    if not deployed.asked and not deployed.existing:
        message = "no pod is asked for: the revision is tried when the first one comes"
        return Condition("Progressing", True, "NoneNeeded", message)
    counts = f"{deployed.updated} of {counted(deployed.existing, 'pod')} of the new revision"
    counts += f", {deployed.ready} of {deployed.asked} ready"
    why = f"; {trouble}" if trouble else ""
    if deployed.stalled:
        deadline = format_duration(app.spec.rollout.deadline)
        message = f"no progress within {deadline}: {counts}{why}"
        return Condition("Progressing", False, "DeadlineExceeded", message)
    if not deployed.rolled_out or not deployed.ready:
        return Condition("Progressing", True, "RollingOut", counts + why)
    message = "all pods are of the newest revision"
    if deployed.ready < deployed.asked:
        message += f", {deployed.ready} of {deployed.asked} ready{why}"
    return Condition("Progressing", True, "RolledOut", message)


def _is_applied(deployed: Deployed, course: Course) -> bool:
    """Whether the Deployment that was seen is of the revision that was chosen since."""
    return deployed.notes.get(APPLIED) == course.notes.get(APPLIED)


def ready(seen: Seen, outcome: Outcome, progress: Condition, *, counting: bool) -> Condition:
    """Whether the app does what its spec asks; the first answer wins."""
    decision, deployed = outcome.decision, seen.deployed
    if seen.strangers:
        return Condition("Ready", False, "NameTaken", _name_taken(seen.strangers[0]))
    if outcome.refusal:
        reason = "PodRefused" if outcome.refusal.of_pods else "ObjectRefused"
        return Condition("Ready", False, reason, outcome.refusal.message)
    if progress.reason in HALTED:
        return Condition("Ready", False, progress.reason, progress.message)
    settled = deployed and deployed.settled and _is_applied(deployed, outcome.course)
    if not deployed or not (settled or (counting and deployed.ready)):
        asked = counted(decision.replicas, "pod")
        return Condition(
            "Ready", False, "RollingOut", f"the Deployment is being changed: asked for {asked}"
        )
    if decision.wanted and not decision.replicas:
        return Condition("Ready", False, decision.reason, decision.message)
    return _pods_ready(deployed, decision.replicas, seen.trouble)


def _name_taken(stranger: Stranger) -> str:
    named = f"{stranger.place.kind} {stranger.place.name}"
    if stranger.pool:
        return f"{named} is that of QueuePool {stranger.pool}: rename the app or the pool"
    return f"{named} exists and is not the app's: rename the app, or delete that object"


def _pods_ready(deployed: Deployed, desired: int, pods_trouble: str | None) -> Condition:
    if not desired:
        return Condition("Ready", True, "NoneNeeded", "the spec asks for no pod")
    counts = f"{deployed.ready} of {counted(desired, 'pod')} ready"
    trouble = deployed.trouble or pods_trouble if deployed.ready < desired else None
    rolling = deployed.updated < deployed.existing  # Some are of an older revision.
    if trouble and (rolling or not deployed.ready):
        return Condition("Ready", False, "PodsNotStarting", f"{counts}; {trouble}")
    if rolling:
        message = f"{counts}, {deployed.updated} of the new revision"
        return Condition("Ready", False, "RollingOut", message)
    if not deployed.ready:
        return Condition("Ready", False, "PodsStarting", counts)
    return Condition("Ready", True, "PodsReady", f"{counts}; {trouble}" if trouble else counts)


def _database(
    share: Share | None, reports: Reports | Unreadable | None, last: dict[str, Any]
) -> dict[str, Any]:
    if not share:
        return {}
    if isinstance(reports, Reports):
        uses = (beat.database for each in reports.beats.values() for beat in each)
        in_use = sum(use.in_use for use in uses if use)
    else:
        in_use = last.get("database", {}).get("inUse")
    return {"database": {"budget": share.budget} | ({} if in_use is None else {"inUse": in_use})}


def database_budget(app: App, share: Share) -> Condition:
    """Whether the pods of all apps can never open more connections than the database allows."""
    assert app.spec.database
    asked = app.spec.database.connections_per_process
    counts = f"at most {share.budget} connections of the {share.limit} for all apps"
    if share.beside:
        counts += f", {share.beside} of them for its migration"
    others = share.others
    if share.exceeded:
        why = "; ".join((share.why_exceeded, *others))
        return Condition("DatabaseBudget", False, "Exceeded", why)
    if share.replicas < share.wanted:
        message = (
            f"{counts}: {share.replicas} of {counted(share.wanted, 'pod')}, each with one a process"
        )
        return Condition("DatabaseBudget", False, "ReplicasCapped", "; ".join((message, *others)))
    if share.connections < asked:
        message = f"{counts}: a process opens {share.connections} instead of {asked}"
        return Condition("DatabaseBudget", True, "PoolsShrunk", "; ".join((message, *others)))
    return Condition("DatabaseBudget", True, "WithinBudget", "; ".join((counts, *others)))


def config_enforced(seen: Seen, course: Course) -> Condition:
    """Whether every ready pod runs the config, as the heartbeats say."""
    reports = seen.reports
    if isinstance(reports, Unreadable):
        return Condition("ConfigEnforced", None, reports.reason, reports.message)
    if not reports or not reports.is_about(course.revision.document):
        return Condition("ConfigEnforced", None, "NotObserved", "the config is to be published")
    if refusal := reports.refusal(seen.judges(reports)):
        return Condition("ConfigEnforced", False, "ConfigRefused", refusal)
    revision, total = reports.revision, counted(len(seen.ready_pods), "ready pod")
    reporting = reports.of(seen.ready_pods)
    if behind := reports.behind(seen.ready_pods):
        message = f"{len(behind)} of {total} do not run revision {revision} yet: {first_of(behind)}"
        return Condition("ConfigEnforced", False, "Reconciling", message)
    if not revision or len(reporting) < len(seen.ready_pods) or not reporting:
        return _config_unreported(seen, revision, reporting.keys())
    return Condition("ConfigEnforced", True, "Enforced", f"{total} at revision {revision}")


def _config_unreported(seen: Seen, revision: int, reporting: Collection[str]) -> Condition:
    if revision and seen.deployed and not seen.deployed.asked and not any(seen.pods):
        message = f"there is no pod; the next one begins with revision {revision}"
        return Condition("ConfigEnforced", True, "Enforced", message)
    message = (
        f"of {counted(len(seen.ready_pods), 'ready pod')}, {len(reporting)} report; a pod does by "
        "`osnovci serve`, or by the middleware of osnovci.web"
    )
    if silent := sorted(seen.ready_pods.difference(reporting)):
        message += f": {first_of(silent)}"
    return Condition("ConfigEnforced", None, "NotReported", message)


def policy_affected(app: App, policies: Sequence[PolicyDocument]) -> Condition:
    """Name the policies that limit the app's requests, as GEP-713 asks; absent where none does."""
    names = ", ".join(policy.name for policy in policies)
    message = f"requests are limited by RateLimitPolicy {names}"
    if why := counted_as_one(app, policies):
        message += f"; {why}"
    return Condition("RateLimitPolicyAffected", True, "PolicyAffected", message)


def scaling_active(decision: Decision) -> Condition:
    """Whether the count follows the load now, and the reason of the count."""
    return Condition("ScalingActive", decision.scales, decision.reason, decision.message)
