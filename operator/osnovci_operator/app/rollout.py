"""Which revision of an app is rolled out: the one that the spec asks for, or the last good one.

A revision is the pod template and the config document together. What happened to revisions is noted
in annotations of the Deployment, so a new leader goes on where the last one was; the templates
themselves are in the ReplicaSets that Kubernetes keeps. Pure: no I/O, no clock.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any

from pydantic import ValidationError

from osnovci.app_contract import AppDocument
from osnovci_operator.app.migration import Run, State
from osnovci_operator.app.reports import Reports
from osnovci_operator.app.seen import APPLIED_AT, Deployed, Pace, Seen
from osnovci_operator.conditions import timestamp
from osnovci_operator.labels import release_of

APPLIED = "osnovci.app/revision"
GOOD_TEMPLATE = "osnovci.app/good-template"
GOOD_DOCUMENT = "osnovci.app/good-document"
REFUSED = "osnovci.app/refused-revision"
REFUSED_WHY = "osnovci.app/refused-why"
MIGRATED = "osnovci.app/migrated"
"""Migrations that have succeeded, by their digests, the last one first."""

WHY_MAX = 700
MIGRATIONS_MAX = 12
"""More than Kubernetes keeps revisions to go back to."""


@dataclass(frozen=True)
class Revision:
    """What is rolled out as one."""

    template: dict[str, Any]
    document: AppDocument
    migration: str = ""
    """The digest of what has to succeed before; empty where nothing has."""

    @property
    def release(self) -> str:
        """The release that its pods are of."""
        return release_of(self.template["metadata"])

    @property
    def name(self) -> str:
        """Tell it from others, by what it holds."""
        content: list[Any] = [self.template, self.document.model_dump(mode="json")]
        if self.migration:
            content.append(self.migration)
        return sha256(json.dumps(content, sort_keys=True).encode()).hexdigest()[:12]


@dataclass(frozen=True)
class Course:
    """The revision that is applied, and what is noted beside it."""

    revision: Revision
    notes: Mapping[str, str]
    refused: str = ""
    """Why the revision that the spec asks for was given up; empty where it was not."""
    migration: Run | None = None
    """The migration that keeps that revision back: it is to succeed first, or has failed."""
    proven: bool = False
    """Whether that revision is good: all of its pods are available, and run its config."""
    holds: str = ""
    """What that revision, or its migration, waits for: pools have to shrink before it opens more."""
    pace: Pace | None = None
    """That of the Deployment, for as long; it becomes no faster."""
    deploys: bool = True
    """Whether there is a revision to apply; the first one's migration comes before any."""

    @property
    def migrates(self) -> bool:
        """Whether a migration is to be started."""
        return bool(self.migration and self.migration.state is State.ABSENT and not self.refused)


@dataclass(frozen=True)
class _Memory:
    """What the Deployment's annotations tell."""

    applied: str = ""
    applied_at: str = ""
    good_template: str = ""
    good_document: str = ""
    refused: str = ""
    why: str = ""
    migrated: tuple[str, ...] = ()

    @classmethod
    def parse(cls, notes: Mapping[str, str]) -> "_Memory":
        keys = (APPLIED, APPLIED_AT, GOOD_TEMPLATE, GOOD_DOCUMENT, REFUSED, REFUSED_WHY)
        return cls(*(notes.get(key, "") for key in keys), migrated=migrated(notes))

    def notes(self) -> dict[str, str]:
        written = {
            APPLIED: self.applied,
            APPLIED_AT: self.applied_at,
            GOOD_TEMPLATE: self.good_template,
            GOOD_DOCUMENT: self.good_document,
            REFUSED: self.refused,
            REFUSED_WHY: self.why,
            MIGRATED: " ".join(self.migrated),
        }
        return {key: value for key, value in written.items() if value}

    def good(self, templates: Mapping[str, dict[str, Any]]) -> Revision | None:
        """Give the last good revision, as long as Kubernetes keeps its template."""
        template = templates.get(self.good_template)
        try:
            document = AppDocument.model_validate_json(self.good_document)
        except ValidationError:  # Somebody else has written there.
            return None
        return Revision(template, document) if template else None

    def applying(self, revision: Revision, now: datetime) -> "_Memory":
        """Remember what is applied, and since when."""
        if self.applied == revision.name:
            return self
        return replace(self, applied=revision.name, applied_at=timestamp(now))

    def having(self, run: Run | None) -> "_Memory":
        """Remember a migration that has succeeded."""
        if not run or run.digest in self.migrated:
            return self
        return replace(self, migrated=(run.digest, *self.migrated)[:MIGRATIONS_MAX])


def migrated(notes: Mapping[str, str]) -> tuple[str, ...]:
    """Read which migrations have succeeded from a Deployment's annotations."""
    return tuple(notes.get(MIGRATED, "").split())


def course(wanted: Revision, seen: Seen, deadline: str, holds: str = "") -> Course:
    """Choose the revision; `deadline` is how long a rollout may stand still.

    What it `holds` for, if anything, is the room for its connections.
    """
    deployed, run = seen.deployed, seen.migration
    if not deployed:
        return _first(wanted, run, seen.now, holds)
    if holds and run and run.state is State.ABSENT:
        seen = replace(seen, migration=None)  # It waits, too: for the room of its connection.
    memory = _Memory.parse(deployed.notes)
    good = memory.good(deployed.templates)
    if halted := _halted(wanted, seen, deployed, good, memory):
        return halted
    if holds:
        standing = _standing(wanted, seen, deployed, good, memory)
        return Course(standing, memory.notes(), holds=holds, pace=deployed.pace)
    memory = memory.having(run)
    reports = seen.reports if isinstance(seen.reports, Reports) else None
    if reports and not reports.is_about(wanted.document):
        reports = None
    tried = memory.applied == wanted.name
    if (
        good
        and tried
        and not _is_good(wanted, deployed, good, memory)
        and (why := _failure(seen, deployed, memory, reports, deadline))
    ):
        return _back(good, replace(memory, refused=wanted.name, why=why[:WHY_MAX]), seen)
    kept = replace(memory.applying(wanted, seen.now), refused="", why="")
    in_force = reports is not None and reports.in_force(seen.ready_pods)
    proven = tried and deployed.complete and in_force and bool(deployed.template_hash)
    if proven:
        kept = replace(
            kept,
            good_template=deployed.template_hash,
            good_document=wanted.document.model_dump_json(),
        )
    return Course(wanted, kept.notes(), proven=proven)


def _first(wanted: Revision, run: Run | None, now: datetime, holds: str) -> Course:
    """Choose where there is no Deployment: nothing is applied before the migration has succeeded."""
    notes = _Memory().applying(wanted, now)
    if not run or run.state is State.SUCCEEDED:
        return Course(wanted, notes.having(run).notes())
    if holds and run.state is State.ABSENT:
        return Course(wanted, notes.notes(), holds=holds, deploys=False)
    refused = run.words if run.state is State.FAILED else ""
    return Course(wanted, notes.notes(), refused, run, deploys=False)


def _halted(
    wanted: Revision, seen: Seen, deployed: Deployed, good: Revision | None, memory: _Memory
) -> Course | None:
    """Keep what runs while a revision is refused, or its migration is on its way; None goes on."""
    run = seen.migration if seen.migration and seen.migration.state is not State.SUCCEEDED else None
    standing = _standing(wanted, seen, deployed, good, memory)
    if memory.refused == wanted.name and (good or run):
        return _back(good or standing, memory, seen, run)
    if run and run.state is State.FAILED:
        failed = replace(memory, refused=wanted.name, why=run.words[:WHY_MAX])
        return _back(good or standing, failed, seen, run)
    return Course(standing, memory.notes(), migration=run) if run else None


def _standing(
    wanted: Revision, seen: Seen, deployed: Deployed, good: Revision | None, memory: _Memory
) -> Revision:
    """Give the revision that the Deployment has."""
    if good and deployed.template_hash == memory.good_template:
        return good  # The same, and its pools are of the size that was asked for.
    release = release_of(deployed.template["metadata"])
    return Revision(deployed.template, seen.standing.get(release, wanted.document))


def _is_good(wanted: Revision, deployed: Deployed, good: Revision, memory: _Memory) -> bool:
    """Whether what is tried is the last good one; it may lack room or a database, and is no worse.

    Templates are compared by the name that Kubernetes gave them: the kept one has its defaults.
    """
    return good.document == wanted.document and deployed.template_hash == memory.good_template


def _failure(
    seen: Seen, deployed: Deployed, memory: _Memory, reports: Reports | None, deadline: str
) -> str | None:
    """Say why the revision that is tried has failed; None while it has not."""
    if reports and reports.is_refused(judges := seen.judges(reports)):
        return reports.refusal(judges)
    if not deployed.stalled or deployed.template_hash == memory.good_template:
        return None
    words = deployed.trouble or seen.trouble or "its pods run and do not answer that they are ready"
    return f"the new revision did not become ready within {deadline}: {words}"


def _back(to: Revision, memory: _Memory, seen: Seen, run: Run | None = None) -> Course:
    return Course(to, memory.applying(to, seen.now).notes(), memory.why, run)
