"""Several processes on one user's sessions, while Redis is paused and killed: the indexes stay true."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import pytest
from redis import Redis
from redis.cluster import RedisCluster
from redis_cluster import RedisClusterServers
from redis_server import DurableRedis
from session_builders import APP, LONG_AGO_MS, NAMESPACE, OPERATIONS, SETTINGS, login
from session_clients import MOST, USER
from waiting import eventually
from web_pods import python_path

from osnovci.session_contract import DeviceType, sessions_root
from osnovci.sessions.operations import Refreshed, hashed
from osnovci.sessions.stores import Store

TESTS = Path(__file__).parents[1]
ROOT = sessions_root(NAMESPACE, APP)


@pytest.fixture
def durable(tmp_path: Path) -> Iterator[DurableRedis]:
    server = DurableRedis(tmp_path)
    server.start()
    yield server
    server.stop()


class Clients:
    """Processes that work on the user's sessions, each with a log of its own."""

    def __init__(self, server: DurableRedis, folder: Path, count: int) -> None:
        self._redis = server.client
        self._logs = [folder / f"client-{number}.log" for number in range(count)]
        self._processes = [self._start(server.url, log) for log in self._logs]

    @staticmethod
    def _start(url: str, log: Path) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", "session_clients", url, log.stem]
        places = os.environ | {"PYTHONPATH": python_path()}
        with log.open("w") as output:
            return subprocess.Popen(
                command, cwd=TESTS.parent, env=places, stdin=subprocess.PIPE, stdout=output
            )

    def work(self, calls: int) -> None:
        """Wait until Redis has run so many more commands."""

        def ran() -> int:
            found: Any = self._redis.info("stats")
            return found["total_commands_processed"]

        before = ran()
        eventually(lambda: ran() > before + calls)

    def end(self) -> list[str]:
        """End them; give what they told."""
        for each in self._processes:
            each.communicate(timeout=30)
        told = [log.read_text().splitlines() for log in self._logs]
        assert [lines[-1] for lines in told] == ["done"] * len(told)
        return [line for lines in told for line in lines]


def check(redis: Redis) -> None:
    """See that sessions, indexes and families tell the same."""
    keys: Any = redis.keys(f"{ROOT}session:*")
    sessions = {key.decode().removeprefix(f"{ROOT}session:") for key in keys}
    by_user: Any = redis.zrange(f"{ROOT}user:{USER}", 0, -1)
    by_device: Any = redis.zrange(f"{ROOT}devices", 0, -1)
    assert {each.decode() for each in by_user} == sessions
    assert {each.decode() for each in by_device} == sessions
    assert len(sessions) <= MOST
    families: Any = redis.keys(f"{ROOT}family:*")
    listed: Any = redis.zrange(f"{ROOT}families:{USER}", 0, -1)
    assert {f"{ROOT}family:{each.decode()}" for each in listed} == {
        each.decode() for each in families
    }
    store = Store(redis)
    assert store.run(OPERATIONS.counts())[DeviceType.DESKTOP] == len(sessions)
    for each in store.run(OPERATIONS.devices(USER)):
        family = each.session and each.session.family
        if family:
            assert redis.hget(f"{ROOT}family:{family}", "session") == each.handle.encode()


def test_several_processes_on_one_user(durable: DurableRedis, tmp_path: Path) -> None:
    store = Store(durable.client)
    store.run(OPERATIONS.create("shared", login(USER), SETTINGS, family="shared"))
    clients = Clients(durable, tmp_path, 4)
    clients.work(calls=2_000)
    told = clients.end()
    check(durable.client)
    assert told.count(f"refreshed {Refreshed.ROTATED}") <= 1
    assert "away" not in told
    ended = [line.removeprefix("ended ") for line in told if line.startswith("ended ")]
    assert ended
    assert not any(durable.client.exists(f"{ROOT}session:{hashed(each)}") for each in ended)


def test_redis_is_paused_and_killed_meanwhile(durable: DurableRedis, tmp_path: Path) -> None:
    clients = Clients(durable, tmp_path, 3)
    clients.work(calls=300)
    durable.pause()
    durable.resume()
    for _ in range(3):
        clients.work(calls=100)
        durable.kill()
        durable.start()
    clients.work(calls=100)
    assert "away" in clients.end()
    check(durable.client)


def test_a_cluster_has_them_in_one_slot(tmp_path: Path) -> None:
    servers = RedisClusterServers(tmp_path)
    servers.start()
    try:
        with RedisCluster.from_url(servers.url) as cluster:
            store: Any = Store(cast("Redis", cluster))
            store.run(OPERATIONS.create("one", login(), SETTINGS, family="fam"))
            assert store.run(OPERATIONS.get("one", SETTINGS, LONG_AGO_MS))
            assert store.run(OPERATIONS.refresh("fam", 1, "two", SETTINGS)).session
            assert store.run(OPERATIONS.rotate("two", "three", "{}", SETTINGS))
            assert len(store.run(OPERATIONS.devices("ana"))) == 1
            assert store.run(OPERATIONS.counts())[DeviceType.DESKTOP] == 1
            assert sorted(servers.keys()) == [0, 0, 5]
            assert store.run(OPERATIONS.end_all("ana")) == 1
            assert sorted(servers.keys()) == [0, 0, 0]
    finally:
        servers.stop()
