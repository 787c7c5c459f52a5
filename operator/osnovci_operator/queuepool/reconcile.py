"""One QueuePool, made what it should be: observe, decide, build, apply, report."""

import asyncio
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from typing import Any

from osnovci.app_revisions import GoodRevisions, revisions_name
from osnovci_operator import conditions, metrics
from osnovci_operator.backend import Unreadable
from osnovci_operator.broker import Broker
from osnovci_operator.errors import RefusedError, TerminatingError
from osnovci_operator.events import Events
from osnovci_operator.kinds import CONFIG_MAP, DEPLOYMENT, POD, QUEUE_POOL
from osnovci_operator.kube import Kube
from osnovci_operator.labels import DELETION_COST, FIRST_TO_GO
from osnovci_operator.loop import REFUSED_EVERY, RESYNC
from osnovci_operator.memory import Memory
from osnovci_operator.queuepool import status
from osnovci_operator.queuepool.build import deployment, grace
from osnovci_operator.queuepool.crew import Crew
from osnovci_operator.queuepool.decide import ScalingState, decide
from osnovci_operator.queuepool.decision import Decision, Reason
from osnovci_operator.queuepool.drain import Plan, plan
from osnovci_operator.queuepool.seen import FollowedApp, PoolReading, Seen, Workers, kept_of
from osnovci_operator.queuepool.spec import KIND, Pool
from osnovci_operator.queuepool.status import Refusal
from osnovci_operator.report import Reporter
from osnovci_operator.resource import InvalidSpecError, Key
from osnovci_operator.sharers import Sharers
from osnovci_operator.store import Store

AGES_EVERY = timedelta(seconds=5)
"""While jobs wait, their age is looked at again this often."""


class QueuePools:
    """Reconciles QueuePools, one key a call."""

    def __init__(  # noqa: PLR0913  # what it reconciles with
        self,
        store: Store,
        kube: Kube,
        broker: Broker,
        events: Events,
        now: Callable[[], datetime],
        *,
        sharers: Sharers,
    ) -> None:
        self._store = store
        self._kube = kube
        self._broker = broker
        self._events = events
        self._reporter = Reporter(kube, events)
        self._now = now
        self._sharers = sharers
        self._scaling = Memory[ScalingState]()
        """A lost one costs nothing but a hold."""
        self._applied = Memory[int]()
        """The count that was applied last: a decision is told once, however the pods come and go on
        the way to it."""

    async def reconcile(self, key: Key) -> timedelta | None:
        """Give the pool the workers its backlog asks for; return when to look again."""
        pool = self._store.pool(key)
        if isinstance(pool, InvalidSpecError):
            return await self._report_invalid(key, pool)
        if pool is None or pool.deleting:
            return self._forget(key)
        reading = self._broker.reading(pool)
        if reading is None:
            return RESYNC
        live = await self._deployment(pool)
        seen = self._observe(pool, live, reading)
        decision = self._decide(pool, seen)
        before = self._applied.recall(pool.key, pool.identity.uid, seen.asked)
        self._broker.note(pool, decision.document(pool.spec, seen.now, before))
        way = self._plan(pool, seen, decision)
        refusal = await self._apply(pool, live, seen, decision, way)
        held = seen.workers and decision.only_holds(seen.asked)
        if not (refusal or decision.blocked or held):
            self._applied.keep(pool.key, pool.identity.uid, decision.replicas)
            await self._announce(pool, before, decision, way.note)
        return await self._report(pool, seen, decision, way, refusal)

    def _forget(self, key: Key) -> None:
        self._reporter.forget(key)
        self._kube.forget(DEPLOYMENT, key.namespace, key.name)
        self._scaling.forget(key)
        self._applied.forget(key)
        self._broker.forget(key)
        self._sharers.forget(key)
        for reason in Reason:
            with suppress(KeyError):
                metrics.DECISIONS.remove(key.namespace, key.name, reason)

    def _decide(self, pool: Pool, seen: Seen) -> Decision:
        state = self._scaling.recall(pool.key, pool.identity.uid, ScalingState())
        decision, state = decide(pool.spec, seen, state)
        self._scaling.keep(pool.key, pool.identity.uid, state)
        return decision

    def _plan(self, pool: Pool, seen: Seen, decision: Decision) -> Plan:
        """Plan the way to the count: workers drain before it is lowered, where Redis can be asked."""
        if decision.blocked or not isinstance(seen.reading, PoolReading):
            return Plan(decision.replicas)
        return plan(seen.crew, decision.replicas, grace(pool.spec), holds=decision.holds)

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
        workers = Workers.parse(live) if live and not stranger else None
        lives, asked = self._store.lives(pool.key), workers.asked if workers else 0
        crew = Crew(asked)
        if isinstance(reading, PoolReading):
            crew = Crew.of(asked, lives, reading.beats, reading.requests, reading.at_ms)
        return Seen(
            now=self._now(),
            workers=workers,
            reading=reading,
            taken=tuple(self._taken(pool)),
            stranger=stranger,
            app=FollowedApp.of(self._followed(pool)),
            grant=self._sharers.grant(pool),
            trouble=self._store.trouble(pool.key),
            accounts=self._broker.accounts(pool),
            schedules=self._broker.schedules(pool),
            pods=self._store.workers(pool.key, crew.draining),
            crew=crew,
        )

    def _followed(self, pool: Pool) -> GoodRevisions | None:
        """Give what is kept of the app that the pool follows; None where there is no such app."""
        place = next(iter(QUEUE_POOL.follows(pool)), None)
        app = self._store.get(place) if place else None
        if not place or not app:
            return None
        kept = self._store.child(place, CONFIG_MAP, revisions_name(place.name))
        return kept_of(app.identity.uid, kept, self._store.deployment(place))

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
        self, pool: Pool, live: dict[str, Any] | None, seen: Seen, decision: Decision, way: Plan
    ) -> Refusal | None:
        if decision.blocked:
            return None
        self._broker.ask_to_drain(pool, way.requests, way.withdrawn)
        try:
            wanted = deployment(pool, way.replicas, seen.app)
            applied = await self._kube.apply(wanted, live)
        except TerminatingError:
            return Refusal("the namespace is being deleted")
        except RefusedError as error:
            return Refusal(f"the API server refused the workers' Deployment: {error}")
        # Else the next reconcile may meet the old count in the cache, and announce this one again.
        self._store.written(applied)
        return await self._mark(pool, way)

    async def _mark(self, pool: Pool, way: Plan) -> Refusal | None:
        """Tell Kubernetes which pods to end first; what is lowered follows on marks that are seen."""
        notes = dict.fromkeys(way.marked, FIRST_TO_GO) | dict.fromkeys(way.unmarked)
        place = (POD, pool.identity.namespace)
        try:
            await asyncio.gather(
                *(self._kube.annotate(*place, pod, {DELETION_COST: n}) for pod, n in notes.items())
            )
        except RefusedError as error:
            return Refusal(f"the API server refused to mark a worker that goes first: {error}")
        return None

    async def _announce(self, pool: Pool, before: int, decision: Decision, how: str) -> None:
        if decision.replicas == before:
            return
        place = (pool.identity.namespace, pool.identity.name, decision.reason)
        metrics.DECISIONS.labels(*place).inc()
        reason = "ScaledUp" if decision.replicas > before else "ScaledDown"
        how = f"{how}; " if how else ""
        own = "the pool's own count; " if decision.recommended is not None else ""
        note = f"from {before} to {decision.replicas} workers: {how}{own}{decision.message}"
        await self._events.record(KIND, pool.identity, reason, note)

    async def _report(
        self, pool: Pool, seen: Seen, decision: Decision, way: Plan, refusal: Refusal | None
    ) -> timedelta:
        last = self._reporter.last(pool.key, pool.identity.uid, pool.status)
        written = status.status(pool, last, seen, decision.adding(way.message), refusal)
        wait = await self._reporter.report(pool.key, pool.identity, written, seen.now)
        recheck = REFUSED_EVERY if refusal else decision.recheck or RESYNC
        waiting = isinstance(seen.reading, PoolReading) and seen.reading.waiting
        moments = (recheck, RESYNC, wait, way.recheck, AGES_EVERY if waiting else None)
        return min(each for each in moments if each)

    async def _report_invalid(self, key: Key, error: InvalidSpecError) -> timedelta:
        identity, now = error.identity, self._now()
        last = self._reporter.last(key, identity.uid, error.status)
        written = conditions.invalid(str(error), last, identity.generation, now)
        await self._reporter.report(key, identity, written, now)
        return RESYNC
