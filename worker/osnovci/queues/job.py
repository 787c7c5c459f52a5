"""A job and the figures of a queue as applications see them. Pure: reads what the scripts return."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any

from osnovci.queues.errors import PayloadError, QueueError
from osnovci.queues.payload import decode, decode_error, decode_result
from osnovci.queues.scripts import pairs, text


class JobStatus(StrEnum):
    """Where a job is; rq's words."""

    CREATED = "created"
    QUEUED = "queued"
    STARTED = "started"
    SCHEDULED = "scheduled"
    DEFERRED = "deferred"
    READY = "ready_to_enqueue"
    FINISHED = "finished"
    FAILED = "failed"
    STOPPED = "stopped"
    CANCELED = "canceled"


@dataclass(frozen=True)
class Job:
    """One job at one moment."""

    id: str
    queue: str
    status: JobStatus
    task: str
    """Its function's name; empty where its data cannot be read."""
    priority: int
    progress: float | None
    result: Any
    error: str
    """The traceback or the story of its last run, where that failed or was lost."""
    losses: int
    """How often its worker was gone before it ended."""
    quarantined: bool
    """It was set aside because its workers did not survive it."""
    enqueued_at: datetime | None
    started_at: datetime | None
    ended_at: datetime | None
    worker: str


@dataclass(frozen=True)
class QueueStats:
    """The figures of one queue at one moment of Redis's clock."""

    queue: str
    waiting: int
    active: int
    scheduled: int
    completed: int
    """Ever since; only the last `keepCompleted` can still be looked at."""
    failed: int
    """Kept, and so can be retried; among them the quarantined ones."""
    retried: int
    lost: int
    deferred: int
    paused: bool
    """By `pause`, until `resume`."""
    paused_by_spec: bool
    """By its pool's spec, as the operator last said."""
    oldest_wait_seconds: float


def parse_job(id: str, reply: Sequence[Any]) -> Job | None:  # noqa: A002  # its name everywhere
    """Read the reply of look.lua; raises QueueError for a status that rq does not know."""
    fields, last = pairs(reply[0]), pairs(reply[1])
    if "status" not in fields:
        return None
    return Job(
        id=id,
        queue=text(fields.get("origin")),
        status=_status(fields["status"]),
        task=_task(fields.get("data", b"")),
        priority=_whole(fields.get("priority"), 5),
        progress=_fraction(fields.get("progress")),
        result=_result(last.get("return_value")),
        error=decode_error(last["exc_string"]) if "exc_string" in last else "",
        losses=_whole(fields.get("losses"), 0),
        quarantined="quarantined" in fields,
        enqueued_at=moment(fields.get("enqueued_at")),
        started_at=moment(fields.get("started_at")),
        ended_at=moment(fields.get("ended_at")),
        worker=text(fields.get("worker_name")),
    )


def parse_stats(reply: Sequence[Any]) -> dict[str, QueueStats]:
    """Read the reply of stats.lua."""
    now_seconds = int(reply[0]) / 1000
    return {text(row[0]): _stats(row, now_seconds) for row in reply[1:]}


def _stats(row: Sequence[Any], now_seconds: float) -> QueueStats:
    oldest = moment(row[10]) if len(row) > 10 else None  # noqa: PLR2004  # Lua ends a list at nil
    return QueueStats(
        queue=text(row[0]),
        waiting=int(row[1]),
        active=int(row[2]),
        scheduled=int(row[3]),
        completed=int(row[4]),
        failed=int(row[5]),
        retried=int(row[6]),
        lost=int(row[7]),
        paused=bool(int(row[8]) & 1),
        paused_by_spec=bool(int(row[8]) & 2),
        deferred=int(row[9]),
        oldest_wait_seconds=max(now_seconds - oldest.timestamp(), 0.0) if oldest else 0.0,
    )


def moment(value: bytes | str | None) -> datetime | None:
    """Read rq's time stamp; one that is missing or odd is None."""
    try:
        found = datetime.fromisoformat(text(value))
    except ValueError:
        return None
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _status(value: bytes) -> JobStatus:
    try:
        return JobStatus(text(value))
    except ValueError:
        known = ", ".join(JobStatus)
        raise QueueError(
            f"the job's status is {text(value)!r}, which is not one of {known}"
        ) from None


def _whole(value: bytes | None, otherwise: int) -> int:
    """Read a whole number; what is missing or none is `otherwise`."""
    try:
        return int(value) if value else otherwise
    except ValueError:
        return otherwise


def _fraction(value: bytes | None) -> float | None:
    """Read a progress; None for none, and for what another program noted there."""
    try:
        return float(value) if value else None
    except ValueError:
        return None


def _task(data: bytes) -> str:
    try:
        return decode(data).function
    except PayloadError:
        return ""


def _result(value: bytes | None) -> Any:
    """Read a result; None for none, and for one that is no plain data."""
    try:
        return decode_result(value) if value else None
    except PayloadError:
        return None
