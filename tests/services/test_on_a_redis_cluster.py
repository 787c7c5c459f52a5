"""Limits and sessions on a real Redis Cluster: three servers on the loopback."""

from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any, TypeVar

import pytest
from limits import APP, limit
from redis.cluster import ClusterNode, RedisCluster
from redis_server import RedisServer
from session_builders import LONG_AGO_MS, SETTINGS, login
from waiting import eventually
from workers import NAMESPACE, free_port

from osnovci.limits.client import Limits
from osnovci.limits.limit import Question
from osnovci.scripted import run
from osnovci.session_contract import DeviceType
from osnovci.sessions.operations import Operation, Operations, Refreshed, hashed

T = TypeVar("T")
SLOTS = ((0, 5460), (5461, 10922), (10923, 16383))


class ClusterServer(RedisServer):
    """One of its servers; they talk to each other on a port that is free too."""

    def __init__(self, folder: Path, first: int, last: int) -> None:
        super().__init__(folder)
        folder.mkdir()
        self.bus_port = free_port()
        self.options = ("--cluster-enabled", "yes", "--cluster-port", str(self.bus_port))
        self._slots = first, last

    def join(self, other: "ClusterServer") -> None:
        self.client.execute_command("CLUSTER", "ADDSLOTSRANGE", *self._slots)
        if other is not self:
            address = "127.0.0.1", other.port, other.bus_port
            self.client.execute_command("CLUSTER", "MEET", *address)

    @property
    def knows_all(self) -> bool:
        told: Any = self.client.execute_command("CLUSTER", "INFO")
        return b"cluster_state:ok" in told and b"cluster_known_nodes:%d" % len(SLOTS) in told


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[RedisCluster]:
    servers = [ClusterServer(tmp_path / str(n), *slots) for n, slots in enumerate(SLOTS)]
    with ExitStack() as running:
        for each in servers:
            each.start()
            running.callback(each.stop)
        for each in servers:
            each.join(servers[0])
        eventually(lambda: all(each.knows_all for each in servers), within=30)
        nodes = [ClusterNode("127.0.0.1", each.port) for each in servers]
        yield running.enter_context(RedisCluster(startup_nodes=nodes))


def test_the_limits_of_a_namespace_are_in_one_slot(cluster: RedisCluster) -> None:
    limits = Limits(cluster, NAMESPACE, APP)
    many = [limit("log", max=2), limit("ticks", max=200), limit("ring", max=200, exact=True)]
    for subject in ("203.0.113.7", "user ana", "2001:db8::/64"):
        windows = [each.window(NAMESPACE, APP, subject) for each in many]
        found = [limits.ask(Question.of(windows)).allowed for _ in range(3)]
        assert found == [True, True, False]
        assert limits.reset(many[0], subject)


def test_the_sessions_of_an_app_are_in_one_slot(cluster: RedisCluster) -> None:
    for app in ("shop", "school", "library", "homework"):
        of = Operations(f"namespace-of-{app}", app)
        made = done(cluster, of.create("one", login(), SETTINGS, family="fam"))
        assert done(cluster, of.get("one", SETTINGS, LONG_AGO_MS)) == made
        assert not done(cluster, of.touch("one", SETTINGS))
        rotated = done(cluster, of.rotate("one", "two", '{"role":"teacher"}', SETTINGS))
        assert rotated
        assert rotated.role == "teacher"
        assert done(cluster, of.refresh("fam", 1, "three", SETTINGS)).outcome == Refreshed.ROTATED
        assert [each.handle for each in done(cluster, of.devices("ana"))] == [hashed("three")]
        assert done(cluster, of.counts())[DeviceType.DESKTOP] == 1
        assert done(cluster, of.end_all("ana")) == 1
        assert done(cluster, of.devices("ana")) == []


def done(cluster: RedisCluster, operation: Operation[T]) -> T:
    return operation.parse(run(cluster, operation))


def test_namespaces_are_spread(cluster: RedisCluster) -> None:
    keys = [limit().window(f"namespace-{n}", APP, "ana").key for n in range(20)]
    assert len({cluster.keyslot(key) for key in keys}) > 10
