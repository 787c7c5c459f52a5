"""What is done in a namespace's Redis, beside its reading: orphans, audit, schedules, pauses, decisions.

It uses the connection that the reading keeps open, and waits while there is none.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import redis.asyncio as redis
from redis.exceptions import RedisError

from osnovci.decision_contract import DecisionDocument
from osnovci_operator.auditor import Auditor
from osnovci_operator.connection import Connection, is_cancelled
from osnovci_operator.decisions import Decisions
from osnovci_operator.errors import KubeError
from osnovci_operator.orphans import Orphans
from osnovci_operator.pauses import Pauses
from osnovci_operator.queuepool.accounts import Accounts
from osnovci_operator.queuepool.seen import ScheduleReading
from osnovci_operator.queuepool.spec import Pool
from osnovci_operator.resource import Key
from osnovci_operator.schedules import Clock

EVERY_SECONDS = 0.25
RETRY_SECONDS = 1.0

log = logging.getLogger(__name__)


class Upkeep:
    """Looks again and again whether pods went, an audit or a schedule is due."""

    def __init__(  # noqa: PLR0913  # what it keeps at
        self,
        namespace: str,
        connection: Connection,
        orphans: Orphans,
        auditor: Auditor,
        clock: Clock,
        *,
        pauses: Pauses,
    ) -> None:
        self._namespace = namespace
        self._connection = connection
        self._orphans = orphans
        self._auditor = auditor
        self._clock = clock
        self._pauses = pauses
        self._decisions = Decisions(namespace)

    def accounts(self, pool: Pool) -> Accounts | None:
        """Give what the last audit said of a pool's jobs; None before the first."""
        return self._auditor.accounts(pool.spec.names)

    def schedules(self, pool: Pool) -> tuple[ScheduleReading, ...] | None:
        """Give what is known of a pool's schedules; None while they cannot be looked at."""
        return self._clock.reading(pool.key)

    def note(self, pool: Pool, decided: DecisionDocument) -> None:
        """Keep what was decided on a pool, to be explained."""
        self._decisions.note(pool.identity.name, decided)

    def forget(self, key: Key) -> None:
        """Let go of a pool that is no more."""
        self._decisions.forget(key.name)

    async def run(self) -> None:
        """Keep at each until cancelled; a long audit holds up neither orphans nor schedules."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_at("free jobs of pods that are gone", self._orphans.step))
            group.create_task(self._keep_at("audit the jobs", self._auditor.step))
            group.create_task(self._keep_at("fire the schedules", self._clock.step))
            group.create_task(self._keep_at("tell which queues are paused", self._pauses.step))
            group.create_task(self._keep_at("keep decisions", self._decisions.step))

    async def _keep_at(self, what: str, step: Callable[[redis.Redis], Awaitable[None]]) -> None:
        while not is_cancelled():
            wait = EVERY_SECONDS
            try:
                if client := self._connection.client:
                    await step(client)
            except (RedisError, OSError, KubeError) as error:
                log.warning("cannot %s of namespace %s: %s", what, self._namespace, error)
                wait = RETRY_SECONDS
            except Exception:
                # A fault here never ends the reading, on which the counts depend.
                log.exception("cannot %s of namespace %s", what, self._namespace)
                wait = RETRY_SECONDS * 10
            await asyncio.sleep(wait)
