"""Rate limits around a web application: what the runtime asks before a request goes on.

For applications it is also the way to charge limits of their own, in a route:

    limits = WebLimits()
    app = WebRuntime(starlette, limits=limits)

    @limits.limited(Limit("export", max=3, window_ms=60_000))
    async def export(request): ...
"""

import time
from asyncio import to_thread
from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import partial, wraps
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs

from osnovci.app_contract import AppDocument
from osnovci.breaker import Breaker
from osnovci.limit_contract import LimiterState
from osnovci.limits import fields
from osnovci.limits.client import AsyncLimits
from osnovci.limits.denials import Denials
from osnovci.limits.guard import Guard, LimiterAwayError
from osnovci.limits.limit import SCRIPT, Decision, Limit, Question, Window
from osnovci.limits.policies import Client, Policies
from osnovci.limits.refund import Refund
from osnovci.limits.with_session import SESSION_SCRIPT
from osnovci.line import BUDGET_SECONDS, Line
from osnovci.scripted import AWAY
from osnovci.settings import AppSettings
from osnovci.web.asgi import App, Receive, Scope, Send, answer
from osnovci.web.verdict import UNAVAILABLE, Verdict, closed, verdict

if TYPE_CHECKING:
    from osnovci.sessions.middleware import Sessions

STATUS_PATH = "/api/rate-limit-status"
ADMIN = "admin"
UNAUTHORIZED, FORBIDDEN = 401, 403


@dataclass(frozen=True)
class User:
    """Who sent a request."""

    id: str
    role: str = ""
    """`admin` may see the limits of others."""


Identify = Callable[[Scope], User | None]
Endpoint = Callable[[Any], Awaitable[Any]]


class WebLimits:
    """The limits of a server process.

    `identify` tells whose a request is; without it, the runtime's sessions do, if it has any. Redis
    may take `budget_seconds` for an answer; then the limits' failure modes decide.
    """

    def __init__(
        self, identify: Identify | None = None, budget_seconds: float = BUDGET_SECONDS
    ) -> None:
        self.identify = identify
        self.line: Line | None = None
        self._budget_seconds = budget_seconds
        self._sessions: Sessions | None = None
        self._limits: AsyncLimits | None = None

    def open(self, settings: AppSettings, sessions: "Sessions | None" = None) -> None:
        """Be told where to count; without a Redis, each process counts by itself.

        With sessions, which have one also outside the operator's pods, their connection is used.
        """
        self._sessions = sessions
        if sessions:
            sessions.see_through_proxies(self.address_of)
        document = settings.config.document
        self._where = settings.namespace, document.app
        breaker = sessions.breaker if sessions else Breaker()
        self.guard = Guard(document.processes, breaker)
        self.policies = Policies(settings.namespace, document)
        if sessions:
            self.line = sessions.line.within(self._budget_seconds)
        elif settings.redis_url:
            self.line = Line(settings.redis_url, self._budget_seconds, breaker.heard_late)
        if self.line:
            self._limits = AsyncLimits(self.line, *self._where, self.guard)

    async def begin(self) -> None:
        """Connect, so that no request has to wait for it."""
        if self.line:
            with suppress(*AWAY):
                for script in (SCRIPT, SESSION_SCRIPT):
                    await self.line.execute_command("SCRIPT", "LOAD", script.text)

    def put_in_force(self, document: AppDocument) -> None:
        """Hold requests against these policies from now on; one that is on its way keeps its own."""
        self.policies = Policies(self._where[0], document)
        self.guard.forget()

    def forget(self) -> None:
        """Ask Redis anew about everyone: somebody was reset."""
        self.guard.forget()

    @property
    def state(self) -> LimiterState | None:
        """Where requests are counted; None without policies."""
        return self.guard.state(time.monotonic()) if self.policies.rules else None

    @property
    def denials(self) -> Denials:
        """What was denied, to be written to Redis."""
        return self.guard.denials

    async def close(self) -> None:
        """Close the connection."""
        if self.line:
            await self.line.aclose()

    @property
    def are_none(self) -> bool:
        """Whether no request is held against anything."""
        return not self.policies.rules

    async def check(self, limit: Limit, subject: str, cost: int = 1) -> Decision:
        """Charge a cost where it fits; raises LimiterAwayError, LimitError."""
        return await self._ask(Question.of([self._window(limit, subject)], cost))

    async def peek(self, limit: Limit, subject: str, cost: int = 1) -> Decision:
        """Tell what `check` would, without counting it."""
        return await self._ask(Question.of([self._window(limit, subject)], cost, counts=False))

    async def refund(self, charged: Decision | None, cost: int = 1) -> None:
        """Take back what `check` or `verdict` charged; where Redis is away it stays.

        Raises LimitError.
        """
        if charged and self._limits:
            await self._limits.refund(charged, cost)
        elif charged:
            self.guard.take_back(Refund.of(charged, cost).window, cost, is_here=True)

    async def reset(self, limit: Limit, subject: str) -> None:
        """Let a subject begin anew. Raises RedisError."""
        if self._limits:
            await self._limits.reset(limit, subject)
        self.guard.forget(self._window(limit, subject))

    def limited(
        self, limit: Limit, cost: int = 1, subject: Callable[[Scope], str] | None = None
    ) -> Callable[[Callable[[Any], Any]], Endpoint]:
        """Limit one route of Starlette, a function with `async` or without; by default each client address.

        Raises LimitError where the cost can never fit.
        """
        Question.of([limit.window("", "", "")], cost)

        def decorate(endpoint: Callable[[Any], Any]) -> Endpoint:
            # As Starlette runs what is not asynchronous.
            is_async = iscoroutinefunction(endpoint) or iscoroutinefunction(endpoint.__call__)
            run = endpoint if is_async else partial(to_thread, endpoint)

            @wraps(endpoint)
            async def guarded(request: Any) -> Any:
                scope: Scope = request.scope
                who = subject(scope) if subject else self.client_of(scope)
                found = await self.verdict(limit, who, cost)
                return found.refusal or await run(request)

            return guarded

        return decorate

    async def verdict(self, limit: Limit, subject: str, cost: int = 1) -> Verdict:
        """Charge a cost, and give the answer to send where it does not fit."""
        try:
            return verdict(await self.check(limit, subject, cost))
        except LimiterAwayError as error:
            return closed(error)

    def client_of(self, scope: Scope) -> str:
        """Name the client that a request comes from, as limits by address count it."""
        return self.client(scope).subject

    def address_of(self, scope: Scope) -> str:
        """Give the client's address; empty where the request came without one."""
        return self.client(scope).address

    def client(self, scope: Scope) -> Client:
        """Tell where a request comes from, as far as it can be believed."""
        peer = scope.get("client")
        forwarded = ""
        if self.policies.looks_at_proxies:
            told = [value for name, value in scope["headers"] if name == b"x-forwarded-for"]
            forwarded = b",".join(told).decode("latin-1")
        return self.policies.client(peer[0] if peer else "", forwarded)

    def answers(self, scope: Scope) -> App | None:
        """Give what answers a request about limits, if it is one and users are known here."""
        is_ours = scope["path"] == STATUS_PATH and scope.get("method") == "GET"
        return self._status if is_ours and (self.identify or self._sessions) else None

    async def _status(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Tell how a user's limits are: to the user, or to an admin."""
        del receive
        user = self._user(scope)
        if user is None:
            await answer(send, UNAUTHORIZED, {"error": "log in to see your limits"})
            return
        [whose] = parse_qs(scope["query_string"].decode("latin-1")).get("userId", [user.id])[:1]
        if whose != user.id and user.role != ADMIN:
            await answer(send, FORBIDDEN, {"error": "only an admin sees the limits of others"})
            return
        policies = self.policies
        try:
            decision = await self._ask(Question(policies.windows_of(whose), counts=False))
        except LimiterAwayError as error:
            await answer(send, UNAVAILABLE, {"error": str(error)})
            return
        now = time.time()
        found = [
            fields.status(window, state, now)
            for window, state in zip(decision.windows, decision.states, strict=True)
            if not window.limit.is_tried
        ]
        await answer(send, 200, {"userId": whose, "limits": found})

    def _user(self, scope: Scope) -> User | None:
        """Tell who asks; raises SessionsAwayError."""
        if self.identify:
            return self.identify(scope)
        session = self._sessions.visit(scope).session if self._sessions else None
        return session and User(session.user_id, session.role)

    async def _ask(self, question: Question) -> Decision:
        if self._limits and question.windows:
            return await self._limits.ask(question)
        return self.guard.alone(question, time.monotonic())

    def _window(self, limit: Limit, subject: str) -> Window:
        return limit.window(*self._where, subject)
