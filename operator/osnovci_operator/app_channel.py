"""Redis, as an OsnovciApp's pods meet the operator there: their config, and what they report.

Each namespace with apps has one task and one connection of its own, so that neither a long audit
nor many queues hold it up. It reads all heartbeats once a second, more often after a change, and
publishes a document at once.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Mapping
from typing import Any

import redis.asyncio as redis
from redis.exceptions import RedisError

from osnovci import app_observation
from osnovci.app_contract import config_key
from osnovci.app_observation import AppQuestion, Mark
from osnovci.config.publish import publish
from osnovci.limit_contract import denials_key, top_key
from osnovci.observation import UnexpectedReplyError
from osnovci.scripted import run_async
from osnovci_operator.app.reports import Configs, Reports
from osnovci_operator.app.spec import App
from osnovci_operator.backend import Unreadable, UnreadableReason
from osnovci_operator.connection import Connection, explain, is_cancelled
from osnovci_operator.errors import BackendError
from osnovci_operator.kube import Kube
from osnovci_operator.resource import Key
from osnovci_operator.settings import Settings
from osnovci_operator.store import Store
from osnovci_operator.told import ToldApp

EVERY_SECONDS = 1.0
SOON_SECONDS = 0.1
"""So often it is read while pods take up what was published; for at most so long, as one may be stuck:"""
SETTLE_SECONDS = 3.0

TURN_SECONDS = 2.0
"""The time budget of one turn, connecting included."""

STALE_SECONDS = 5.0
"""A reading that is older no longer counts."""

log = logging.getLogger(__name__)


class Channels:
    """The channels of all namespaces."""

    def __init__(
        self, settings: Settings, kube: Kube, store: Store, wake: Callable[[Key], None]
    ) -> None:
        self.wake = wake
        """Has an app reconciled soon."""
        self._each = {
            name: Channel(name, Connection(name, settings, kube), store, wake)
            for name in settings.namespaces
        }

    async def run(self) -> None:
        """Keep at each until cancelled."""
        async with asyncio.TaskGroup() as group:
            for each in self._each.values():
                group.create_task(each.run())

    def reports(self, key: Key) -> Reports | Unreadable | None:
        """Give what an app's pods reported last; None before the first reading."""
        return self._each[key.namespace].reports(key)

    def tell(self, key: Key, configs: Configs, above: int, gone: Iterable[str] = ()) -> None:
        """Have the pods of an app run these configs, from the next moment on."""
        self._each[key.namespace].tell(key, configs, above, gone)

    def forget(self, key: Key) -> None:
        """Let go of an app that is no more."""
        self._each[key.namespace].forget(key)


class Channel:
    """The one Redis of a namespace, for its apps."""

    def __init__(
        self, namespace: str, connection: Connection, store: Store, wake: Callable[[Key], None]
    ) -> None:
        self._namespace = namespace
        self._connection = connection
        self._store = store
        self._wake = wake
        self._apps: dict[Key, ToldApp] = {}
        self._gone: set[tuple[Key, str]] = set()
        """Releases of apps whose config is to be deleted."""
        self._ended: set[tuple[str, str]] = set()
        """Policies, by app and name, whose counts are to be deleted."""
        self._reports: dict[Key, Reports] = {}
        self._failure: Unreadable | None = None
        self._read_at = time.monotonic()
        self._published_at = float("-inf")
        self._work = asyncio.Event()

    def reports(self, key: Key) -> Reports | Unreadable | None:
        """Give what an app's pods reported last; None before the first reading."""
        return self._failure or self._reports.get(key)

    def tell(self, key: Key, configs: Configs, above: int, gone: Iterable[str] = ()) -> None:
        """Have the pods of an app run these configs; the next turn, which is at once, publishes them.

        The configs of releases that are `gone`, or were told until now, are deleted.
        """
        app = self._apps.get(key)
        told = app.told if app else {}
        self._gone |= {(key, release) for release in {*told, *gone} - configs.documents.keys()}
        self._gone -= {(key, release) for release in configs.documents}
        if app and app.configs == configs:
            return
        self._apps[key] = after = ToldApp.after(app, configs, above)
        if app:
            self._ended |= {(key.name, name) for name in app.policies - after.policies}
        self._work.set()

    def forget(self, key: Key) -> None:
        """Let go of an app that is no more, and delete its configs."""
        app = self._apps.pop(key, None)
        self._ended |= {(key.name, name) for name in (app.policies if app else ())}
        self._reports.pop(key, None)
        self._gone |= {(key, release) for release in (app.told if app else ())}
        self._work.set()

    async def run(self) -> None:
        """Publish and read, again and again and when a document has changed, until cancelled."""
        try:
            while not is_cancelled():
                self._work.clear()
                if self._apps or self._gone:
                    await self._turn()
                try:
                    async with asyncio.timeout(self._pause_seconds()):
                        await self._work.wait()
                except TimeoutError:
                    continue
        finally:
            await self._connection.close()

    def _pause_seconds(self) -> float:
        behind = any(each.behind(each.beats) for each in self._reports.values())
        lately = time.monotonic() - self._published_at < SETTLE_SECONDS
        return SOON_SECONDS if behind and lately else EVERY_SECONDS

    async def _turn(self) -> None:
        try:
            async with asyncio.timeout(TURN_SECONDS):
                found = await self._read(await self._connection.open(), dict(self._apps))
        except BackendError as error:
            await self._fail(error)
        except (RedisError, UnexpectedReplyError, OSError, TimeoutError) as error:
            await self._fail(explain(error))
        except Exception as error:
            log.exception("Redis of namespace %s cannot be read for its apps", self._namespace)
            message = f"reading Redis failed with {type(error).__name__}; see the operator's log"
            await self._fail(BackendError(UnreadableReason.NONSENSE, message))
        else:
            self._take(found)

    async def _read(self, client: redis.Redis, apps: dict[Key, ToldApp]) -> dict[Key, Reports]:
        """Read all apps at one moment, and publish what is not there as it should be."""
        while self._gone:
            gone, release = next(iter(self._gone))
            # The pods that still end keep what they run.
            await client.delete(config_key(self._namespace, gone.name, release))
            self._gone.discard((gone, release))
        await self._delete_counts(client)
        questions = [self._question(key, app) for key, app in apps.items()]
        arguments = app_observation.arguments(self._namespace, questions)
        reply = await run_async(client, app_observation.SCRIPT.call([0, *arguments]))
        found = app_observation.parse(reply, questions)
        for key, app in apps.items():
            await self._publish(client, app, found[key.name].newest)
        return {
            key: app.reports(found[key.name].heartbeats, found[key.name].denials)
            for key, app in apps.items()
        }

    async def _publish(
        self, client: redis.Redis, app: ToldApp, newest: Mapping[str, Mark | None]
    ) -> None:
        for release, each in app.told.items():
            if newest[release] != Mark(each.revision, each.checksum):
                above, document = app.above, each.document
                each.revision = await publish(client, self._namespace, document, above, release)
                app.above = max(above, each.revision)
                self._published_at = time.monotonic()

    async def _delete_counts(self, client: redis.Redis) -> None:
        """Have a policy that comes again under its name begin at nothing."""
        if not self._ended:
            return
        ended = tuple(self._ended)
        async with client.pipeline(transaction=False) as pipeline:
            for app, policy in ended:
                key = denials_key(self._namespace, app)
                pipeline.hdel(key, f"{policy}/denied", f"{policy}/wouldDeny")
                pipeline.delete(top_key(self._namespace, app, policy))
            # A key of another type is somebody else's, and stays.
            await pipeline.execute(raise_on_error=False)
        self._ended.difference_update(ended)

    def _question(self, key: Key, told: ToldApp) -> AppQuestion:
        app = self._store.app(key)
        wanted = app.spec.processes if isinstance(app, App) else 1
        # Pods of an older revision may have more.
        processes = max(wanted, self._store.processes(key))
        pods = tuple(sorted(self._store.pods(key)))
        releases, policies = tuple(told.told), tuple(sorted(told.policies))
        return AppQuestion(key.name, pods, processes, releases, policies)

    def _take(self, found: dict[Key, Reports]) -> None:
        recovered, self._failure = self._failure, None
        self._read_at = time.monotonic()
        before, self._reports = self._reports, found
        for key, reports in found.items():
            if recovered or _figures(reports) != _figures(before.get(key)):
                self._wake_all(key)

    def _wake_all(self, key: Key) -> None:
        """Wake an app, and the policies that are about it."""
        for each in {key, *(sharer.key for sharer in self._store.sharers(key))}:
            self._wake(each)

    async def _fail(self, error: BackendError) -> None:
        """Drop the connection; the next turn reads the Secret and connects anew."""
        await self._connection.close()
        if not self._apps:  # Nobody's Redis is not tried for ever, for a key that nobody reads.
            self._gone.clear()
            self._ended.clear()
        if self._failure or time.monotonic() - self._read_at < STALE_SECONDS:
            return
        log.warning("Redis of namespace %s cannot be read for its apps: %s", self._namespace, error)
        self._failure = Unreadable(error.reason, str(error))
        for key in self._apps:
            self._wake_all(key)


def _figures(reports: Reports | None) -> Any:
    """Give what makes an app worth a reconcile when it changes: all but the time."""
    if not reports:
        return None
    beats = {
        pod: [beat.model_copy(update={"at_ms": 0}) for beat in each]
        for pod, each in reports.beats.items()
    }
    return beats, reports.revision, reports.configs, reports.denials
