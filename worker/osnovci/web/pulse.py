"""The beat of a server process: measures, looks for a newer config, reports to Redis.

One task, beside the requests and in no one's path. Redis away changes nothing but the reports.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from osnovci.app_contract import ERROR_MAX_CHARACTERS, AppDocument, Refusal
from osnovci.config.revision import Config, ConfigError, Mark, revision_number
from osnovci.container import Container
from osnovci.contract import HEARTBEAT_INTERVAL_SECONDS
from osnovci.web.limits import WebLimits
from osnovci.web.link import Away, Link
from osnovci.web.replica import Replica
from osnovci.web.traffic import Window, between

LOOK_SECONDS = 0.4
"""How often a newer config is looked for: in force within a second, whatever is lost."""

FIRST_SECONDS = 5.0
"""How long a process that starts waits for the newest config to be in force, before it serves."""

LONGEST_WAIT_SECONDS = 3.0
"""Between two attempts while Redis is away; shorter than a heartbeat lives."""

AGAIN_SECONDS = 1.0
"""After a refusal of the application's the document is tried again so soon, then ever later."""

AGAIN_AT_MOST_SECONDS = 60.0

Configure = Callable[[AppDocument], Awaitable[None]]
"""Puts a document in force in the application; raises to refuse it."""

log = logging.getLogger(__name__)


class Pulse:
    """The beat; `begin`, then `run` until it is cancelled, then `end`."""

    def __init__(
        self, replica: Replica, container: Container, configure: Configure, limits: WebLimits
    ) -> None:
        self._replica = replica
        self._limits = limits
        self._container = container
        self._configure = configure
        self._link = Link(replica.settings) if replica.settings.redis_url else None
        self._seen: Mark = (None, None)
        self._resets: bytes | None = None
        """How often windows of limits were reset by hand, as Redis has it."""
        self._applying: asyncio.Task[None] | None = None
        self._woken = asyncio.Event()
        counts = replica.traffic.counts()
        self._window = Window(time.monotonic(), counts)
        self._figures = between(counts, counts, HEARTBEAT_INTERVAL_SECONDS)
        self._measured_at = self._reported_at = 0.0
        self._failures = 0
        self._answered_at = 0.0
        self._refusals = 0
        self._again_at = float("inf")
        """When a document that the application refused is put to it again."""

    @property
    def silence(self) -> float | None:
        """The seconds since Redis last answered, infinite before it first did; None without one."""
        if self._link is None:
            return None
        return time.monotonic() - self._answered_at if self._answered_at else float("inf")

    def wake(self) -> None:
        """Look and report now."""
        self._reported_at = 0.0
        self._woken.set()

    async def begin(self) -> None:
        """Measure once, and put the environment's config in force, then Redis's if it has one."""
        self._measure(time.monotonic())
        await self._apply(self._replica.config)
        if self._link:
            await self._talk(self._link, report=False)
        if self._applying:
            await asyncio.wait([self._applying], timeout=FIRST_SECONDS)

    async def run(self) -> None:
        """Beat until cancelled."""
        async with asyncio.TaskGroup() as group:
            if self._link:
                group.create_task(self._link.listen(self._woken.set))
            while True:
                await self._beat()
                with suppress(TimeoutError):
                    async with asyncio.timeout(self._wait_seconds):
                        await self._woken.wait()

    async def end(self) -> None:
        """Take the heartbeat back."""
        if self._applying:
            self._applying.cancel()
        if self._link:
            await self._link.take_back()
            await self._link.close()

    @property
    def _wait_seconds(self) -> float:
        return min(LOOK_SECONDS * 2**self._failures, LONGEST_WAIT_SECONDS)

    async def _beat(self) -> None:
        self._woken.clear()
        now = time.monotonic()
        self._replica.tell_uptime(now)
        due = HEARTBEAT_INTERVAL_SECONDS - LOOK_SECONDS / 2
        if now - self._measured_at >= due:
            self._measure(now)
        if self._link:
            await self._talk(self._link, report=now - self._reported_at >= due)

    def _measure(self, now: float) -> None:
        replica, before = self._replica, self._replica.usage
        usage = self._container.usage()
        cpu = usage.cpu_percent_since(before, now - self._measured_at) if before else None
        replica.measured(usage, cpu)
        self._figures = self._window.figures(now, replica.traffic.counts())
        self._measured_at = now

    async def _talk(self, link: Link, *, report: bool) -> None:
        """One round trip; a second one where the config is new."""
        try:
            mark = await self._exchange(link, report=report)
            if mark != self._seen:
                self._refusals = 0
            is_due = mark != self._seen or time.monotonic() >= self._again_at
            if is_due and mark != (None, None):
                await self._take(link, mark)
        except Away as error:
            if not self._failures:
                log.warning("Redis cannot be reached, trying on: %s", error)
            self._failures += 1
            return
        if self._failures:
            log.info("Redis is reached again")
        self._failures = 0
        self._answered_at = time.monotonic()

    async def _exchange(self, link: Link, *, report: bool) -> Mark:
        """Report if it is time, and give the mark of the newest config."""
        if not report:
            mark, resets = await link.exchange(None)
        else:
            at_ms = round(time.time() * 1000)
            beat = self._replica.heartbeat(self._figures, at_ms, self._limits.state)
            denials = self._limits.denials.take()
            try:
                mark, resets = await link.exchange(beat.model_dump_json(), denials)
            except Away:
                self._limits.denials.put_back(denials)
                raise
            self._reported_at = time.monotonic()
        if resets != self._resets:
            self._resets = resets
            self._limits.forget()
        return mark

    async def _take(self, link: Link, mark: Mark) -> None:
        """Read the new config and put it in force, beside the beat: a pool may take long to shrink."""
        self._again_at = float("inf")
        try:
            config = await link.fetch()
        except ConfigError as error:
            self._refuse(_revision(mark), str(error))
        else:
            if self._applying:
                self._applying.cancel()
            self._applying = asyncio.create_task(self._apply(config))
        self._seen = mark

    async def _apply(self, config: Config) -> None:
        try:
            await self._configure(config.document)
        except Exception as error:  # noqa: BLE001  # the application's own, whatever it is
            # It may be for the moment, such as a database that is away.
            wait = min(AGAIN_SECONDS * 2**self._refusals, AGAIN_AT_MOST_SECONDS)
            self._refusals = min(self._refusals + 1, 10)
            self._again_at = time.monotonic() + wait
            self._refuse(config.revision, f"the application refuses it: {error}")
            return
        self._refusals = 0
        if config.revision:
            log.info("config revision %d is in force", config.revision)
        self._replica.put_in_force(config)
        self.wake()

    def _refuse(self, revision: int, error: str) -> None:
        """Keep what is in force, and report why."""
        log.warning("config revision %d is not in force: %s", revision, error)
        self._replica.refused = Refusal(revision=revision, error=error[:ERROR_MAX_CHARACTERS])
        self.wake()


def _revision(mark: Mark) -> int:
    """Give the revision of what is refused; 0 where it has none."""
    try:
        return revision_number(mark[0])
    except ConfigError:
        return 0
