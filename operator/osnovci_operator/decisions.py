"""What was decided on the pools of a namespace, kept in its Redis for `osnovci explain`.

A decision is written when its count differs from the one before; where only its reason does, at
most every ten seconds. So an idle pool writes nothing, and a busy one keeps an hour and not a
minute. What cannot be written waits; a reconcile never does.
"""

import asyncio
from collections import deque
from datetime import timedelta

import redis.asyncio as redis

from osnovci.decision_contract import (
    DECISIONS_KEPT,
    DECISIONS_KEPT_SECONDS,
    DecisionDocument,
    decisions_key,
)

REASONS_EVERY = timedelta(seconds=10)
PENDING = 4096
"""So many decisions wait while Redis is away; of more, the last ones."""

WRITE_SECONDS = 1.0


class Decisions:
    """The decisions of one namespace that are not written yet, and the last of each pool."""

    def __init__(self, namespace: str) -> None:
        self._namespace = namespace
        self._last: dict[str, DecisionDocument] = {}
        self._pending: deque[tuple[str, DecisionDocument | None]] = deque(maxlen=PENDING)
        """None where a pool is no more."""

    def note(self, pool: str, decided: DecisionDocument) -> None:
        """Take in what was decided on a pool, if it is something new."""
        last = self._last.get(pool)
        if last and not _differs(last, decided):
            return
        if last and decided.recommended is not None:
            decided = decided.model_copy(update={"before": last.desired})
        self._last[pool] = decided
        self._pending.append((pool, decided))

    async def step(self, client: redis.Redis) -> None:
        """Write what is pending, in one round trip."""
        if not self._pending:
            return
        written = list(self._pending)
        async with asyncio.timeout(WRITE_SECONDS), client.pipeline(transaction=False) as pipeline:
            for pool, decided in written:
                key = decisions_key(self._namespace, pool)
                if not decided:
                    pipeline.delete(key)
                    continue
                pipeline.rpush(key, decided.model_dump_json())
                pipeline.ltrim(key, -DECISIONS_KEPT, -1)
                pipeline.expire(key, DECISIONS_KEPT_SECONDS)
            await pipeline.execute()
        for each in written:
            # Only the event loop's other tasks add, and they drop the oldest when there are too many.
            if self._pending and self._pending[0] is each:
                self._pending.popleft()

    def forget(self, pool: str) -> None:
        """Let go of a pool that is no more; so one of its name begins a story of its own."""
        self._last.pop(pool, None)
        self._pending.append((pool, None))


def _differs(last: DecisionDocument, decided: DecisionDocument) -> bool:
    if (last.replicas, last.recommended) != (decided.replicas, decided.recommended):
        return True
    passed = timedelta(milliseconds=decided.at_ms - last.at_ms)
    return last.reason != decided.reason and passed >= REASONS_EVERY
