"""Asks Redis about limits: one client for threads, one for asyncio, both as thin as this."""

import threading
import time
from contextlib import suppress
from typing import Any

from osnovci.limits.guard import Guard
from osnovci.limits.limit import Decision, Limit, Question
from osnovci.limits.refund import Refund
from osnovci.line import BUDGET_SECONDS
from osnovci.redis_clients import for_threads
from osnovci.scripted import AWAY, AsyncRedis, run, run_async


class Limits:
    """The limits of an app, for synchronous code; threads may share it."""

    def __init__(self, redis: Any, namespace: str, app: str) -> None:
        """Take a client of redis-py, for one server or a cluster.

        Its timeouts are the time budget; see `from_url`.
        """
        self.guard = Guard()
        self._redis = redis
        self._where = namespace, app
        self._busy = threading.Lock()

    @classmethod
    def from_url(cls, url: str, namespace: str, app: str) -> "Limits":
        """Connect with the time budget, and no second try: the failure mode is the answer to both."""
        redis = for_threads(
            url, socket_timeout=BUDGET_SECONDS, socket_connect_timeout=BUDGET_SECONDS
        )
        return cls(redis, namespace, app)

    def check(self, limit: Limit, subject: str, cost: int = 1) -> Decision:
        """Charge a cost where it fits; raises LimiterAwayError, LimitError."""
        return self.ask(Question.of([limit.window(*self._where, subject)], cost))

    def peek(self, limit: Limit, subject: str, cost: int = 1) -> Decision:
        """Tell what `check` would, without counting it."""
        return self.ask(Question.of([limit.window(*self._where, subject)], cost, counts=False))

    def reset(self, limit: Limit, subject: str) -> bool:
        """Let a subject begin anew; False where it had used nothing. Raises RedisError."""
        window = limit.window(*self._where, subject)
        was_there = bool(self._redis.execute_command("UNLINK", window.key))
        with self._busy:
            self.guard.forget(window)
        return was_there

    def refund(self, charged: Decision, cost: int = 1) -> None:
        """Take back what a `check` charged; where Redis is away it stays. Raises LimitError."""
        refund = Refund.of(charged, cost)
        if charged.at_ms:
            with suppress(*AWAY):
                run(self._redis, refund.call)
        with self._busy:
            self.guard.take_back(refund.window, cost, is_here=not charged.at_ms)

    def ask(self, question: Question) -> Decision:
        """Decide in at most one round trip; raises LimiterAwayError."""
        with self._busy:
            now = time.monotonic()
            known = self.guard.known(question, now)
        if known:
            return known
        try:
            reply = run(self._redis, question.call)
        except AWAY as error:
            with self._busy:
                return self.guard.failed(question, error, now, time.monotonic())
        with self._busy:
            return self.guard.answered(question, question.parse(reply), now)


class AsyncLimits:
    """The limits of an app, for asyncio."""

    def __init__(
        self, redis: AsyncRedis, namespace: str, app: str, guard: Guard | None = None
    ) -> None:
        self.guard = guard or Guard()
        self._redis = redis
        self._where = namespace, app

    async def check(self, limit: Limit, subject: str, cost: int = 1) -> Decision:
        """Charge a cost where it fits; raises LimiterAwayError, LimitError."""
        return await self.ask(Question.of([limit.window(*self._where, subject)], cost))

    async def peek(self, limit: Limit, subject: str, cost: int = 1) -> Decision:
        """Tell what `check` would, without counting it."""
        window = limit.window(*self._where, subject)
        return await self.ask(Question.of([window], cost, counts=False))

    async def reset(self, limit: Limit, subject: str) -> bool:
        """Let a subject begin anew; False where it had used nothing. Raises RedisError."""
        window = limit.window(*self._where, subject)
        was_there = bool(await self._redis.execute_command("UNLINK", window.key))
        self.guard.forget(window)
        return was_there

    async def refund(self, charged: Decision, cost: int = 1) -> None:
        """Take back what a `check` charged; where Redis is away it stays. Raises LimitError."""
        refund = Refund.of(charged, cost)
        if charged.at_ms:
            with suppress(*AWAY):
                await run_async(self._redis, refund.call)
        self.guard.take_back(refund.window, cost, is_here=not charged.at_ms)

    async def ask(self, question: Question) -> Decision:
        """Decide in at most one round trip; raises LimiterAwayError."""
        now = time.monotonic()
        known = self.guard.known(question, now)
        if known:
            return known
        try:
            reply = await run_async(self._redis, question.call)
        except AWAY as error:
            return self.guard.failed(question, error, now, time.monotonic())
        return self.guard.answered(question, question.parse(reply), now)
