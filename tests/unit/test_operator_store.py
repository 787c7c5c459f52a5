"""The cache of objects: whose a queue is, and who must know of a change."""

from datetime import timedelta

import pytest
from builders import NAMESPACE, NOON, child_body, key, pool_body

from osnovci_operator.labels import APP
from osnovci_operator.resource import InvalidSpecError, Key
from osnovci_operator.store import Store

HOUR = timedelta(hours=1)
OLDER = pool_body(name="older", created_at=NOON, queues=("email", "report"))
YOUNGER = pool_body(name="younger", created_at=NOON + HOUR, queues=("email",))


def owner(store: Store, queue: str = "email") -> str | None:
    found = store.owner(NAMESPACE, queue)
    return found.identity.name if found else None


@pytest.mark.parametrize(
    "bodies",
    [
        pytest.param((OLDER, YOUNGER), id="the older is seen first"),
        pytest.param((YOUNGER, OLDER), id="the younger is seen first"),
    ],
)
def test_a_queue_is_the_oldest_pools(bodies: tuple[dict[str, object], ...]) -> None:
    store = Store()
    for body in bodies:
        store.put(body)
    assert owner(store) == "older"


def test_pools_of_one_second_are_ordered_by_uid() -> None:
    store = Store()
    for name, uid in (("one", "b"), ("two", "a")):
        store.put(pool_body(name=name, uid=uid))
    assert owner(store) == "two"


def test_a_queue_of_no_pool_is_nobodys() -> None:
    store = Store()
    store.put(OLDER)
    assert owner(store, "notification") is None
    assert store.owner("elsewhere", "email") is None


BROKEN = pool_body(name="older", created_at=NOON, spec={})


@pytest.mark.parametrize(
    "leaving",
    [
        pytest.param(
            pool_body(name="older", created_at=NOON, queues=("report",)), id="it drops the queue"
        ),
        pytest.param(
            pool_body(name="older", created_at=NOON, queues=("email",), deleting=True),
            id="it is being deleted",
        ),
        pytest.param(BROKEN, id="its spec cannot be read any more"),
    ],
)
def test_a_younger_pool_is_woken_when_the_older_leaves(leaving: dict[str, object]) -> None:
    store = Store()
    store.put(OLDER)
    store.put(YOUNGER)
    assert store.put(leaving) == {key(name="older"), key(name="younger")}
    assert owner(store) == "younger"


def test_a_younger_pool_is_woken_when_the_older_is_removed() -> None:
    store = Store()
    store.put(OLDER)
    store.put(YOUNGER)
    assert store.remove(OLDER) == {key(name="older"), key(name="younger")}
    assert owner(store) == "younger"
    assert store.remove(YOUNGER) == {key(name="younger")}
    assert owner(store) is None


def test_a_pool_that_comes_wakes_who_shares_its_queue() -> None:
    store = Store()
    store.put(pool_body(name="apart", queues=("schedule",)))
    assert store.put(YOUNGER) == {key(name="younger")}
    assert store.put(OLDER) == {key(name="older"), key(name="younger")}


def test_a_spec_that_cannot_be_read_is_no_pool_but_has_a_key() -> None:
    store = Store()
    store.put(BROKEN)
    assert isinstance(store.pool(key(name="older")), InvalidSpecError)
    assert list(store.pools()) == []
    assert store.all_keys() == [key(name="older")]


def test_children_wake_their_pool() -> None:
    store = Store()
    deployment = child_body(kind="Deployment", name="homework-jobs")
    pods = [child_body(kind="Pod", name=name) for name in ("one", "two")]
    assert [store.put(body) for body in (deployment, *pods)] == [{key()}] * 3
    assert store.deployment(key()) == deployment
    assert store.pods(key()) == {"one", "two"}
    assert [store.remove(body) for body in (deployment, pods[0])] == [{key()}] * 2
    assert store.deployment(key()) is None
    assert store.pods(key()) == {"two"}


def test_what_a_write_gave_back_is_taken_in_unless_the_object_is_gone() -> None:
    store = Store()
    before, after = (child_body(kind="Deployment", name="homework-jobs") for _ in range(2))
    after["metadata"]["resourceVersion"] = "12"
    store.put(before)
    store.written(after)
    assert store.deployment(key()) == after
    store.remove(after)
    store.written(after)
    assert store.deployment(key()) is None


def test_the_trouble_of_a_pod_is_its_pools_until_the_pod_goes() -> None:
    store = Store()
    well, ill = (child_body(kind="Pod", name=name) for name in ("one", "two"))
    failed = {"type": "PodScheduled", "status": "False", "message": "no room"}
    store.put(well)
    store.put(ill | {"status": {"conditions": [failed]}})
    assert store.trouble(key()) == "pod two cannot be scheduled: no room"
    store.remove(ill)
    assert store.trouble(key()) is None


def test_of_two_pods_in_trouble_the_younger_is_told() -> None:
    store = Store()
    for name, created in (("one", "12:00:01"), ("two", "12:00:00"), ("three", "12:00:00")):
        body = child_body(kind="Pod", name=name)
        body["metadata"]["creationTimestamp"] = f"2026-01-01T{created}Z"
        failed = {"type": "PodScheduled", "status": "False", "message": "no room"}
        store.put(body | {"status": {"conditions": [failed]}})
    assert store.trouble(key()) == "pod one cannot be scheduled: no room"


@pytest.mark.parametrize("phase", ["Succeeded", "Failed"])
def test_a_pod_that_has_ended_is_none(phase: str) -> None:
    store = Store()
    pod = child_body(kind="Pod", name="one")
    store.put(pod | {"status": {"phase": "Running"}})
    assert store.pods_in(NAMESPACE) == {"one": key()}
    assert store.put(pod | {"status": {"phase": phase}}) == {key()}
    assert store.pods_in(NAMESPACE) == {}
    assert store.pods(key()) == frozenset()


def test_pods_are_given_by_namespace_also_without_their_pool() -> None:
    store = Store()
    for name, of in (("one", "older"), ("two", "younger")):
        store.put(child_body(kind="Pod", name=name, pool=of))
    assert store.pods_in(NAMESPACE) == {"one": key(name="older"), "two": key(name="younger")}
    assert store.pods_in("elsewhere") == {}


def test_pools_are_given_by_namespace() -> None:
    store = Store()
    store.put(OLDER)
    assert [pool.identity.name for pool in store.pools(NAMESPACE)] == ["older"]
    assert list(store.pools("elsewhere")) == []


def test_an_older_state_of_an_object_is_not_taken_in() -> None:
    store = Store()
    newer, older = (child_body(kind="Deployment", name="homework-jobs") for _ in range(2))
    newer["metadata"]["resourceVersion"] = "12"
    older["metadata"]["resourceVersion"] = "9"
    assert store.put(newer) == {key()}
    assert store.put(older) == set()
    assert store.deployment(key()) == newer


def test_the_deletion_of_an_object_spares_another_of_its_name() -> None:
    store = Store()
    before, after = (child_body(kind="Deployment", name="homework-jobs") for _ in range(2))
    after["metadata"]["uid"] = "another"
    store.put(before)
    store.put(after)
    assert store.remove(before) == set()
    assert store.deployment(key()) == after


def test_a_list_makes_a_deletion_known_that_no_watch_told_of() -> None:
    store = Store()
    gone, new = (child_body(kind="Pod", name=name) for name in ("gone", "new"))
    store.put(gone)
    known = store.known("Pod", "homework")
    store.put(new)  # Made after the list, and told by a watch.
    assert store.replace(known, []) == {key()}
    assert store.pods(key()) == {"new"}


def test_pods_of_an_app_are_no_workers() -> None:
    """A pod of an app holds no jobs, and has the app's key though a pool has the same name."""
    store = Store()
    store.put(child_body(kind="Pod", name="worker", pool="homework"))
    web = child_body(kind="Pod", name="web")
    web["metadata"]["labels"] = {APP: "homework"}
    assert store.put(web) == {Key("OsnovciApp", NAMESPACE, "homework")}
    assert store.pods_in(NAMESPACE) == {"worker": key(name="homework")}
    assert store.pods(Key("OsnovciApp", NAMESPACE, "homework")) == {"web"}
