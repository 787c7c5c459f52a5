"""One read of Redis for any number of queues and pods: what to ask, and how to read the answer.

Used by the operator's tick and by statistics. Pure: the script's text, its arguments, its reply.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from pydantic import ValidationError

from osnovci.contract import (
    DOCUMENT_MAX_BYTES,
    DrainRequest,
    Heartbeat,
    drain_key,
    heartbeat_key,
    key_prefix,
)
from osnovci.scripted import Script

SCRIPT = Script.read("osnovci", "observe")


class UnexpectedReplyError(Exception):
    """Redis answered with something that the script never returns."""


@dataclass(frozen=True)
class QueueReading:
    """The jobs of one queue at one moment."""

    name: str
    waiting: int
    active: int
    due: int
    """Scheduled jobs that fall due within the horizon that was asked for."""
    scheduled: int
    completed: int
    """Completed jobs that are kept."""
    failed: int
    """Failed jobs that are kept."""
    departed: int
    """Runs that ever ended, in whatever way: what left `active` for good or to come again."""
    paused: bool
    """By `osnovci queue pause` or the API; what a pool's spec pauses is not known here."""
    rate_taken: int
    """Jobs that started and that its rate still counts at the horizon."""
    oldest_wait: timedelta

    def figures(self) -> "QueueReading":
        """Give the reading without what time alone changes, to tell whether anything happened."""
        return replace(self, oldest_wait=timedelta())


@dataclass(frozen=True)
class Observation:
    """Everything that was asked for, at one moment of Redis's clock."""

    at: datetime
    queues: dict[str, QueueReading | str]
    """By name; a string says why a queue could not be read."""
    heartbeats: dict[str, Heartbeat]
    """By pod; without those that are missing, too large or of another pod."""
    requests: dict[str, DrainRequest]
    """The drain requests that stand, by pod."""
    asked: tuple[tuple[str, ...], tuple[str, ...]]
    """The queues and pods that were asked for."""
    texts: tuple[str, ...]
    """The reply as it came, to know it again."""

    @property
    def ages(self) -> bool:
        """Whether time alone changes it: a job waits and grows older."""
        rows = (each for each in self.queues.values() if isinstance(each, QueueReading))
        return any(each.waiting for each in rows)


def arguments(namespace: str, horizons: Mapping[str, timedelta], pods: Sequence[str]) -> list[str]:
    """Give the script's arguments: queues, each with how soon a job of it counts as due, and pods."""
    head = [str(DOCUMENT_MAX_BYTES), key_prefix(namespace), str(len(horizons))]
    queues = [text for name, soon in horizons.items() for text in (name, str(soon.total_seconds()))]
    documents = [name(namespace, pod) for name in (heartbeat_key, drain_key) for pod in pods]
    return [*head, *queues, *documents]


def parse(
    reply: Any, queues: Sequence[str], pods: Sequence[str], last: Observation | None = None
) -> Observation:
    """Read the script's reply to `arguments` of the same queues and pods.

    What the reply repeats of the last observation is taken from there, which makes a tick with
    nothing new cheap. Raises UnexpectedReplyError where it is no reply of the script.
    """
    try:
        seconds, micros, *texts = reply
        at = datetime.fromtimestamp(int(seconds) + int(micros) / 1e6, UTC)
        asked = (tuple(queues), tuple(pods))
        if last and last.asked == asked and last.texts == tuple(texts) and not last.ages:
            return replace(last, at=at)
        rows, documents = (json.loads(text) for text in texts)
        readings = {
            name: row if isinstance(row, str) else _reading(name, row, at)
            for name, row in zip(queues, rows, strict=True)
        }
        heartbeats, requests = documents[: len(pods)], documents[len(pods) :]
        beats = {
            pod: beat
            for pod, document in zip(pods, heartbeats, strict=True)
            if (beat := _heartbeat(pod, document))
        }
        drains = {
            pod: request
            for pod, document in zip(pods, requests, strict=True)
            if (request := DrainRequest.read(document))
        }
    except (ValueError, TypeError, OverflowError, RecursionError) as error:
        raise UnexpectedReplyError("no reply of the script that was sent") from error
    return Observation(at, readings, beats, drains, asked, tuple(texts))


def _reading(name: str, row: list[Any], at: datetime) -> QueueReading:
    waiting, active, due, scheduled, completed, failed, departed, paused, taken, enqueued_at = row
    oldest = at - _moment(enqueued_at, at) if waiting else timedelta()
    return QueueReading(
        name=name,
        waiting=int(waiting),
        active=int(active),
        due=int(due),
        scheduled=int(scheduled),
        completed=int(completed),
        failed=int(failed),
        departed=int(departed),
        paused=bool(paused),
        rate_taken=int(taken),
        oldest_wait=max(oldest, timedelta()),
    )


def _moment(text: Any, otherwise: datetime) -> datetime:
    """Read rq's time stamp; one that is missing or odd counts as `otherwise`."""
    try:
        moment = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return otherwise
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _heartbeat(pod: str, document: Any) -> Heartbeat | None:
    """A heartbeat speaks only for its own pod."""
    try:
        beat = Heartbeat.model_validate_json(document)
    except (ValidationError, TypeError):
        return None
    return beat if beat.pod == pod else None
