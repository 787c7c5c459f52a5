"""One job's function: found, called within its timeout, and its callbacks, in whatever runs it."""

import logging
import os
import signal
import time
import traceback
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from threading import Event
from types import FrameType
from typing import Any

from osnovci.queues.engine.jobs import Kind, Outcome
from osnovci.queues.errors import JobTimeoutError, QueueError
from osnovci.queues.payload import Format, Payload, decode, encode_error, encode_result
from osnovci.queues.running import enter, leave
from osnovci.queues.tasks import Task, find

log = logging.getLogger(__name__)
CALLBACK_SECONDS = 60.0


_armed = Event()
"""Whether SIGALRM ends a job here. Asking signal.getsignal costs 50 us where its code is not warm."""


@dataclass(frozen=True)
class Body:
    """What is to be run."""

    job_id: str
    data: bytes
    timeout: float | None
    on_success: str
    on_failure: str


def prepare(tasks: Mapping[str, Task], body: Body) -> tuple[Task, Payload]:
    """Read a job and find its function; raises QueueError where it, or a callback, may not run."""
    payload = decode(body.data)
    for name in (body.on_success, body.on_failure):
        if name:
            find(tasks, name)
    return find(tasks, payload.function), payload


def run(tasks: Mapping[str, Task], body: Body, report: Callable[[float], None]) -> Outcome:
    """Run a job in this thread to its end."""
    started = time.time()
    try:
        found, payload = prepare(tasks, body)
    except QueueError as error:
        return refused(body, error, started)
    token = enter(body.job_id, report)
    try:
        with time_limit(body.timeout):
            value = found.function(*payload.args, **payload.kwargs)
            if found.is_async:
                value = _runner().run(value)
        call_back(tasks, body, payload, body.on_success, value)
    except BaseException as error:  # noqa: BLE001  # whatever a job raises fails that job only
        return failed(tasks, body, payload, error, started)
    finally:
        leave(token)
    return Outcome(Kind.COMPLETED, encode_result(value, payload.format), started, time.time())


def refused(body: Body, error: QueueError, started: float) -> Outcome:
    """Set a job aside that may not run."""
    return Outcome(
        Kind.REFUSED,
        encode_error(f"Job {body.job_id} was set aside: {error}"),
        started,
        time.time(),
    )


def failed(
    tasks: Mapping[str, Task], body: Body, payload: Payload, error: BaseException, started: float
) -> Outcome:
    """Describe a failure, after its callback; a callback that fails is logged."""
    try:
        call_back(tasks, body, payload, body.on_failure, type(error), error, error.__traceback__)
    except Exception:
        log.exception("job %s: its on_failure callback failed", body.job_id)
    story = "".join(traceback.format_exception(error))
    return Outcome(Kind.FAILED, encode_error(story), started, time.time())


def call_back(
    tasks: Mapping[str, Task], body: Body, payload: Payload, name: str, *args: Any
) -> None:
    """Call rq's callback with rq's job and a connection; it has to be a task of the pool too."""
    if not name:
        return
    function = find(tasks, name).function
    with time_limit(CALLBACK_SECONDS):
        function(_rq_job(body.job_id, payload.format), _connection(), *args)


@contextmanager
def time_limit(seconds: float | None) -> Generator[None]:
    """Raise JobTimeoutError in the main thread of a child; elsewhere whoever runs the job watches."""
    if seconds is None or seconds <= 0 or not _armed.is_set():
        yield
        return
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def arm_time_limits() -> None:
    """Let `time_limit` interrupt the main thread of this process."""
    signal.signal(signal.SIGALRM, _on_alarm)
    _armed.set()


def _on_alarm(_signal: int, _frame: FrameType | None) -> None:
    raise JobTimeoutError("it ran longer than its timeout")


@cache
def _runner() -> Any:
    # costs memory that most children do not need
    import asyncio

    from osnovci.queues.engine.precise import precise_loop

    return asyncio.Runner(loop_factory=precise_loop)


@cache
def _connection() -> Any:
    from osnovci.contract import ENV_REDIS_URL
    from osnovci.redis_clients import for_threads

    return for_threads(os.environ[ENV_REDIS_URL])


def _rq_job(job_id: str, kind: Format) -> Any:
    """Fetch a job as rq's callbacks expect it; its data are read by our own payload rules only."""
    from rq.job import Job

    from osnovci.queues.rq_serializer import PlainSerializer

    return Job.fetch(job_id, connection=_connection(), serializer=PlainSerializer(kind))
