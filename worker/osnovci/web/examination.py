"""The checks behind /api/health, asked at most once a second however often the question comes."""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from functools import partial

from osnovci import health
from osnovci.errors import OsnovciError
from osnovci.health import Check, Report, Status
from osnovci.web.database import Database
from osnovci.web.replica import Replica

Ask = Callable[[], Awaitable[object]]
"""A check of the application: raises where something does not work."""

CHECK_SECONDS = 2.5
"""How long one check may take: a little longer than the database's own, which says more."""

FRESH_SECONDS = 1.0

SILENCE_SECONDS = 3.0
"""Redis counts as away when it has not answered for so long."""

log = logging.getLogger(__name__)


class Examination:
    """The checks of one server process."""

    def __init__(
        self, replica: Replica, checks: Mapping[str, Ask], silence: Callable[[], float | None]
    ) -> None:
        self._replica = replica
        database = replica.database
        self._asks = {"database": partial(_look, database), **checks} if database else checks
        self._silence = silence
        self._errors: dict[str, str] = {}
        """What each check said last, to log it once."""
        self._found: dict[str, Check] = {}
        self._found_at = float("-inf")
        self._busy = asyncio.Lock()

    async def report(self) -> Report:
        """Say how the process is."""
        async with self._busy:
            if time.monotonic() - self._found_at >= FRESH_SECONDS:
                self._found = await self._examine()
                self._found_at = time.monotonic()
        traffic = self._replica.traffic
        return Report(
            server_id=self._replica.settings.server_id,
            uptime_seconds=self._replica.uptime(time.monotonic()),
            at=datetime.now(UTC),
            checks={**self._found, **self._at_hand()},
            requests=traffic.requests,
            errors=traffic.errors,
        )

    async def _examine(self) -> dict[str, Check]:
        """Ask all at once."""
        found = await asyncio.gather(*(self._ask(*each) for each in self._asks.items()))
        return dict(zip(self._asks, found, strict=True))

    async def _ask(self, name: str, ask: Ask) -> Check:
        """Ask one. What it says may name hosts and more, so it is for the log; the answer is public."""
        began, error = time.monotonic(), ""
        try:
            async with asyncio.timeout(CHECK_SECONDS):
                await ask()
        except TimeoutError:
            error = f"no answer within {CHECK_SECONDS:g} s"
        except Exception as failure:  # noqa: BLE001  # the application's own, whatever it is
            error = str(failure) or type(failure).__name__
        if error != self._errors.get(name, ""):
            log.warning("check %s: %s", name, error or "answers again")
            self._errors[name] = error
        told = "does not answer" if error else ""
        return health.dependency(told, time.monotonic() - began, if_away=Status.UNHEALTHY)

    def _at_hand(self) -> dict[str, Check]:
        """Judge what is known without asking."""
        replica, silence = self._replica, self._silence()
        found: dict[str, Check] = {}
        if silence is not None:
            away = "Redis does not answer" if silence > SILENCE_SECONDS else ""
            found["redis"] = health.dependency(away, None, if_away=Status.DEGRADED)
        if replica.usage:
            used, percent = replica.usage.memory_bytes, replica.usage.memory_percent
            found["memory"] = health.memory(used, percent, replica.config.document.health)
        found["cpu"] = health.cpu(replica.cpu_percent)
        return found


async def _look(database: Database) -> None:
    sign = await database.health()
    if not sign.ok:
        raise OsnovciError(sign.message)
