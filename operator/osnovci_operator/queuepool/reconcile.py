"""One QueuePool, made what it should be: observe, decide, build, apply, report."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from osnovci_operator import metrics
from osnovci_operator.backend import Unreadable
from osnovci_operator.broker import Broker
from osnovci_operator.errors import NotFoundError, RefusedError, TerminatingError
from osnovci_operator.events import Events
from osnovci_operator.kube import Kube
from osnovci_operator.loop import RESYNC
from osnovci_operator.queuepool import status
from osnovci_operator.queuepool.build import deployment
from osnovci_operator.queuepool.decide import Decision, ScalingState, decide
from osnovci_operator.queuepool.seen import PoolReading, Seen, Workers
from osnovci_operator.queuepool.spec import KIND, InvalidSpecError, Pool
from osnovci_operator.queuepool.status import Refusal
from osnovci_operator.resource import Key
from osnovci_operator.store import DEPLOYMENT, Store

FIGURES_EVERY = timedelta(seconds=2)
"""Figures alone are reported no more often; a change of a condition or a count is at once."""

REFUSED_EVERY = timedelta(seconds=30)
"""What the API server refused is tried again, since rights and quotas change unseen."""

AGES_EVERY = timedelta(seconds=5)
"""While jobs wait, their age is looked at again this often."""


@dataclass
class Memory:
    """What is remembered of a pool between reconciles; a lost one costs nothing but a hold."""

    uid: str
    scaling: ScalingState = field(default_factory=ScalingState)
    status: dict[str, Any] = field(default_factory=dict[str, Any])
    reported_at: datetime | None = None


class QueuePools:
    """Reconciles QueuePools, one key a call."""

    def __init__(
        self,
        store: Store,
        kube: Kube,
        broker: Broker,
        events: Events,
        now: Callable[[], datetime],
    ) -> None:
        self._store = store
        self._kube = kube
        self._broker = broker
        self._events = events
        self._now = now
        self._memories: dict[Key, Memory] = {}

    async def reconcile(self, key: Key) -> timedelta | None:
        """Give the pool the workers its backlog asks for; return when to look again."""
        pool = self._store.pool(key)
        if isinstance(pool, InvalidSpecError):
            return await self._report_invalid(key, pool)
        if pool is None or pool.deleting:
            self._memories.pop(key, None)
            return None
        memory = self._memory(key, pool.identity.uid, pool.status)
        reading = self._broker.reading(pool)
        if reading is None:
            return RESYNC
        live = await self._deployment(pool)
        seen = self._observe(pool, live, reading)
        decision, memory.scaling = decide(pool.spec, seen, memory.scaling)
        refusal = await self._apply(pool, seen, live, decision)
        return await self._report(pool, memory, seen, decision, refusal)

    def _memory(self, key: Key, uid: str, status: dict[str, Any]) -> Memory:
        """Give what is remembered of an object; another of the same name begins anew."""
        memory = self._memories.get(key)
        if not memory or memory.uid != uid:
            memory = self._memories[key] = Memory(uid, status=status)
        return memory

    async def _deployment(self, pool: Pool) -> dict[str, Any] | None:
        """Give the pool's Deployment; one the cache has not seen is asked for by its name."""
        cached = self._store.deployment(pool.key)
        if cached:
            return cached
        return await self._kube.get(DEPLOYMENT, pool.identity.namespace, pool.identity.name)

    def _observe(
        self, pool: Pool, live: dict[str, Any] | None, reading: PoolReading | Unreadable
    ) -> Seen:
        owners = live["metadata"].get("ownerReferences", ()) if live else ()
        stranger = live is not None and pool.identity.uid not in {each["uid"] for each in owners}
        return Seen(
            now=self._now(),
            workers=Workers.parse(live) if live and not stranger else None,
            reading=reading,
            taken=tuple(self._taken(pool)),
            stranger=stranger,
        )

    def _taken(self, pool: Pool) -> list[tuple[str, str]]:
        owners = (
            (queue.name, self._store.owner(pool.identity.namespace, queue.name))
            for queue in pool.spec.queues
        )
        return [
            (queue, owner.identity.name)
            for queue, owner in owners
            if owner and owner.identity.uid != pool.identity.uid
        ]

    async def _apply(
        self, pool: Pool, seen: Seen, live: dict[str, Any] | None, decision: Decision
    ) -> Refusal | None:
        if decision.blocked:
            return None
        try:
            await self._kube.apply(deployment(pool, decision.replicas), live)
        except TerminatingError:
            return Refusal("the namespace is being deleted")
        except RefusedError as error:
            return Refusal(f"the API server refused the workers' Deployment: {error}")
        before = seen.workers.asked if seen.workers else 0
        if decision.replicas != before:
            await self._announce(pool, before, decision)
        return None

    async def _announce(self, pool: Pool, before: int, decision: Decision) -> None:
        place = (pool.identity.namespace, pool.identity.name, decision.reason)
        metrics.DECISIONS.labels(*place).inc()
        reason = "ScaledUp" if decision.replicas > before else "ScaledDown"
        note = f"from {before} to {decision.replicas} workers: {decision.message}"
        await self._events.record(KIND, pool.identity, reason, note)

    async def _report(
        self,
        pool: Pool,
        memory: Memory,
        seen: Seen,
        decision: Decision,
        refusal: Refusal | None,
    ) -> timedelta | None:
        current = Pool(pool.identity, pool.spec, memory.status, pool.deleting)
        written = status.status(current, seen, decision, refusal)
        recheck = REFUSED_EVERY if refusal else decision.recheck or RESYNC
        if isinstance(seen.reading, PoolReading) and seen.reading.waiting:
            recheck = min(recheck, AGES_EVERY)
        if written == memory.status:
            return recheck
        urgent = _verdict(written) != _verdict(memory.status)
        if not urgent and memory.reported_at and seen.now - memory.reported_at < FIGURES_EVERY:
            return min(recheck, FIGURES_EVERY)
        try:
            await self._kube.report(KIND, pool.identity.namespace, pool.identity.name, written)
        except NotFoundError:
            return None
        before, memory.status, memory.reported_at = memory.status, written, seen.now
        await self._announce_conditions(pool, before, written)
        return recheck

    async def _announce_conditions(self, pool: Pool, before: Any, after: Any) -> None:
        """Tell of trouble that began or ended; that workers come and go is told by scaling."""
        was, now = _condition(before, "Ready"), _condition(after, "Ready")
        if now["reason"] not in NORMAL and now["reason"] != was.get("reason"):
            reason, message = now["reason"], now["message"]
            await self._events.record(KIND, pool.identity, reason, message, warning=True)
        elif now["reason"] in NORMAL and was.get("reason", "") not in NORMAL | {""}:
            note = f"no longer {was['reason']}: {now['message']}"
            await self._events.record(KIND, pool.identity, "Recovered", note)

    async def _report_invalid(self, key: Key, error: InvalidSpecError) -> timedelta | None:
        identity = error.identity
        memory = self._memory(key, identity.uid, error.status)
        written = status.invalid(str(error), memory.status, identity.generation, self._now())
        if written != memory.status:
            try:
                await self._kube.report(KIND, identity.namespace, identity.name, written)
            except NotFoundError:
                return None
            memory.status = written
        return RESYNC


NORMAL = frozenset({"RollingOut", "WorkersStarting", "NoneNeeded", "WorkersReady"})
"""Reasons of Ready that come and go with every scaling."""


def _condition(of: dict[str, Any], kind: str) -> dict[str, Any]:
    return next((each for each in of.get("conditions", ()) if each["type"] == kind), {})


def _verdict(of: dict[str, Any]) -> Any:
    """Give what must be reported at once: counts, and each condition's status and reason."""
    each = [(c["type"], c["status"], c["reason"]) for c in of.get("conditions", ())]
    fields = ("observedGeneration", "desiredReplicas", "readyReplicas", "replicas")
    return each, [of.get(field) for field in fields]
