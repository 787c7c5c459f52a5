"""What a job's function may ask of the job that it runs as: how far it is, and which one.

from osnovci.queues.running import current_job_id, progress
"""

from collections.abc import Callable
from contextvars import ContextVar, Token
from dataclasses import dataclass

from osnovci.queues.errors import QueueError


@dataclass(frozen=True)
class Running:
    """The job that runs here, as its own function sees it."""

    id: str
    report: Callable[[float], None]


_running: ContextVar[Running] = ContextVar("running")


def progress(fraction: float) -> None:
    """Report from inside a job how much of it is done, from 0 to 1; seen within a second.

    Raises ValueError for anything else, QueueError where no job runs.
    """
    if not 0 <= fraction <= 1:
        raise ValueError(f"progress is a number from 0 to 1, and not {fraction!r}")
    _job("progress").report(float(fraction))


def current_job_id() -> str:
    """Give the id of the job that runs here, the same each time that it runs; raises QueueError where none does."""
    return _job("current_job_id").id


def _job(asked: str) -> Running:
    try:
        return _running.get()
    except LookupError:
        raise QueueError(
            f"{asked}: no job runs here: only a task that a worker runs asks"
        ) from None


def enter(job_id: str, report: Callable[[float], None]) -> Token[Running]:
    """Let `progress` and `current_job_id` know which job runs here, until `leave`."""
    return _running.set(Running(job_id, report))


def leave(token: Token[Running]) -> None:
    """Undo `enter`."""
    _running.reset(token)
