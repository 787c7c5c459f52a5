"""What comes before the application: the session of a request and all limits that it meets.

Both are asked for in one command on one connection, so that one wait, and one failure, is for both.
"""

import time
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from redis.exceptions import NoScriptError, ResponseError

from osnovci.limit_contract import Per
from osnovci.limits.guard import LimiterAwayError
from osnovci.limits.limit import Decision, Question
from osnovci.limits.policies import Rule, windows
from osnovci.limits.with_session import SessionQuestion
from osnovci.line import packed
from osnovci.scripted import AWAY
from osnovci.web.asgi import Scope
from osnovci.web.limits import WebLimits
from osnovci.web.verdict import PASSED, Verdict, closed, verdict

if TYPE_CHECKING:
    from osnovci.sessions.middleware import Sessions
    from osnovci.sessions.visit import Visit

KEPT = 2048
"""So many questions are kept as they are sent: who comes, comes again. About 6 MB."""


class Whose(NamedTuple):
    """Where a request comes from, and by whom."""

    client: str
    user: str | None
    session_key: str
    """Empty where the request says that it has none."""
    ttl_ms: int
    """Of the session."""
    is_told: bool
    """Whose it is, the application says, and so it is whatever becomes of the session."""


class Prepared(NamedTuple):
    """What is asked for a request, and how it is sent."""

    question: Question
    with_session: SessionQuestion | None
    packed: bytes


class Admission:
    """Lets requests in, or gives the answer in the application's place."""

    def __init__(self, limits: WebLimits, sessions: "Sessions | None") -> None:
        self._limits = limits
        self._sessions = sessions
        self._prepared = lru_cache(KEPT)(_prepared)

    @property
    def is_open(self) -> bool:
        """Whether nothing is asked of any request."""
        return self._sessions is None and self._limits.are_none

    async def admit(self, scope: Scope) -> Verdict:
        """Count a request in all limits that it meets, and open its visit where there are sessions."""
        sessions, limits = self._sessions, self._limits
        visit = sessions.visit(scope) if sessions else None
        client = limits.client(scope)
        rules = limits.policies.met(client, scope["path"], scope.get("method", "GET"))
        if rules:
            asked = self._prepared(rules, self._whose(scope, client.subject, visit))
            try:
                found = verdict(await self._ask(asked, visit))
            except LimiterAwayError as error:
                return closed(error)
            if found.refusal:
                return found
        else:
            found = PASSED
        if visit:
            await visit.open()
        return found

    def _whose(self, scope: Scope, client: str, visit: "Visit | None") -> Whose:
        key, ttl_ms = (visit.key, visit.ttl_ms) if visit else ("", 0)
        if self._limits.identify:
            told = self._limits.identify(scope)
            return Whose(client, told.id if told else None, key, ttl_ms, True)
        return Whose(client, visit.user if visit else None, key, ttl_ms, False)

    async def _ask(self, asked: Prepared, visit: "Visit | None") -> Decision:
        """Decide in at most one round trip; raises LimiterAwayError."""
        guard, line, question = self._limits.guard, self._limits.line, asked.question
        if asked.with_session and self._sessions:
            # Without an answer it would be an error, so it has longer to come.
            line = self._sessions.line
        now = time.monotonic()
        if line is None:
            return guard.alone(question, now)
        decision = guard.known(question, now)
        if decision is None:
            try:
                try:
                    reply = await line.put(asked.packed)
                except NoScriptError:
                    call = asked.with_session or question
                    reply = await line.execute_command(*call.in_full)
            except AWAY as error:
                is_refused = isinstance(error, ResponseError)
                decision = guard.failed(
                    question, error, now, time.monotonic(), is_refused=is_refused
                )
            else:
                if asked.with_session and visit:
                    decision, document = asked.with_session.parse(reply)
                    visit.found(document)
                else:
                    decision = question.parse(reply)
                return guard.answered(question, decision, now)
        if visit and decision.allowed:
            # Redis was asked in vain, or not at all: nobody is to wait for it again.
            visit.leave_unread(is_refused=guard.is_refused)
        return decision


def _prepared(rules: tuple[Rule, ...], whose: Whose) -> Prepared:
    """Prepare a question; where the session turns out to be gone, it is about nobody's request."""
    question = Question(windows(rules, whose.client, whose.user))
    if not whose.session_key:
        return Prepared(question, None, packed(tuple(question.command)))
    is_same = whose.is_told or all(rule.per == Per.IP for rule in rules)
    strangers = question.windows if is_same else windows(rules, whose.client, None)
    both = SessionQuestion(question, strangers, whose.session_key, whose.ttl_ms)
    return Prepared(question, both, packed(tuple(both.command)))
