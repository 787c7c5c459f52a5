"""What comes before the application: the session of a request and all limits that it meets.

Both are asked for in one command on one connection, so that one wait, and one failure, is for both.
"""

import time
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any

from redis.exceptions import NoScriptError

from osnovci.app_contract import AppDocument
from osnovci.limits.guard import LimiterAwayError
from osnovci.limits.limit import Decision
from osnovci.scripted import AWAY
from osnovci.web.asgi import Scope
from osnovci.web.callers import Asked, Callers
from osnovci.web.limits import WebLimits
from osnovci.web.reply import Reply
from osnovci.web.verdict import Refusal, closed, verdict

if TYPE_CHECKING:
    from osnovci.sessions.middleware import Sessions


class Admission:
    """Lets requests in, or gives the answer in the application's place."""

    def __init__(self, limits: WebLimits, sessions: "Sessions | None") -> None:
        self._limits = limits
        self._sessions = sessions
        self._begin_anew()

    def put_in_force(self, document: AppDocument) -> None:
        """Hold requests to this from now on; one that is on its way keeps its own."""
        self._limits.put_in_force(document)
        if self._sessions:
            self._sessions.configure(document.sessions)
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._callers = Callers(self._limits.policies, self._sessions)
        self.is_open = self._sessions is None and self._limits.are_none
        """Whether nothing is asked of any request."""

    def admit(self, scope: Scope, reply: Reply, now: float) -> Awaitable[Refusal | None]:
        """Count a request in all limits that it meets, and open its visit where there are sessions.

        The reply gets the visit and what limits tell; given is the answer of a request that is not let in.
        `now` is in seconds of a clock that never runs back.
        """
        asked = self._asked(scope, reply)
        return self._count(asked, reply, now) if asked.rules else _open(reply)

    def _asked(self, scope: Scope, reply: Reply) -> Asked:
        """Give what is asked for a request. This is every request's path: mostly it is there already."""
        sessions, callers, identify = self._sessions, self._callers, self._limits.identify
        user: str | None = None
        if sessions:
            caller = callers.find(scope, None)
            assert caller.visitor
            reply.visit = sessions.welcome(scope, caller.visitor)
            user = self._told_user(scope) if identify else None
        else:
            user = self._told_user(scope) if identify else None
            caller = callers.find(scope, user)
        key = user, scope.get("method", "GET"), scope["path"]
        return caller.asked.get(key) or callers.ask(caller, key, is_told=identify is not None)

    def _told_user(self, scope: Scope) -> str | None:
        told = self._limits.identify(scope) if self._limits.identify else None
        return told.id if told else None

    async def _count(self, asked: Asked, reply: Reply, now: float) -> Refusal | None:
        """Decide in at most one round trip."""
        guard, line = self._limits.guard, self._limits.line
        if asked.has_session and self._sessions:
            # Without an answer it would be an error, so it has longer to come.
            line = self._sessions.line
        refusal: Refusal | None = None
        try:
            if line is None:
                refusal = _told(guard.alone(asked.question, now), reply)
            elif decision := guard.known(asked.question, now, has_session=asked.has_session):
                refusal = self._without_redis(decision, reply)
            else:
                try:
                    answer = await line.put(asked.packed)
                except NoScriptError:
                    answer = await line.execute_command(*asked.in_full)
                refusal = self._read(answer, asked, reply, now)
        except AWAY as error:
            refusal = self._failed(error, asked, reply, now)
        except LimiterAwayError as error:
            refusal = closed(error).refusal
        visit = reply.visit
        if refusal is None and visit and not visit.is_open:
            await visit.open()
        return refusal

    def _read(self, answer: Any, asked: Asked, reply: Reply, asked_at: float) -> Refusal | None:
        """Read Redis's answer, as far as it has to be."""
        numbers, now = answer, time.time()
        if asked.has_session and reply.visit:
            numbers, document = answer
            reply.visit.found(document, now * 1000)
        told = asked.passed.headers(numbers, now)
        guard = self._limits.guard
        if told is not None:
            guard.reached()
            reply.headers = told
            return None
        decision = asked.parse(answer)
        return _told(guard.answered(asked.question, decision, asked_at), reply)

    def _failed(
        self, error: Exception, asked: Asked, reply: Reply, asked_at: float
    ) -> Refusal | None:
        """Decide where Redis was asked in vain."""
        now = time.monotonic()
        try:
            decision = self._limits.guard.failed(
                asked.question, error, asked_at, now, has_session=asked.has_session
            )
        except LimiterAwayError as closed_error:
            return closed(closed_error).refusal
        return self._without_redis(decision, reply)

    def _without_redis(self, decision: Decision, reply: Reply) -> Refusal | None:
        guard = self._limits.guard
        if reply.visit and decision.allowed and not guard.may_answer_sessions:
            # Redis was asked in vain, or not at all: nobody is to wait for it again.
            reply.visit.leave_unread(is_refused=guard.is_refused)
        return _told(decision, reply)


async def _open(reply: Reply) -> None:
    """Let in who meets no limit."""
    if reply.visit and not reply.visit.is_open:
        await reply.visit.open()


def _told(decision: Decision, reply: Reply) -> Refusal | None:
    found = verdict(decision)
    reply.headers = found.headers
    return found.refusal
