"""What applications do with queues: each function gives one operation, for a client to run.

    client.run(enqueue(send, to="ana@osnovci.app"))            # Queues
    await client.run(enqueue(send, to="ana@osnovci.app"))      # AsyncQueues

An operation is one round trip. One whose outcome is unknown, because the connection broke, may be
run again as it is: it carries its job's id, and the second run finds the job and changes nothing.
That holds while the job is kept (`keepCompleted`); one that ended and is not would run anew. With
`once` it holds for a day, or `once_holds`, and across restarts of the caller.
"""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cached_property
from secrets import token_hex
from typing import Any, NamedTuple

from osnovci.queues.errors import QueueError
from osnovci.queues.job import Job, QueueStats, parse_job, parse_stats
from osnovci.queues.option_rules import check
from osnovci.queues.payload import encode, encode_error
from osnovci.queues.scripts import Call, script, text
from osnovci.queues.tasks import Task, task_of
from osnovci.scripted import Argument

ONCE_HOLDS = timedelta(days=1)

PIECE = 50
"""Jobs that one call of `retry_all` or `purge` sees to: 1 ms of Redis, more on a busy machine."""


@dataclass(frozen=True)
class Options:
    """How a job is run; what is None here is the queue's own setting."""

    queue: str | None = None
    priority: int = 5
    """1 is first, 10 last; rq's own jobs count as 5."""
    delay: timedelta = timedelta()
    at: datetime | None = None
    timeout: timedelta | None = None
    retries: int | None = None
    retry_waits: Sequence[float] = ()
    """Seconds before each retry."""
    depends_on: Sequence[str] = ()
    """Ids of jobs that have to complete first; a job that is not kept counts as completed. `delay`
    and `at` count besides."""
    once: str = ""
    """An idempotency key: of all jobs with the same one only the first is accepted, also after that
    has ended and is no longer kept. One that was purged before it ever began frees its key."""
    once_holds: timedelta = ONCE_HOLDS
    """How long the key holds, from when the first job was accepted."""
    job_id: str = ""
    """By default a new one for each job."""

    def __post_init__(self) -> None:
        check(self)

    @cached_property
    def settings(self) -> Sequence[Argument]:
        """What enqueue.lua is told of a job's options; reckoned once, however many jobs have them."""
        return (
            self.priority,
            round(self.delay.total_seconds() * 1000),
            f"{self.at.astimezone(UTC).timestamp():.3f}" if self.at else "",
            self.once,
            round(self.once_holds.total_seconds() * 1000),
            json.dumps(list(self.depends_on)) if self.depends_on else "",
        )

    @cached_property
    def fields(self) -> Sequence[Argument]:
        """What a job's record says of its options: field, value, ..."""
        fields: dict[str, Argument] = {}
        if self.timeout is not None:
            fields["timeout"] = round(self.timeout.total_seconds()) or 1
        if self.retries is not None:
            fields["retries_left"] = self.retries
            fields["retry_intervals"] = json.dumps(list(self.retry_waits) or [0])
        if self.depends_on:
            fields["dependency_ids"] = json.dumps(list(self.depends_on))
        return [part for pair in fields.items() for part in pair]


DEFAULTS = Options()


class Request(NamedTuple):
    """A job that is to be accepted."""

    task: Task
    data: bytes
    options: Options
    queue: str
    job_id: str


def request(
    function: Callable[..., Any], *args: Any, options: Options | None = None, **kwargs: Any
) -> Request:
    """Prepare one job of many; raises PayloadError or UnknownTaskError where it could not run."""
    declared = task_of(function)
    data = encode(declared.name, args, kwargs)
    chosen = options or DEFAULTS
    queue, job_id = chosen.queue or declared.queue, chosen.job_id or token_hex(16)
    return Request(declared, data, chosen, queue, job_id)


def enqueue(
    function: Callable[..., Any], *args: Any, options: Options | None = None, **kwargs: Any
) -> Call[str]:
    """Accept one job; gives its id, or the id of the first one with the same idempotency key.

    Where `get` gives None for that id, the first one ran and is no longer kept.
    """
    one = request(function, *args, options=options, **kwargs)
    return Call(script("enqueue"), _arguments(one), lambda reply: text(reply[0]))


def enqueue_many(requests: Sequence[Request]) -> Call[list[str]]:
    """Accept any number of jobs in one round trip; gives their ids."""
    args = [argument for each in requests for argument in _arguments(each)]
    return Call(script("enqueue"), args, lambda reply: [text(each) for each in reply])


def _arguments(request: Request) -> list[Argument]:
    task, data, options, queue, job_id = request
    fields = ["data", data, "description", task.name, *options.fields]
    return [job_id, queue, *options.settings, len(fields) // 2, *fields]


def get(job_id: str) -> Call[Job | None]:
    """Look at a job; None where there is none (any more)."""
    return Call(script("look"), [job_id], lambda reply: parse_job(job_id, reply))


def cancel(job_id: str) -> Call[bool]:
    """Take a job back; one that runs is stopped. False where it has ended already."""
    return Call(script("manage"), ["cancel", job_id], bool)


def retry(job_id: str) -> Call[bool]:
    """Let a failed, quarantined or canceled job run again, with all its retries: its own, or its queue's."""
    return Call(script("manage"), ["retry", job_id], bool)


def retry_all(queue: str, most: int = PIECE) -> Call[int]:
    """Let so many failed jobs of a queue run again, those that go first; gives their number."""
    return Call(script("manage"), ["retry", "all", queue, most], int)


def pause(queue: str) -> Call[bool]:
    """Start no more jobs of a queue; those that run end. False where it was paused before."""
    return Call(script("manage"), ["pause", queue], bool)


def resume(queue: str) -> Call[bool]:
    """Start the jobs of a paused queue again."""
    return Call(script("manage"), ["resume", queue], bool)


def count(queue: str, place: str) -> Call[int]:
    """Count the jobs in a place of a queue, a word of PLACES."""
    return Call(script("manage"), ["count", queue, _place(place)], int)


def purge(queue: str, place: str, most: int = PIECE) -> Call[int]:
    """Delete so many jobs of a place for good, a word of PLACES; gives their number."""
    return Call(script("manage"), ["purge", queue, _place(place), most], int)


PLACES = ("waiting", "scheduled", "completed", "failed", "canceled")


def _place(word: str) -> str:
    if word not in PLACES:
        raise QueueError(f"{word!r} is not one of {', '.join(PLACES)}")
    return word


def stats(*queues: str) -> Call[dict[str, QueueStats]]:
    """Give the figures of queues, or of all, at one moment; changes nothing."""
    return Call(script("stats"), queues, parse_stats)


def release(worker: str, story: str, *, on_purpose: bool = False) -> Call[int]:
    """Let the jobs of a worker that is known to be gone run again at once; gives their number."""
    args = [worker, encode_error(story), int(on_purpose)]
    return Call(script("release"), args, int)
