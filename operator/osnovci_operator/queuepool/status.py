"""What is reported of a QueuePool: its figures and conditions. Pure."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from osnovci.observation import QueueReading
from osnovci.words import counted, first_of
from osnovci_operator import conditions
from osnovci_operator.backend import Unreadable
from osnovci_operator.conditions import Condition
from osnovci_operator.labels import pool_labels, selector
from osnovci_operator.queuepool.decision import Bound, Decision
from osnovci_operator.queuepool.seen import PoolReading, ScheduleReading, Seen
from osnovci_operator.queuepool.spec import Pool
from osnovci_operator.resource import format_duration

LENGTHS = tuple(
    unit * number
    for unit in (timedelta(seconds=1), timedelta(minutes=1), timedelta(hours=1))
    for number in (0, 1, 2, 5, 10, 20, 30)
)
"""The waits that are told, the shortest first."""


@dataclass(frozen=True)
class Refusal:
    """The API server did not take the Deployment; its words say why."""

    message: str


def status(
    pool: Pool, last: dict[str, Any], seen: Seen, decision: Decision, refusal: Refusal | None
) -> dict[str, Any]:
    """Write the status that follows on the last; what could not be read keeps its figures."""
    workers, reading = seen.workers, seen.reading
    # While only the count changes, workers that are ready stay so.
    counting = last.get("observedGeneration") == pool.identity.generation
    written: dict[str, Any] = {
        "observedGeneration": pool.identity.generation,
        "replicas": workers.existing if workers else 0,
        "readyReplicas": workers.ready if workers else 0,
        "desiredReplicas": decision.desired,
        "selector": selector(pool_labels(pool.identity.name)),
    }
    if isinstance(reading, PoolReading):
        written |= {
            "busy": reading.busy,
            "waiting": reading.waiting,
            "queues": _queues(reading, pool.spec.paused),
        }
        if decision.expected_wait is not None:
            written["expectedWait"] = format_duration(_coarse(decision.expected_wait))
    else:
        kept = ("busy", "waiting", "queues", "expectedWait")
        written |= {field: last[field] for field in kept if field in last}
    if seen.schedules:
        written["schedules"] = [_schedule(each) for each in seen.schedules]
    elif seen.schedules is None and "schedules" in last:
        written["schedules"] = last["schedules"]
    written["conditions"] = conditions.merge(
        last.get("conditions", ()),
        (
            ready(seen, decision, refusal, counting=counting),
            scaling_active(decision),
            scaling_limited(decision),
            backend_reachable(seen),
            queues_paused(pool.spec.paused, seen),
            jobs_accounted(seen),
            *((scheduled(seen),) if pool.spec.schedules else ()),
        ),
        pool.identity.generation,
        seen.now,
    )
    return written


def ready(seen: Seen, decision: Decision, refusal: Refusal | None, *, counting: bool) -> Condition:
    """Whether the pool does what its spec asks; the first answer wins."""
    if decision.blocked:
        return Condition("Ready", False, decision.reason, decision.message)
    if refusal:
        return Condition("Ready", False, "PodRefused", refusal.message)
    if isinstance(seen.reading, Unreadable):
        return Condition("Ready", False, seen.reading.reason, seen.reading.message)
    if decision.bound is Bound.DATABASE and not decision.replicas:
        return Condition("Ready", False, decision.bound, decision.bound_message)
    return _workers_ready(seen, decision.replicas, counting=counting)


def _workers_ready(seen: Seen, desired: int, *, counting: bool) -> Condition:
    workers = seen.workers
    if not workers or not (workers.settled or (counting and workers.ready)):
        return Condition("Ready", False, "RollingOut", f"asked for {counted(desired, 'worker')}")
    if not desired:
        return Condition(
            "Ready", True, "NoneNeeded", "no worker is needed; the first job brings one"
        )
    trouble = workers.trouble or seen.trouble if workers.ready < desired else None
    counts = f"{workers.ready} of {counted(desired, 'worker')} ready"
    if trouble:
        counts += f"; {trouble}"
        if not workers.ready or workers.updated < min(workers.existing, desired):
            return Condition("Ready", False, "WorkersNotStarting", counts)
    if workers.updated < min(workers.existing, desired):
        return Condition(
            "Ready", False, "RollingOut", f"{counts}, {workers.updated} of the new spec"
        )
    if not workers.ready:
        return Condition("Ready", False, "WorkersStarting", counts)
    return Condition("Ready", True, "WorkersReady", counts)


def scaling_active(decision: Decision) -> Condition:
    """Whether the count follows the backlog now, and the reason of the count."""
    return Condition("ScalingActive", decision.scales, decision.reason, decision.message)


def scaling_limited(decision: Decision) -> Condition:
    """Whether a bound keeps the count from what the backlog asks for."""
    if decision.bound:
        return Condition("ScalingLimited", True, decision.bound, decision.bound_message)
    return Condition("ScalingLimited", False, "WithinBounds", "no bound limits the count")


def backend_reachable(seen: Seen) -> Condition:
    """Whether Redis was read at the last tick."""
    if isinstance(seen.reading, Unreadable):
        return Condition("BackendReachable", False, seen.reading.reason, seen.reading.message)
    return Condition("BackendReachable", True, "Reachable", "Redis answers")


def queues_paused(by_spec: frozenset[str], seen: Seen) -> Condition:
    """Whether there is a queue from which no job is taken, and who paused it."""
    if isinstance(seen.reading, Unreadable):
        return Condition("QueuesPaused", None, seen.reading.reason, seen.reading.message)
    paused = [note for each in seen.reading.queues if (note := _pause(each, by_spec))]
    if paused:
        return Condition("QueuesPaused", True, "Paused", "; ".join(paused))
    return Condition("QueuesPaused", False, "NonePaused", "jobs are taken from every queue")


def _pause(queue: QueueReading, by_spec: frozenset[str]) -> str:
    who = (
        *(("by spec.queues",) if queue.name in by_spec else ()),
        *((f"until `osnovci queue resume {queue.name}`",) if queue.paused else ()),
    )
    return f"{queue.name} is paused {' and '.join(who)}" if who else ""


def jobs_accounted(seen: Seen) -> Condition:
    """Whether each job is in exactly one place, as the last audit found."""
    accounts = seen.accounts
    if isinstance(seen.reading, Unreadable):
        message = f"the jobs cannot be audited: {seen.reading.message}"
        return Condition("JobsAccounted", None, seen.reading.reason, message)
    if not accounts:
        return Condition("JobsAccounted", None, "NotAuditedYet", "the first audit is to come")
    if accounts.left:
        return Condition("JobsAccounted", False, "Unaccounted", first_of(accounts.left))
    if accounts.unknown:
        return Condition("JobsAccounted", None, "AuditFailed", accounts.unknown)
    each = f"{counted(accounts.jobs, 'job')}, each in exactly one place"
    return Condition("JobsAccounted", True, "AllAccounted", each if accounts.jobs else "no jobs")


def scheduled(seen: Seen) -> Condition:
    """Whether every schedule can fire, and which does next."""
    if seen.schedules is None or isinstance(seen.reading, Unreadable):
        message = "Redis was not asked for the schedules, or did not answer; what is shown is old"
        return Condition("Scheduled", None, "NotObserved", message)
    for each in seen.schedules:
        if each.broken:
            message = f"schedule {each.name} never fires, the others do: {each.broken}"
            return Condition("Scheduled", False, "InvalidSchedule", message)
    coming = [(each.upcoming, each.name) for each in seen.schedules if each.upcoming]
    upcoming = min(coming, default=None)
    next_one = f"; next: {upcoming[1]} at {conditions.timestamp(upcoming[0])}" if upcoming else ""
    return Condition(
        "Scheduled", True, "Scheduled", f"{counted(len(seen.schedules), 'schedule')}{next_one}"
    )


def _schedule(reading: ScheduleReading) -> dict[str, Any]:
    written: dict[str, Any] = {"name": reading.name}
    if reading.upcoming:
        written["nextTime"] = conditions.timestamp(reading.upcoming)
    if reading.fired:
        written["lastScheduleTime"] = conditions.timestamp(reading.fired)
    if reading.job:
        written["lastJob"] = reading.job
    return written


def _queues(reading: PoolReading, by_spec: frozenset[str]) -> list[dict[str, Any]]:
    return [
        {
            "name": queue.name,
            "waiting": queue.waiting,
            "active": queue.active,
            "scheduled": queue.scheduled,
            "completed": queue.completed,
            "failed": queue.failed,
            "paused": queue.paused or queue.name in by_spec,
            "oldestWait": format_duration(_rounded(queue.oldest_wait)),
        }
        for queue in reading.queues
    ]


def _rounded(length: timedelta) -> timedelta:
    """Round down to seconds, minutes or hours, so that a job that waits long costs few writes."""
    units = (timedelta(hours=1), timedelta(minutes=1), timedelta(seconds=1))
    unit = next((each for each in units if length >= each), units[-1])
    return length // unit * unit


def _coarse(length: timedelta) -> timedelta:
    """Round up to one of few lengths, so that an estimate is written when it means something new."""
    return next((each for each in LENGTHS if length <= each), LENGTHS[-1])
