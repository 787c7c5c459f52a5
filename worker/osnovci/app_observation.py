"""One read of Redis for all apps of a namespace: what to ask, and how to read the answer.

Used by the operator's tick. Pure: the script's text, its arguments, its reply.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import ValidationError

from osnovci.app_contract import AppHeartbeat, app_heartbeat_key, config_key
from osnovci.config.revision import ConfigError, revision_number
from osnovci.contract import DOCUMENT_MAX_BYTES
from osnovci.limit_contract import denials_key, top_key
from osnovci.observation import UnexpectedReplyError
from osnovci.scripted import Script

SCRIPT = Script.read("osnovci", "observe_apps")


@dataclass(frozen=True)
class AppQuestion:
    """An app that is asked for: its pods, the most processes that one of them runs, its releases."""

    app: str
    pods: tuple[str, ...]
    processes: int = 1
    releases: tuple[str, ...] = ("",)
    policies: tuple[str, ...] = ()
    """Those whose denials are asked for."""


@dataclass(frozen=True)
class Top:
    """One who was denied often."""

    limit: str
    subject: str
    denied: int


@dataclass(frozen=True)
class Denials:
    """What a policy's limits denied since it is in force."""

    denied: int = 0
    would_deny: int = 0
    top: tuple[Top, ...] = ()
    """Those most often denied, first the most."""


@dataclass(frozen=True)
class Mark:
    """What Redis holds as the newest document of a release."""

    revision: int
    checksum: str


@dataclass(frozen=True)
class AppReading:
    """One app at one moment."""

    app: str
    newest: Mapping[str, Mark | None]
    """By release; None where nothing was published, or what is there cannot be read: publish it."""
    heartbeats: dict[str, tuple[AppHeartbeat, ...]]
    """By pod, one a process; a pod that reports nothing is missing, and one of its processes may be."""
    denials: dict[str, Denials] = field(default_factory=dict[str, Denials])
    """By policy; one that cannot be read is missing."""


def arguments(namespace: str, questions: Sequence[AppQuestion]) -> list[str]:
    """Give the script's arguments."""
    configs = [config_key(namespace, app, release) for app, release in _releases(questions)]
    policies = _policies(questions)
    limits = [
        word
        for app, policy in policies
        for word in (denials_key(namespace, app), policy, top_key(namespace, app, policy))
    ]
    heartbeats = [app_heartbeat_key(namespace, pod, n) for _, pod, n in _processes(questions)]
    sizes = (DOCUMENT_MAX_BYTES, len(configs), len(policies))
    return [*map(str, sizes), *configs, *limits, *heartbeats]


def parse(reply: Any, questions: Sequence[AppQuestion]) -> dict[str, AppReading]:
    """Read the script's reply to `arguments` of the same questions; by app.

    Raises UnexpectedReplyError where it is no reply of the script.
    """
    try:
        marks, counts, documents = (json.loads(text) for text in reply)
        newest: dict[str, dict[str, Mark | None]] = {each.app: {} for each in questions}
        for (app, release), mark in zip(_releases(questions), marks, strict=True):
            newest[app][release] = _mark(mark)
        beats: dict[str, dict[str, tuple[AppHeartbeat, ...]]] = {each.app: {} for each in questions}
        for asked, document in zip(_processes(questions), documents, strict=True):
            beat = _heartbeat(asked, document)
            if beat:
                pods = beats[beat.app]
                pods[beat.pod] = (*pods.get(beat.pod, ()), beat)
        denials: dict[str, dict[str, Denials]] = {each.app: {} for each in questions}
        for (app, policy), row in zip(_policies(questions), counts, strict=True):
            if row:
                denials[app][policy] = _denials(row)
    except (ValueError, TypeError, RecursionError) as error:
        raise UnexpectedReplyError("no reply of the script that was sent") from error
    return {app: AppReading(app, newest[app], beats[app], denials[app]) for app in newest}


def _releases(questions: Sequence[AppQuestion]) -> list[tuple[str, str]]:
    return [(each.app, release) for each in questions for release in each.releases]


def _processes(questions: Sequence[AppQuestion]) -> list[tuple[str, str, int]]:
    return [(q.app, pod, n) for q in questions for pod in q.pods for n in range(q.processes)]


def _policies(questions: Sequence[AppQuestion]) -> list[tuple[str, str]]:
    return [(q.app, policy) for q in questions for policy in q.policies]


def _denials(row: Any) -> Denials:
    """Read the counts of a policy; what somebody else wrote counts nothing."""
    denied, would_deny, ranked = row
    ranked = ranked or []
    top = [
        Top(limit, subject, _count(score))
        for member, score in zip(ranked[::2], ranked[1::2], strict=True)
        if member
        for limit, _, subject in (member.partition(" "),)
        if subject
    ]
    return Denials(_count(denied), _count(would_deny), tuple(top))


def _count(text: Any) -> int:
    """Read a count, which a sorted set writes as a fraction when it is large."""
    try:
        return max(int(float(text)), 0)
    except (ValueError, OverflowError):
        return 0


def _mark(fields: Any) -> Mark | None:
    if not fields:
        return None
    revision, checksum = fields
    try:
        return Mark(revision_number(revision), str(checksum))
    except ConfigError:
        return None


def _heartbeat(asked: tuple[str, str, int], document: Any) -> AppHeartbeat | None:
    """A heartbeat speaks only for its own process."""
    try:
        beat = AppHeartbeat.model_validate_json(document)
    except (ValidationError, TypeError):
        return None
    return beat if (beat.app, beat.pod, beat.process) == asked else None
