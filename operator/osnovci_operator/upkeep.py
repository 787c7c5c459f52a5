"""What keeps a namespace's jobs accounted for, beside the reading of its Redis: orphans and audit.

It uses the connection that the reading keeps open, and waits while there is none.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import redis.asyncio as redis
from redis.exceptions import RedisError

from osnovci_operator.auditor import Auditor
from osnovci_operator.connection import Connection
from osnovci_operator.errors import KubeError
from osnovci_operator.orphans import Orphans
from osnovci_operator.queuepool.accounts import Accounts
from osnovci_operator.queuepool.spec import Pool

EVERY_SECONDS = 0.25
RETRY_SECONDS = 1.0

log = logging.getLogger(__name__)


class Upkeep:
    """Looks again and again whether pods went, and whether an audit is due."""

    def __init__(
        self,
        namespace: str,
        connection: Connection,
        orphans: Orphans,
        auditor: Auditor,
    ) -> None:
        self._namespace = namespace
        self._connection = connection
        self._orphans = orphans
        self._auditor = auditor

    def accounts(self, pool: Pool) -> Accounts | None:
        """Give what the last audit said of a pool's jobs; None before the first."""
        return self._auditor.accounts(pool.spec.names)

    async def run(self) -> None:
        """Keep at both until cancelled; a long audit holds up no orphan."""
        async with asyncio.TaskGroup() as group:
            group.create_task(self._keep_at("free jobs of pods that are gone", self._orphans.step))
            group.create_task(self._keep_at("audit the jobs", self._auditor.step))

    async def _keep_at(self, what: str, step: Callable[[redis.Redis], Awaitable[None]]) -> None:
        while True:
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
