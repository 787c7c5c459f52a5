"""What a QueuePool says of one queue. Pure: no I/O, no clock."""

from datetime import timedelta
from typing import Annotated

from pydantic import Field

from osnovci.contract import QueueDocument, RateDocument, RetryDocument
from osnovci_operator.resource import Duration, Model, rule, rules, text


class Retries(Model):
    """How often, and after which waits, a failed job runs again."""

    limit: Annotated[int, Field(ge=0, le=100)] = 3
    """How many retries follow the first run; 0 means none."""
    initial: Duration = timedelta(seconds=1)
    """The wait before the first retry."""
    factor: Annotated[float, Field(ge=1, le=10)] = 2
    """By what each further wait grows: initial, initial x factor, initial x factor^2."""
    max: Duration = timedelta(minutes=1)
    """The longest wait between two runs."""


class Rate(Model):
    """How fast the jobs of a queue may start."""

    model_config = {
        "json_schema_extra": rules(
            rule(
                "duration(self.window) >= duration('100ms')",
                "window is below 100ms: give both limit and window for a longer time",
                ".window",
            )
        )
    }

    limit: Annotated[int, Field(ge=1, le=1_000_000)]
    """So many jobs start in a window at most, wherever it begins. A start may count up to a thousandth
    of the window longer."""
    window: Duration
    """The length of time that the limit is for, at least 100ms."""

    def starts(self, within: timedelta, taken: int) -> int:
        """Give how many jobs may start within a time, at the end of which `taken` starts still count."""
        return max(self.limit - taken, 0) + within // self.window * self.limit


class Queue(Model):
    """One queue and how its jobs run."""

    name: Annotated[
        str,
        text(
            63,
            "self.matches('^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$')",
            "must begin and end with a letter or digit, with . _ - between: email, report-2",
            shortest=1,
        ),
    ]
    """The queue's name, as programs enqueue to it."""
    timeout: Duration = timedelta(minutes=3)
    """How long a job may run, unless it was enqueued with a timeout of its own."""
    retries: Retries = Retries()
    """Retries of a failed job, unless it was enqueued with its own."""
    keep_completed: Annotated[int, Field(ge=0, le=100_000)] = 100
    """How many completed jobs are kept to look at; older ones are removed."""
    keep_failed: Annotated[int, Field(ge=0, le=100_000)] = 500
    """How many failed jobs are kept to look at and retry; older ones are removed."""
    paused: bool = False
    """Take no job from this queue; jobs that run end, and new ones wait."""
    max_active: Annotated[int, Field(ge=1, le=100_000)] | None = None
    """How many jobs of the queue may run at a time, in all pods together; by default any number."""
    rate: Rate | None = None
    """How many jobs of the queue may start in a length of time, in all pods together; by default any number."""

    def document(self) -> QueueDocument:
        """Give what the workers are told of the queue."""
        return QueueDocument(
            name=self.name,
            timeout_seconds=self.timeout.total_seconds(),
            retries=RetryDocument(
                limit=self.retries.limit,
                initial_seconds=self.retries.initial.total_seconds(),
                factor=self.retries.factor,
                max_seconds=self.retries.max.total_seconds(),
            ),
            keep_completed=self.keep_completed,
            keep_failed=self.keep_failed,
            paused=self.paused,
            max_active=self.max_active,
            rate=self.rate
            and RateDocument(
                limit=self.rate.limit, window_seconds=self.rate.window.total_seconds()
            ),
        )
