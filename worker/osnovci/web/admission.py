"""What comes before the application: the session of a request and all limits that it meets.

Both are asked for in one command on one connection, so that one wait, and one failure, is for both.
"""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from osnovci.limits.guard import LimiterAwayError
from osnovci.limits.limit import Decision, Question, Window
from osnovci.limits.policies import windows
from osnovci.limits.with_session import SessionQuestion
from osnovci.scripted import run_async
from osnovci.web.asgi import Scope
from osnovci.web.limits import WebLimits
from osnovci.web.verdict import PASSED, Verdict, closed, verdict

if TYPE_CHECKING:
    from osnovci.sessions.middleware import Sessions
    from osnovci.sessions.visit import Visit


class Admission:
    """Lets requests in, or gives the answer in the application's place."""

    def __init__(self, limits: WebLimits, sessions: "Sessions | None") -> None:
        self._limits = limits
        self._sessions = sessions

    @property
    def is_open(self) -> bool:
        """Whether nothing is asked of any request."""
        return self._sessions is None and self._limits.are_none

    async def admit(self, scope: Scope) -> Verdict:
        """Count a request in all limits that it meets, and open its visit where there are sessions."""
        visit = self._sessions.visit(scope) if self._sessions else None
        limits = self._limits
        policies = limits.policies
        client = limits.client(scope)
        rules = policies.met(client, scope["path"], scope.get("method", "GET"))
        if not rules:
            if visit:
                await visit.open()
            return PASSED
        # Limits can be told whose a request is; else the session says it.
        if limits.identify:
            told = limits.identify(scope)
            own = strangers = windows(rules, client, told and told.id)
        else:
            strangers = windows(rules, client, None)
            user = visit and visit.user
            own = windows(rules, client, user) if user else strangers
        try:
            decision = await self._ask(own, strangers, visit)
        except LimiterAwayError as error:
            return closed(error)
        found = verdict(decision, policies.labels)
        if visit and not found.refusal:
            await visit.open()
        return found

    async def _ask(
        self, own: Sequence[Window], strangers: Sequence[Window], visit: "Visit | None"
    ) -> Decision:
        """Ask about the windows and, where the request says that it has one, for its session."""
        limits, question = self._limits, Question(own)
        lookup, line = visit and visit.lookup(), limits.line
        if visit is None or lookup is None or line is None:
            decision = await limits.ask(question)
        else:

            async def put_both(question: Question) -> Decision:
                asked = SessionQuestion(question, strangers, lookup.command)
                decision, document = asked.parse(await run_async(line, asked))
                visit.found(lookup.parse(document))
                return decision

            decision = await limits.decide(question, put_both)
        if visit and limits.is_away:
            visit.leave_unread()
        return decision
