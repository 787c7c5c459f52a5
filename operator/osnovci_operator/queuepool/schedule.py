"""What a QueuePool says of its schedules: the models of `spec.schedules` and `status.schedules`.

Pure: no I/O, no clock. Words are those of Kubernetes' CronJob where they fit.
"""

import json
from datetime import timedelta
from typing import Annotated, Any

from pydantic import AfterValidator, Field, WithJsonSchema

from osnovci.contract import Overlap, ScheduleDocument
from osnovci_operator.queuepool.clock_fields import CronText, LabelName, TimeZone
from osnovci_operator.resource import Duration, Model, rule, text

KWARGS_MAX_BYTES = 4096
"""Arguments are part of every pod's environment."""


def _small(kwargs: dict[str, Any]) -> dict[str, Any]:
    size = len(json.dumps(kwargs))
    if size > KWARGS_MAX_BYTES:
        raise ValueError(
            f"they are {size} bytes of JSON and may be {KWARGS_MAX_BYTES}: "
            "store the data and pass its name"
        )
    return kwargs


JsonObject = Annotated[
    dict[str, Any],
    AfterValidator(_small),
    WithJsonSchema(
        {"type": "object", "maxProperties": 32, "x-kubernetes-preserve-unknown-fields": True}
    ),
]


class Schedule(Model):
    """A job that is enqueued at the times of a cron expression."""

    name: LabelName
    """The schedule's name; the ids of its jobs begin with those of pool and schedule."""
    cron: CronText
    """When it is due, as in cron."""
    time_zone: TimeZone = "UTC"
    """The time zone of `cron`. A time that its clocks skip comes due after the skip; one that they repeat, once."""
    task: Annotated[
        str,
        text(
            253,
            "self.matches('^[A-Za-z_][A-Za-z0-9_]*([.][A-Za-z_][A-Za-z0-9_]*)+$')",
            "must be the full name of a task, such as homework.jobs.send_reminders",
            shortest=1,
        ),
    ]
    """The task to run, of a module that `tasks` names."""
    kwargs: JsonObject = {}
    """The task's keyword arguments."""
    queue: Annotated[str, Field(min_length=1, max_length=63)]
    """The queue of this pool that the job goes to; its timeout and retries apply."""
    overlap: Overlap = Overlap.SKIP
    """When it is due and its last job has not ended: Allow (enqueue another) or Skip (leave this time out)."""
    starting_deadline: Duration = timedelta(hours=1)
    """How late a time may still be made up for, when nobody could fire it. Of several missed, only the latest is."""

    def document(self) -> ScheduleDocument:
        """Give what whoever fires it is told."""
        return ScheduleDocument(
            name=self.name,
            cron=self.cron,
            time_zone=self.time_zone,
            task=self.task,
            kwargs=self.kwargs,
            queue=self.queue,
            overlap=self.overlap,
            starting_deadline_seconds=self.starting_deadline.total_seconds(),
        )


class ScheduleStatus(Model):
    """One schedule, as last observed."""

    name: str
    """The schedule's name."""
    next_time: Annotated[str, Field(json_schema_extra={"format": "date-time"})] | None = None
    """When it is due next."""
    last_schedule_time: Annotated[str, Field(json_schema_extra={"format": "date-time"})] | None = (
        None
    )
    """The last time that it was due and a job was enqueued for it."""
    last_job: str | None = None
    """The id of that job."""


_LIST: Any = {"x-kubernetes-list-type": "map", "x-kubernetes-list-map-keys": ["name"]}
Schedules = Annotated[list[Schedule], Field(max_length=32, json_schema_extra=_LIST)]
ScheduleStatuses = Annotated[list[ScheduleStatus], Field(json_schema_extra=_LIST)]

SCHEDULE_RULES = (
    rule(
        "!has(self.schedules) || self.schedules.all(s, self.queues.exists(q, q.name == s.queue))",
        "a schedule names a queue that this pool has not: add it to queues, or name one of those",
        ".schedules",
    ),
    rule(
        "!has(self.schedules) || "
        "self.schedules.all(s, self.tasks.exists(t, s.task.startsWith(t + '.')))",
        "a schedule's task is in no module of tasks: add its module to tasks, or correct its name",
        ".schedules",
    ),
)
