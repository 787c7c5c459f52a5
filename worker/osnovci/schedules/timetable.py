"""The schedules of one pool: what to ask Redis, and what its answer says. Pure.

Whoever fires them proposes moments, and Redis decides by its own clock: the script takes a moment
only where it is due, the latest, and reckoned from the state that Redis still has.
"""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from osnovci.contract import Overlap, ScheduleDocument, ScheduleOutcome, ScheduleState
from osnovci.queues.errors import PayloadError
from osnovci.queues.payload import encode
from osnovci.queues.scripts import Call, script, text
from osnovci.schedules.cron import Cron, CronError

NEAR_SECONDS = 5
"""A moment this near is proposed; before that, only its schedule is named."""


@dataclass(frozen=True)
class Happening:
    """What became of a moment of a schedule."""

    schedule: str
    outcome: ScheduleOutcome
    moment: datetime
    job: str

    def __str__(self) -> str:
        """Write it as a sentence for people."""
        when = f"schedule {self.schedule}, due at {self.moment:%Y-%m-%dT%H:%M:%SZ}"
        return {
            ScheduleOutcome.BEGUN: f"schedule {self.schedule} begins at its next time",
            ScheduleOutcome.FIRED: f"{when}: enqueued {self.job}",
            ScheduleOutcome.SKIPPED: f"{when}: skipped, since its last job {self.job} has not ended;"
            " set overlap: Allow to run it anyway",
            ScheduleOutcome.MISSED: f"{when}: missed, since nobody could fire it within its"
            " startingDeadline",
        }[self.outcome]


@dataclass(frozen=True)
class Reply:
    """What Redis answered: its time, and the states; None where another sees to them."""

    now: float
    states: tuple[ScheduleState | None, ...] | None
    dealt: frozenset[str] = frozenset()
    """The schedules with a moment that this very call fired, skipped or gave up."""


@dataclass(frozen=True)
class _Proposal:
    mark: int
    moment: int
    following: int


@dataclass
class _Entry:
    """One schedule, and what is known of it."""

    document: ScheduleDocument
    cron: Cron
    data: str
    state: ScheduleState | None = None
    proposal: _Proposal | None = None

    @property
    def rule(self) -> str:
        return rule(self.document)

    def take(self, state: ScheduleState | None, now: float) -> None:
        """Take in a state, and reckon the next moment where the one known no longer holds."""
        self.state = state
        if state is None or state.rule != self.rule:
            self.proposal = None
            return
        known = self.proposal
        if not known or known.mark != state.mark or now >= known.following:
            self.proposal = propose(self.cron, state.mark, now)

    def near(self, now: float) -> bool:
        return self.proposal is not None and self.proposal.moment <= now + NEAR_SECONDS


def rule(document: ScheduleDocument) -> str:
    """Write what decides a schedule's moments."""
    return f"{document.cron} {document.time_zone}"


def propose(cron: Cron, mark: int, now: float) -> _Proposal | None:
    """Give the moment to fire next: of several missed the latest, or else the first to come."""
    second = int(now)
    moment = cron.latest(mark, second) or cron.after(max(mark, second))
    following = cron.after(moment) if moment is not None else None
    if moment is None or following is None:
        return None
    return _Proposal(mark, moment, following)


class Timetable:
    """The schedules of one pool, as one caller knows them."""

    def __init__(
        self, pool: str, documents: Sequence[ScheduleDocument], keep_ms: int = 0, uid: str = ""
    ) -> None:
        """Read the schedules.

        `keep_ms` is for how long workers are kept from them, and `uid` the pool's; a worker has neither.
        """
        self.pool = pool
        self.uid = uid
        self.documents = documents
        self.broken: dict[str, str] = {}
        """Schedules that cannot fire, by name, and why."""
        self._keep_ms = keep_ms
        self._now = 0.0
        self._entries: list[_Entry] = []
        for document in documents:
            try:
                self._entries.append(_entry(document))
            except (CronError, PayloadError) as error:
                self.broken[document.name] = str(error)

    def call(self) -> Call[Reply]:
        """Give the operation that fires what is due, for a client to run and `take` its reply."""
        asked = json.dumps([self._ask(entry) for entry in self._entries])
        return Call(script("fire"), [self.pool, self._keep_ms, self.uid, asked], _parse)

    def take(self, reply: Reply) -> list[Happening]:
        """Take in what Redis answered; give what this call brought about."""
        self._now = reply.now
        states = (None,) * len(self._entries) if reply.states is None else reply.states
        happened: list[Happening] = []
        for entry, state in zip(self._entries, states, strict=True):
            entry.take(state, reply.now)
            if state and entry.document.name in reply.dealt:
                happened.append(_happening(entry, state))
        return happened

    @property
    def overdue(self) -> bool:
        """Whether a moment is due by Redis's last time: ask again at once."""
        proposals = (entry.proposal for entry in self._entries)
        return any(each.moment <= self._now for each in proposals if each)

    def upcoming(self, name: str) -> int | None:
        """Give the next moment of a schedule, where it is known."""
        found = next((each for each in self._entries if each.document.name == name), None)
        return found.proposal.moment if found and found.proposal else None

    def state(self, name: str) -> ScheduleState | None:
        """Give what Redis last said of a schedule."""
        return next((each.state for each in self._entries if each.document.name == name), None)

    def _ask(self, entry: _Entry) -> dict[str, Any]:
        document, proposal = entry.document, entry.proposal
        named = {"name": document.name, "rule": entry.rule}
        if not proposal or not entry.near(self._now):
            return named
        return named | {
            "mark": proposal.mark,
            "moment": proposal.moment,
            "following": proposal.following,
            "deadline": document.starting_deadline_seconds,
            "skip": document.overlap is Overlap.SKIP,
            "job": job_id(self.pool, document.name, proposal.moment),
            "queue": document.queue,
            "task": document.task,
            "data": entry.data,
        }


def job_id(pool: str, schedule: str, moment: int) -> str:
    """Name the one job of a moment; rq's ids have no dot, and names of pools no underscore."""
    when = datetime.fromtimestamp(moment, UTC)
    return f"{pool.replace('.', '__')}_{schedule}_{when:%Y%m%dT%H%M%SZ}"


def _entry(document: ScheduleDocument) -> _Entry:
    cron = Cron.parse(document.cron, document.time_zone)
    return _Entry(document, cron, encode(document.task, (), document.kwargs).decode())


def _parse(reply: Any) -> Reply:
    now, *rest = reply
    if not rest:
        return Reply(float(now), None)
    states, dealt = rest
    return Reply(float(now), tuple(map(_state, states)), frozenset(map(text, dealt)))


def _state(written: Any) -> ScheduleState | None:
    try:
        return ScheduleState.model_validate_json(written)
    except ValidationError:
        return None


def _happening(entry: _Entry, state: ScheduleState) -> Happening:
    moment = datetime.fromtimestamp(state.mark, UTC)
    return Happening(entry.document.name, state.outcome, moment, state.job or "")
