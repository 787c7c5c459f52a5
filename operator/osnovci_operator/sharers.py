"""Who shares the database of a namespace, and what each would like to have of it.

They are the apps that have a `database`, and the pools whose workers follow one of these.
"""

from collections.abc import Callable

from osnovci.app_contract import ENV_DATABASE
from osnovci_operator.app import budget
from osnovci_operator.app.budget import Workers
from osnovci_operator.app.decide import Decision, sharer
from osnovci_operator.app.reports import Reports
from osnovci_operator.app.seen import Neighbour, Seen
from osnovci_operator.app.spec import KIND as APP
from osnovci_operator.app.spec import App
from osnovci_operator.backend import Unreadable
from osnovci_operator.database import URL, Grant
from osnovci_operator.kinds import database_place
from osnovci_operator.memory import Memory
from osnovci_operator.queuepool.spec import UNSCALED_REPLICAS, Pool, ScalingMode, Spec
from osnovci_operator.resource import Key
from osnovci_operator.store import Store


class Sharers:
    """Those of all namespaces."""

    def __init__(
        self,
        store: Store,
        reports: Callable[[Key], Reports | Unreadable | None],
        wake: Callable[[Key], None],
    ) -> None:
        self._store = store
        self._reports = reports
        self._wake = wake
        self._wanted: dict[Key, int] = {}
        """By app, the count that it would like to have."""
        self._noted: dict[Key, object] = {}
        """By app, what the others go by."""
        self._granted = Memory[int]()
        """How many workers each pool was told that it may have."""

    def note(self, app: App, seen: Seen, decision: Decision) -> None:
        """Remember what an app would like to have, and wake who shares the database with it."""
        workers = [each.sharer for each in seen.neighbours if isinstance(each.sharer, Workers)]
        noted = (decision.wanted, seen.pods, workers)
        self._wanted[app.key] = decision.wanted
        if app.spec.database and self._noted.get(app.key) != noted:
            self._noted[app.key] = noted
            for other in (*self._apps(app.identity.namespace), *self._pools(app)):
                if other.key != app.key:
                    self._wake(other.key)

    def neighbours(self, app: App) -> tuple[Neighbour, ...]:
        """Give the others that use the app's database; none where it has none."""
        if not app.spec.database:
            return ()
        others = [each for each in self._all(app) if each.sharer.name != app.identity.name]
        return tuple(others)

    def grant(self, pool: Pool) -> Grant | None:
        """Tell how many workers a pool may have; None where no database is shared with it."""
        app = self._followed(pool)
        if not app:
            self._granted.forget(pool.key)
            return None
        everybody = self._all(app)
        mine = next(each.sharer for each in everybody if each.sharer.name == _name(pool))
        assert isinstance(mine, Workers)
        uid = pool.identity.uid
        before = self._granted.recall(pool.key, uid, self._asked(pool.key))
        reports = {each.sharer.name: each.reports for each in everybody}
        given = budget.grant(mine, before, [each.sharer for each in everybody], reports)
        self._granted.keep(pool.key, uid, given.replicas)
        return mine.rising(given)

    def pods(self, key: Key) -> tuple[int, int]:
        """Count the pods that stay and those that leave."""
        leaving = len(self._store.leaving(key))
        return len(self._store.pods(key)) - leaving, leaving

    def forget(self, key: Key) -> None:
        """Let go of an app or pool that is no more."""
        self._wanted.pop(key, None)
        self._noted.pop(key, None)
        self._granted.forget(key)

    def _all(self, app: App) -> list[Neighbour]:
        apps = (self._app(each) for each in self._apps(app.identity.namespace))
        return [*apps, *(self._workers(each, app) for each in self._pools(app))]

    def _apps(self, namespace: str) -> list[App]:
        found = self._store.sharers(database_place(namespace))
        return [each for each in found if isinstance(each, App)]

    def _pools(self, app: App) -> list[Pool]:
        """Give the pools whose workers use the database of an app, be it by another one."""
        found = self._store.sharers(database_place(app.identity.namespace))
        pools = (each for each in found if isinstance(each, Pool))
        return [each for each in pools if self._followed(each) or self._lingers(each)]

    def _lingers(self, pool: Pool) -> bool:
        """Whether workers still have the database of an app that is gone, or no longer has one."""
        deployment = self._store.deployment(pool.key)
        if not deployment or _has_its_own(pool):
            return False
        (worker, *_) = deployment["spec"]["template"]["spec"]["containers"]
        return ENV_DATABASE in {each["name"] for each in worker.get("env", ())}

    def _followed(self, pool: Pool) -> App | None:
        """Give the app whose database a pool's workers use; None where they use none, or their own."""
        ref = pool.spec.app_ref
        app = ref and self._store.app(Key(APP, pool.identity.namespace, ref.name))
        uses = isinstance(app, App) and app.spec.database and not app.deleting
        return app if isinstance(app, App) and uses and not _has_its_own(pool) else None

    def _asked(self, key: Key) -> int:
        deployment = self._store.deployment(key)
        return deployment["spec"].get("replicas", 1) if deployment else 0

    def _app(self, app: App) -> Neighbour:
        wanted = self._wanted.get(app.key, self._asked(app.key))
        pods, processes = self.pods(app.key), self._store.processes(app.key)
        reports = self._reports(app.key)
        return Neighbour(
            sharer(app.identity.name, app.spec, wanted, pods, processes),
            reports if isinstance(reports, Reports) else None,
        )

    def _workers(self, pool: Pool, app: App) -> Neighbour:
        assert app.spec.database
        asked, (staying, leaving) = self._asked(pool.key), self.pods(pool.key)
        most = most_workers(pool.spec, asked)
        at_a_time = min(max(most, asked), 1)  # As the Deployment of such workers is paced.
        workers = Workers(
            name=_name(pool),
            replicas=most,
            surge=at_a_time,
            spare=at_a_time,
            staying=max(staying, asked),
            leaving=leaving,
            # Until the last pod of more jobs has gone, each counts as one of them.
            processes=max(pool.spec.concurrency, self._store.processes(pool.key)),
            connections=1,
            limit=app.spec.database.max_connections - app.spec.database.reserved_connections,
        )
        return Neighbour(workers, None)


def most_workers(spec: Spec, asked: int) -> int:
    """Give how many workers a pool may ask for, of which it has `asked` for so many now."""
    if spec.scaling and spec.scaling.mode is ScalingMode.ENFORCE:
        return spec.scaling.max_replicas
    if spec.replicas is not None:
        return spec.replicas
    return max(asked, spec.scaling.min_replicas) if spec.scaling else UNSCALED_REPLICAS


def _has_its_own(pool: Pool) -> bool:
    return URL in {each.name for each in pool.spec.pod.env}


def _name(pool: Pool) -> str:
    """Name the workers among the sharers, where no app has such a name."""
    return f"QueuePool {pool.identity.name}"
