"""Who shares the database of a namespace, and whom a change of one wakes."""

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from apps import APP, app, app_body, decided, deployed
from apps import seen as seen_of_app
from budget_world import DATABASE, JOBS
from builders import NAMESPACE, key, pool_body

from osnovci_operator.app.budget import divide
from osnovci_operator.app.seen import Neighbour
from osnovci_operator.app.spec import App
from osnovci_operator.database import Grant
from osnovci_operator.labels import POOL, PROCESSES
from osnovci_operator.queuepool.build import deployment as built_pool
from osnovci_operator.queuepool.seen import FollowedApp
from osnovci_operator.queuepool.spec import Pool
from osnovci_operator.resource import Key
from osnovci_operator.sharers import Sharers
from osnovci_operator.store import Store

if TYPE_CHECKING:
    from osnovci_operator.app.reports import Reports

OF_APP = app(replicas=3, database=DATABASE)
OF_POOL = replace(JOBS, name=f"QueuePool {key().name}")


class Namespace:
    """An app with a database, a pool that follows it, and whom a change wakes."""

    def __init__(self, **pod: Any) -> None:
        self.store, self.woken = Store(), list[Key]()
        self.told: dict[Key, Reports | None] = {}
        self.sharers = Sharers(self.store, self.told.get, self.woken.append)
        self.app = app_body(replicas=3, database=DATABASE)
        self.store.put(self.app)
        self.pool = pool_body()
        self.pool["spec"] |= {"appRef": {"name": APP}, "pod": pod, "replicas": 8}
        self.store.put(self.pool)

    def grant(self) -> Grant | None:
        pool = self.store.pool(key())
        assert pool
        assert not isinstance(pool, Exception)
        return self.sharers.grant(pool)


APP_KEY = Key("OsnovciApp", NAMESPACE, APP)


def test_a_pool_that_follows_an_app_shares_its_database() -> None:
    given = Namespace()
    assert given.grant() == Grant(8)
    (jobs,) = given.sharers.neighbours(app(database=DATABASE))
    assert jobs == Neighbour(OF_POOL, None)
    without = app_body(replicas=3)
    without["metadata"]["resourceVersion"] = "2"
    assert given.store.put(without) >= {APP_KEY, key()}
    assert given.grant() is None
    assert given.sharers.neighbours(app()) == ()


def test_a_worker_of_more_jobs_counts_with_all_of_them_until_it_has_gone() -> None:
    given = Namespace()
    (before,) = (each.sharer for each in given.sharers.neighbours(OF_APP))
    assert before.processes == 2
    old = {"name": "p", "namespace": NAMESPACE, "uid": "p", "labels": {POOL: key().name}}
    pod = {"kind": "Pod", "metadata": old | {"annotations": {PROCESSES: "200"}}}
    given.store.put(pod)
    (amid,) = (each.sharer for each in given.sharers.neighbours(OF_APP))
    assert amid.processes == 200
    given.store.remove(pod)
    assert given.sharers.neighbours(OF_APP)[0].sharer == before


def test_a_pool_of_no_worker_takes_nothing() -> None:
    given = Namespace()
    given.pool["spec"] |= {"replicas": 0}
    given.store.put(given.pool)
    (jobs,) = (each.sharer for each in given.sharers.neighbours(app(database=DATABASE)))
    assert divide([jobs])[jobs.name].budget == 0
    assert given.grant() == Grant(0)


def test_workers_whose_app_is_gone_keep_their_connections() -> None:
    given = Namespace()
    other = app_body(database=DATABASE)
    other["metadata"] |= {"name": "shop", "uid": "shop"}
    given.store.put(other)
    pool = given.store.pool(key())
    assert isinstance(pool, Pool)
    of_app = FollowedApp(OF_APP.spec.pod, OF_APP.spec.document(APP).database)
    body = built_pool(pool, 2, of_app)
    body["metadata"] |= {"uid": "deployment", "generation": 1}
    given.store.put(body)
    assert APP_KEY in given.store.remove(given.app)
    assert given.grant() is None
    shop = given.store.app(replace(APP_KEY, name="shop"))
    assert isinstance(shop, App)
    (jobs,) = given.sharers.neighbours(shop)
    assert (jobs.sharer.name, jobs.sharer.staying) == (f"QueuePool {key().name}", 2)
    given.store.remove(body)
    assert given.sharers.neighbours(shop) == ()


def test_a_pool_with_a_database_of_its_own_does_not() -> None:
    given = Namespace(env=[{"name": "DATABASE_URL", "value": "postgresql://another/one"}])
    assert given.grant() is None
    assert given.sharers.neighbours(app(database=DATABASE)) == ()


def test_what_workers_come_and_go_is_the_concern_of_the_app() -> None:
    given = Namespace()
    pod = {"name": "p", "namespace": NAMESPACE, "uid": "p", "labels": {POOL: key().name}}
    assert given.store.put({"kind": "Pod", "metadata": pod}) == {key(), APP_KEY}
    assert given.store.remove({"kind": "Pod", "metadata": pod}) == {key(), APP_KEY}
    # And so is what the pool asks for.
    assert given.store.put(given.pool) >= {key(), APP_KEY}


def test_an_app_that_wants_more_wakes_who_shares_the_database_once() -> None:
    given = Namespace()
    of, at = app(replicas=3, database=DATABASE), seen_of_app(deployed=deployed())
    given.sharers.note(of, at, decided(of, at))
    assert given.woken == [key()]
    given.sharers.note(of, at, decided(of, at))
    assert given.woken == [key()]
