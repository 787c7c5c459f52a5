"""Counts by type of device while sessions run out, are renewed, ended and changed at the same moment."""

import random
from itertools import count
from typing import Any

from redis import Redis
from redis_server import RedisServer
from session_builders import APP, LONG_AGO_MS, NAMESPACE, OPERATIONS, login, settings
from several import each_in_a_process
from waiting import eventually

from osnovci.app_contract import SessionsDocument
from osnovci.session_contract import DeviceType, sessions_root
from osnovci.sessions.operations import Refreshed, hashed
from osnovci.sessions.stores import Store

ROOT = sessions_root(NAMESPACE, APP)
ROUNDS = 1_200
LONG = settings()
TYPES = list(DeviceType)


class Client:
    """One process that works on its own sessions, and on families that all share."""

    def __init__(self, url: str, number: int) -> None:
        self._store = Store(Redis.from_url(url))
        self._names = (f"{number}-{each}" for each in count())
        self._chance = random.Random(number)
        self._brief: list[str] = []
        self.long: dict[str, DeviceType] = {}
        """Those that are to live at the end."""

    def work(self) -> None:
        acts = (self._create, self._create, self._read, self._rotate, self._end, self._refresh)
        for _ in range(ROUNDS):
            self._chance.choice(acts)()

    def _limits(self) -> SessionsDocument:
        """So short that sessions run out between two calls."""
        return settings(ttl=self._chance.choice([0.001, 0.003, 0.01]), refresh_ttl=0.5)

    def _any_brief(self) -> str:
        return self._chance.choice(self._brief[-4:]) if self._brief else "none"

    def _create(self) -> None:
        name, kind = next(self._names), self._chance.choice(TYPES)
        is_long = self._chance.random() < 0.1
        replaces = "" if is_long else self._any_brief()
        who = login(self._chance.choice(["ana", "boris"]), device_type=kind)
        limits = LONG if is_long else self._limits()
        self._store.run(OPERATIONS.create(name, who, limits, replaces=replaces))
        if is_long:
            self.long[name] = kind
        else:
            self._brief.append(name)

    def _read(self) -> None:
        self._store.run(OPERATIONS.get(self._any_brief(), self._limits(), LONG_AGO_MS))
        self._store.run(OPERATIONS.touch(self._any_brief(), self._limits(), every_seconds=0.001))

    def _rotate(self) -> None:
        new = next(self._names)
        self._store.run(OPERATIONS.rotate(self._any_brief(), new, "{}", self._limits()))
        self._brief.append(new)
        if self.long and self._chance.random() < 0.3:
            old = self._chance.choice(list(self.long))
            assert self._store.run(OPERATIONS.rotate(old, new + "-long", "{}", LONG))
            self.long[new + "-long"] = self.long.pop(old)

    def _end(self) -> None:
        for user in ("ana", "boris"):
            self._store.run(OPERATIONS.end(user, hashed(self._any_brief())))
        if self.long and self._chance.random() < 0.3:
            old = self._chance.choice(list(self.long))
            ended = [
                self._store.run(OPERATIONS.end(user, hashed(old))) for user in ("ana", "boris")
            ]
            assert sorted(ended) == [False, True]
            del self.long[old]

    def _refresh(self) -> None:
        family, generation = f"shared-{self._chance.randrange(2)}", self._chance.randrange(1, 4)
        refresh = OPERATIONS.refresh(family, generation, f"{family}-{generation}", self._limits())
        if self._store.run(refresh).outcome in {Refreshed.ENDED, Refreshed.REUSED}:
            who = login("ana", device_type=self._chance.choice(TYPES))
            name = next(self._names)
            self._store.run(OPERATIONS.create(name, who, self._limits(), family=family))
            self._brief.append(name)


def _work(told: tuple[str, int]) -> dict[str, DeviceType]:
    client = Client(*told)
    client.work()
    return client.long


def test_counts_never_drift(redis: Redis, redis_server: RedisServer) -> None:
    found = each_in_a_process(_work, [(redis_server.url, number) for number in range(4)])
    long = {name: kind for each in found for name, kind in each.items()}
    expected = {hashed(name) for name in long}
    assert expected

    def alive() -> set[str]:
        keys: Any = redis.scan_iter(f"{ROOT}session:*")
        return {key.decode().removeprefix(f"{ROOT}session:") for key in keys}

    eventually(lambda: alive() == expected)
    store = Store(redis)
    kinds = list(long.values())
    counts = {kind: kinds.count(kind) for kind in DeviceType}
    # A key may run out some milliseconds before its moment in the index.
    eventually(lambda: store.run(OPERATIONS.counts()) == counts)
    listed = [each for user in ("ana", "boris") for each in store.run(OPERATIONS.devices(user))]
    assert {each.handle for each in listed if each.session} == expected
    # What has run out is dropped from the indexes in time, and nothing else is.
    for kind in TYPES:
        store.run(OPERATIONS.create(f"last-{kind}", login("carl", device_type=kind), LONG))
    assert store.run(OPERATIONS.counts()) == {kind: number + 1 for kind, number in counts.items()}
    assert store.run(OPERATIONS.end_all("ana")) + store.run(OPERATIONS.end_all("boris")) == len(
        long
    )
    assert store.run(OPERATIONS.counts()) == dict.fromkeys(DeviceType, 1)
