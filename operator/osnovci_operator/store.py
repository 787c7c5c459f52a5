"""The cache of Kubernetes objects, fed by the watches: what the API server last said.

Our own kinds and what their objects own, by the table in kinds.py, and who needs to know of a change.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any, TypeVar, cast

from osnovci_operator.app.spec import App
from osnovci_operator.kinds import (
    BY_NAME,
    CONFIG_MAP,
    DEPLOYMENT,
    OSNOVCI_APP,
    POD,
    QUEUE_POOL,
    followed,
    object_key,
    owner_of,
    queue_place,
    shared,
)
from osnovci_operator.pod_life import PodLife, Pods, Startups, trouble_of
from osnovci_operator.queuepool.spec import Pool
from osnovci_operator.resource import InvalidSpecError, Key, Resource

Place = TypeVar("Place")
Member = TypeVar("Member")

Parsed = Resource[Any] | InvalidSpecError
"""An object of ours, or why its spec cannot be read."""

ENDED = frozenset({"Succeeded", "Failed"})
"""Phases of a pod that never runs again."""


class Store:
    """What exists; reads never wait and never ask the API server."""

    def __init__(self) -> None:
        self._objects: dict[Key, Parsed] = {}
        self._children: defaultdict[Key, dict[Key, dict[str, Any]]] = defaultdict(dict)
        self._pods: defaultdict[Key, dict[str, PodLife]] = defaultdict(dict)
        self._pods_in: defaultdict[str, dict[str, Key]] = defaultdict(dict)
        """By namespace, each worker pod with its pool."""
        self._startups = Startups()
        self._sharers: defaultdict[Key, set[Key]] = defaultdict(set)
        """Who shares a place: a queue, a database, an app."""
        self._followers: defaultdict[Key, set[Key]] = defaultdict(set)
        self._known: dict[Key, dict[str, Any]] = {}
        """Every object's metadata, by its own kind and name: which state of which object is known."""

    def put(self, body: dict[str, Any]) -> set[Key]:
        """Take in an object, unless a newer state of it is known; give the keys to reconcile."""
        place, metadata = object_key(body), body["metadata"]
        known = self._known.get(place)
        if known and _version(known) > _version(metadata):
            return set()
        self._known[place] = metadata
        if place.kind in BY_NAME:
            return self._put_own(place, body)
        owner = owner_of(body)
        if place.kind == POD:
            self._put_pod(owner, body)
        else:
            self._children[owner][place] = body
        return self._concerned(owner, place)

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
        if place.kind in BY_NAME:
            self._startups.forget(place)
            woken = self._leave(place, self._objects.pop(place, None))
            return woken | self._concerned(place, place)
        owner = owner_of(body)
        if place.kind == POD:
            self._remove_pod(owner, place.name)
        else:
            _drop(self._children, owner, place)
        return self._concerned(owner, place)

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

    def get(self, key: Key) -> Parsed | None:
        """Give an object of ours; None if there is none."""
        return self._objects.get(key)

    def objects(self, kind: str, namespace: str | None = None) -> Iterable[Resource[Any]]:
        """Give the objects of a kind that can be read, of one namespace or of all."""
        for key, each in self._objects.items():
            ours = key.kind == kind and namespace in (None, key.namespace)
            if ours and isinstance(each, Resource):
                yield each

    def all_keys(self) -> list[Key]:
        """Name every object of ours, also one whose spec cannot be read."""
        return list(self._objects)

    def pool(self, key: Key) -> Pool | InvalidSpecError | None:
        """Give a QueuePool; None if there is none."""
        return cast("Pool | InvalidSpecError | None", self._objects.get(key))

    def pools(self, namespace: str | None = None) -> Iterable[Pool]:
        """Give the QueuePools that can be read, of one namespace or of all."""
        return cast("Iterable[Pool]", self.objects(QUEUE_POOL.name, namespace))

    def app(self, key: Key) -> App | InvalidSpecError | None:
        """Give an OsnovciApp; None if there is none."""
        return cast("App | InvalidSpecError | None", self._objects.get(key))

    def apps(self, namespace: str) -> Iterable[App]:
        """Give the OsnovciApps of a namespace that can be read."""
        return cast("Iterable[App]", self.objects(OSNOVCI_APP.name, namespace))

    def child(self, key: Key, kind: str, name: str) -> dict[str, Any] | None:
        """Give what carries an object's label, by its kind and name; None if none was seen yet."""
        return self._children.get(key, {}).get(Key(kind, key.namespace, name))

    def children(self, key: Key, kind: str) -> list[dict[str, Any]]:
        """Give all of a kind that carry an object's label."""
        return [body for place, body in self._children.get(key, {}).items() if place.kind == kind]

    def deployment(self, key: Key) -> dict[str, Any] | None:
        """Give an object's Deployment, which has its name; None if none was seen yet."""
        return self.child(key, DEPLOYMENT, key.name)

    def pods(self, key: Key) -> frozenset[str]:
        """Name an object's pods; those that have ended are none any more."""
        return frozenset(self._pods.get(key, ()))

    def ready_pods(self, key: Key) -> frozenset[str]:
        """Name an object's pods that are ready and stay."""
        lives = self._pods.get(key, {}).items()
        return frozenset(pod for pod, life in lives if life.ready_since and not life.leaving)

    def of_release(self, key: Key, release: str) -> frozenset[str]:
        """Name an app's pods of a release that stay."""
        lives = self.lives(key).items()
        return frozenset(pod for pod, at in lives if at.release == release and not at.leaving)

    def trouble(self, key: Key, release: str | None = None) -> str | None:
        """Say what keeps one of an object's pods, or of a release's, from becoming ready."""
        return trouble_of(
            {pod: at for pod, at in self.lives(key).items() if release in (None, at.release)}
        )

    def lives(self, key: Key) -> Mapping[str, PodLife]:
        """Give where each of an object's pods is in its life, by name."""
        return self._pods.get(key, {})

    def workers(self, key: Key, draining: frozenset[str] = frozenset()) -> Pods:
        """Give which of a pool's pods take jobs or start, and how long starts took."""
        taking = (life for pod, life in self.lives(key).items() if pod not in draining)
        return Pods.of(taking, self._startups.longest(key), self._startups.mean(key))

    def startup(self, key: Key) -> timedelta | None:
        """Give the longest of the last starts of a pool's pods; None before the first."""
        return self._startups.longest(key)

    def leaving(self, key: Key) -> frozenset[str]:
        """Name an object's pods that have been told to end."""
        return frozenset(name for name, life in self._pods.get(key, {}).items() if life.leaving)

    def processes(self, key: Key) -> int:
        """Give the most processes, or jobs, that one of an object's pods began with; 0 without a pod."""
        return max((life.processes for life in self.lives(key).values()), default=0)

    def releases(self, key: Key) -> frozenset[str]:
        """Name the releases that an app's pods are of."""
        return frozenset(life.release for life in self.lives(key).values())

    def pods_in(self, namespace: str) -> Mapping[str, Key]:
        """Name the pods of all pools of a namespace, also of pools that are gone."""
        return self._pods_in.get(namespace, {})

    def sharers(self, place: Key) -> list[Resource[Any]]:
        """Give those who share a place, can be read and are to stay."""
        found = (self._objects.get(key) for key in self._sharers.get(place, ()))
        return [each for each in found if isinstance(each, Resource) and not each.deleting]

    def owner(self, namespace: str, queue: str) -> Pool | None:
        """Give the pool that a queue belongs to: the oldest that names it."""
        pools = cast("list[Pool]", self.sharers(queue_place(namespace, queue)))
        return min(pools, key=lambda pool: pool.identity.seniority, default=None)

    def _put_pod(self, owner: Key, body: dict[str, Any]) -> None:
        name = body["metadata"]["name"]
        if has_ended(body):
            self._remove_pod(owner, name)
            return
        before = self._pods[owner].get(name)
        life = self._pods[owner][name] = PodLife.parse(body, before)
        if owner.kind == QUEUE_POOL.name:
            self._pods_in[owner.namespace][name] = owner
        if (length := life.startup(before)) is not None:
            self._startups.add(owner, length)

    def _remove_pod(self, owner: Key, name: str) -> None:
        _drop(self._pods, owner, name)
        self._pods_in[owner.namespace].pop(name, None)

    def _put_own(self, key: Key, body: dict[str, Any]) -> set[Key]:
        kind = BY_NAME[key.kind]
        woken = self._leave(key, self._objects.get(key)) | self._concerned(key, key)
        try:
            each = self._objects[key] = kind.parse(body)
        except InvalidSpecError as error:
            self._objects[key] = error
            return woken
        for place in shared(key.kind, each):
            self._sharers[place].add(key)
            woken |= self._sharers[place]
        for place in followed(key.kind, each):
            self._followers[place].add(key)
        return woken

    def _concerned(self, key: Key, changed: Key) -> set[Key]:
        """Name an object, and whose concern it is that this of it changed."""
        follow = changed == key or changed.kind in (CONFIG_MAP, DEPLOYMENT)
        followers = self._followers.get(key, ()) if follow else ()
        # What the workers of a pool open counts for the app that they follow.
        apps = followed(key.kind, self._objects.get(key)) if changed.kind == POD else ()
        return {key, *self._sharers.get(key, ()), *followers, *apps}

    def _leave(self, key: Key, each: Parsed | None) -> set[Key]:
        """Take an object from what it shares with others, and name them."""
        others: set[Key] = set()
        for place in shared(key.kind, each):
            _discard(self._sharers, place, key)
            others |= self._sharers.get(place, set())
        for place in followed(key.kind, each):
            _discard(self._followers, place, key)
        return others


def has_ended(pod: dict[str, Any]) -> bool:
    """Whether a pod's containers have stopped for good: it was evicted, or its node shut down."""
    return pod.get("status", {}).get("phase") in ENDED


def _drop(index: defaultdict[Place, dict[Member, Any]], place: Place, member: Member) -> None:
    """Take a member out of an index, and the place with its last one."""
    members = index.get(place, {})
    members.pop(member, None)
    if not members:
        index.pop(place, None)


def _discard(index: defaultdict[Place, set[Member]], place: Place, member: Member) -> None:
    """Do the same for an index of sets."""
    members = index.get(place, set())
    members.discard(member)
    if not members:
        index.pop(place, None)


def _version(metadata: dict[str, Any]) -> int:
    """The API server's count of changes; comparable for one object, and for objects of a kind."""
    return int(metadata.get("resourceVersion", 0))
