"""The cache of Kubernetes objects, fed by the watches: what the API server last said.

Raw bodies of three kinds, and who needs to know of a change.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, TypeVar

from osnovci_operator.labels import POOL
from osnovci_operator.pod_life import PodLife, Pods, Startups
from osnovci_operator.queuepool.spec import KIND as QUEUE_POOL
from osnovci_operator.queuepool.spec import Pool
from osnovci_operator.resource import InvalidSpecError, Key

Place = TypeVar("Place")
Member = TypeVar("Member")

DEPLOYMENT = "Deployment"
POD = "Pod"
ENDED = frozenset({"Succeeded", "Failed"})
"""Phases of a pod that never runs again."""


class Store:
    """What exists; reads never wait and never ask the API server."""

    def __init__(self) -> None:
        self._pools: dict[Key, Pool | InvalidSpecError] = {}
        self._children: dict[Key, dict[str, Any]] = {}
        self._pods: defaultdict[Key, dict[str, PodLife]] = defaultdict(dict)
        self._pods_in: defaultdict[str, dict[str, Key]] = defaultdict(dict)
        """By namespace, each pod with its pool."""
        self._startups = Startups()
        self._users: defaultdict[tuple[str, str], set[Key]] = defaultdict(set)
        self._known: dict[Key, dict[str, Any]] = {}
        """Every object's metadata, by its own kind and name: which state of which object is known."""

    def put(self, body: dict[str, Any]) -> set[Key]:
        """Take in an object, unless a newer state of it is known; give the keys to reconcile."""
        place, metadata = object_key(body), body["metadata"]
        known = self._known.get(place)
        if known and _version(known) > _version(metadata):
            return set()
        self._known[place] = metadata
        if body["kind"] == QUEUE_POOL:
            return self._put_pool(body)
        owner, name = pool_of(body), metadata["name"]
        if body["kind"] == POD:
            self._put_pod(owner, body)
        elif name == owner.name:  # A label alone makes no Deployment the pool's.
            self._children[owner] = body
        return {owner}

    def written(self, body: dict[str, Any]) -> None:
        """Take in what a write of ours was answered with, unless the object is gone meanwhile."""
        known = self._known.get(object_key(body))
        if known and known["uid"] == body["metadata"]["uid"]:
            self.put(body)

    def remove(self, body: dict[str, Any]) -> set[Key]:
        """Forget an object, unless another of its name took its place; give the keys to reconcile."""
        place, metadata = object_key(body), body["metadata"]
        known = self._known.get(place)
        if known and known["uid"] != metadata["uid"]:
            return set()
        self._known.pop(place, None)
        if body["kind"] == QUEUE_POOL:
            key = pool_key(metadata)
            self._startups.forget(key)
            return self._rivals(key, self._pools.pop(key, None)) | {key}
        owner, name = pool_of(body), metadata["name"]
        if body["kind"] == POD:
            self._remove_pod(owner, name)
        elif name == owner.name:
            self._children.pop(owner, None)
        return {owner}

    def known(self, kind: str, namespace: str) -> dict[Key, dict[str, Any]]:
        """Give the metadata of what is known of a kind, to compare with a list made after it."""
        return {
            place: metadata
            for place, metadata in self._known.items()
            if place.kind == kind and place.namespace == namespace
        }

    def replace(
        self, known: dict[Key, dict[str, Any]], listed: Iterable[dict[str, Any]]
    ) -> set[Key]:
        """Take in a list; forget what was known before it was made and is not in it.

        So a deletion that no watch told of is noticed. Gives the keys to reconcile.
        """
        woken: set[Key] = set()
        present: set[str] = set()
        for body in listed:
            present.add(body["metadata"]["uid"])
            woken |= self.put(body)
        for place, metadata in known.items():
            if metadata["uid"] not in present:
                woken |= self.remove({"kind": place.kind, "metadata": metadata})
        return woken

    def pool(self, key: Key) -> Pool | InvalidSpecError | None:
        """Give a pool; None if there is none."""
        return self._pools.get(key)

    def pools(self, namespace: str | None = None) -> Iterable[Pool]:
        """Give the pools that can be read, of one namespace or of all."""
        for key, pool in self._pools.items():
            if isinstance(pool, Pool) and namespace in (None, key.namespace):
                yield pool

    def pool_keys(self) -> list[Key]:
        """Name every pool, also one whose spec cannot be read."""
        return list(self._pools)

    def deployment(self, key: Key) -> dict[str, Any] | None:
        """Give a pool's Deployment; None if none was seen yet."""
        return self._children.get(key)

    def pods(self, key: Key) -> frozenset[str]:
        """Name a pool's pods; those that have ended are none any more."""
        return frozenset(self._pods.get(key, ()))

    def trouble(self, key: Key) -> str | None:
        """Say what keeps one of a pool's pods from becoming ready; None where nothing does."""
        pods = sorted(self._pods.get(key, {}).items())
        return next((life.trouble for _, life in pods if life.trouble), None)

    def workers(self, key: Key) -> Pods:
        """Give which of a pool's pods take jobs or start, and how long starts took."""
        return Pods.of(self._pods.get(key, {}).values(), self._startups.longest(key))

    def startup(self, key: Key) -> timedelta | None:
        """Give the longest of the last starts of a pool's pods; None before the first."""
        return self._startups.longest(key)

    def leaving(self, key: Key) -> frozenset[str]:
        """Name a pool's pods that have been told to end."""
        return frozenset(name for name, life in self._pods.get(key, {}).items() if life.leaving)

    def pods_in(self, namespace: str) -> Mapping[str, Key]:
        """Name the pods of all pools of a namespace, also of pools that are gone."""
        return self._pods_in.get(namespace, {})

    def owner(self, namespace: str, queue: str) -> Pool | None:
        """Give the pool that a queue belongs to: the oldest that names it."""
        users = (self._pools.get(key) for key in self._users.get((namespace, queue), ()))
        pools = [pool for pool in users if isinstance(pool, Pool) and not pool.deleting]
        return min(pools, key=lambda pool: pool.identity.seniority, default=None)

    def _put_pod(self, owner: Key, body: dict[str, Any]) -> None:
        name = body["metadata"]["name"]
        if has_ended(body):
            self._remove_pod(owner, name)
            return
        before = self._pods[owner].get(name)
        life = self._pods[owner][name] = PodLife.parse(body, before)
        self._pods_in[owner.namespace][name] = owner
        if (length := life.startup(before)) is not None:
            self._startups.add(owner, length)

    def _remove_pod(self, owner: Key, name: str) -> None:
        self._pods[owner].pop(name, None)
        self._pods_in[owner.namespace].pop(name, None)
        if not self._pods[owner]:
            del self._pods[owner]

    def _put_pool(self, body: dict[str, Any]) -> set[Key]:
        key = pool_key(body["metadata"])
        before = self._rivals(key, self._pools.get(key))
        try:
            pool = self._pools[key] = Pool.parse(body)
        except InvalidSpecError as error:
            self._pools[key] = error
            return before | {key}
        for queue in pool.spec.queues:
            self._users[key.namespace, queue.name].add(key)
        return before | self._rivals(key, pool, leave=False) | {key}

    def _rivals(
        self, key: Key, pool: Pool | InvalidSpecError | None, *, leave: bool = True
    ) -> set[Key]:
        """Name the pools that share a queue with this one, which first leaves it if asked."""
        rivals: set[Key] = set()
        for queue in pool.spec.queues if isinstance(pool, Pool) else ():
            place = (key.namespace, queue.name)
            rivals |= self._users.get(place, set())
            if leave:
                _discard(self._users, place, key)
        return rivals - {key}


def has_ended(pod: dict[str, Any]) -> bool:
    """Whether a pod's containers have stopped for good: it was evicted, or its node shut down."""
    return pod.get("status", {}).get("phase") in ENDED


def _discard(index: dict[Place, set[Member]], place: Place, member: Member) -> None:
    """Take a member out of an index, and the place with its last one."""
    members = index.get(place, set())
    members.discard(member)
    if not members:
        index.pop(place, None)


def object_key(body: dict[str, Any]) -> Key:
    """Name any object."""
    return Key(body["kind"], body["metadata"]["namespace"], body["metadata"]["name"])


def _version(metadata: dict[str, Any]) -> int:
    """The API server's count of changes; comparable for one object, and for objects of a kind."""
    return int(metadata.get("resourceVersion", 0))


def pool_key(metadata: dict[str, Any]) -> Key:
    """Name a QueuePool."""
    return Key(QUEUE_POOL, metadata["namespace"], metadata["name"])


def pool_of(body: dict[str, Any]) -> Key:
    """Name the pool that a labelled object belongs to."""
    metadata = body["metadata"]
    return Key(QUEUE_POOL, metadata["namespace"], metadata["labels"][POOL])
