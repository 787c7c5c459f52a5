"""Schedules for tests: what matters to a test is named, everything else has a default."""

from datetime import UTC, datetime
from typing import Any

from redis import Redis
from workers import NAMESPACE

from osnovci.contract import (
    Overlap,
    ScheduleDocument,
    ScheduleOutcome,
    ScheduleState,
    schedules_key,
)

POOL = "homework-jobs"


def schedule(
    name: str = "reminders",
    *,
    cron: str = "* * * * *",
    time_zone: str = "UTC",
    task: str = "queue_tasks.add",
    kwargs: dict[str, Any] | None = None,
    queue: str = "email",
    overlap: Overlap = Overlap.SKIP,
    deadline: float = 3600,
) -> ScheduleDocument:
    return ScheduleDocument(
        name=name,
        cron=cron,
        time_zone=time_zone,
        task=task,
        kwargs={"a": 1, "b": 2} if kwargs is None else kwargs,
        queue=queue,
        overlap=overlap,
        starting_deadline_seconds=deadline,
    )


def redis_now(redis: Redis) -> int:
    clock: Any = redis.time()
    return clock[0]


def remember(
    redis: Redis,
    document: ScheduleDocument,
    *,
    mark: int,
    job: str | None = None,
    namespace: str = NAMESPACE,
    rule: str = "",
) -> None:
    """Let Redis know a schedule, as dealt with up to `mark`."""
    state = ScheduleState(
        rule=rule or f"{document.cron} {document.time_zone}",
        mark=mark,
        outcome=ScheduleOutcome.BEGUN,
        job=job,
    )
    written = state.model_dump_json(exclude_none=True)
    redis.hset(schedules_key(namespace, POOL), document.name, written)


def state_of(
    redis: Redis, name: str = "reminders", namespace: str = NAMESPACE
) -> ScheduleState | None:
    text: Any = redis.hget(schedules_key(namespace, POOL), name)
    return ScheduleState.model_validate_json(text) if text else None


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)
