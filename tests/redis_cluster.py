"""A real Redis Cluster of three primaries for tests."""

import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

from redis import Redis
from redis.exceptions import ConnectionError as NotThere
from waiting import eventually
from workers import free_port

RANGES = ((0, 5460), (5461, 10922), (10923, 16383))


class RedisClusterServers:
    """Three nodes on the loopback, which share the slots."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._processes: list[subprocess.Popen[bytes]] = []
        self._nodes: list[Redis] = []
        self.url = ""

    def start(self) -> None:
        buses: list[int] = []
        for number, (first, last) in enumerate(RANGES):
            port, bus = free_port(), free_port()
            folder = self._folder / f"{number}"
            folder.mkdir()
            options = ["--port", str(port), "--bind", "127.0.0.1", "--save", ""]
            cluster = ["--cluster-enabled", "yes", "--cluster-port", str(bus)]
            command = ["redis-server", *options, *cluster, "--dir", str(folder)]
            self._processes.append(subprocess.Popen(command, stdout=subprocess.DEVNULL))
            node = Redis(port=port)
            self._nodes.append(node)
            buses.append(bus)
            eventually(lambda node=node: _answers(node))
            node.execute_command("CLUSTER ADDSLOTSRANGE", first, last)
        for node, bus in zip(self._nodes[1:], buses[1:], strict=True):
            port = node.connection_pool.connection_kwargs["port"]
            self._nodes[0].execute_command("CLUSTER MEET", "127.0.0.1", port, bus)
        eventually(lambda: all(_is_whole(node) for node in self._nodes))
        self.url = f"redis://127.0.0.1:{self._nodes[0].connection_pool.connection_kwargs['port']}"

    def stop(self) -> None:
        for node in self._nodes:
            node.close()
        for process in self._processes:
            process.terminate()
            process.wait(timeout=10)

    def keys(self) -> list[int]:
        """Give how many keys each node has."""
        sizes: list[Any] = [node.dbsize() for node in self._nodes]
        return sizes


def _answers(node: Redis) -> bool:
    with suppress(NotThere):
        return bool(node.ping())
    return False


def _is_whole(node: Redis) -> bool:
    found: Any = node.execute_command("CLUSTER INFO")
    return (found["cluster_state"], found["cluster_known_nodes"]) == ("ok", "3")
