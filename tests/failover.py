"""A Redis with a replica behind one address, as a Service has it: who is connected stays where it is."""

import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer

from redis_server import RedisServer
from waiting import eventually


class Relay(BaseRequestHandler):
    """Forwards a connection to the primary at its beginning, until either side ends it."""

    def handle(self) -> None:
        assert isinstance(self.server, FailingOver)
        with socket.create_connection(("127.0.0.1", self.server.primary.port)) as primary:
            back = threading.Thread(target=_forward, args=(primary, self.request), daemon=True)
            back.start()
            _forward(self.request, primary)
            back.join()


class FailingOver(ThreadingTCPServer):
    """The address; `fail_over` makes the replica the primary, and closes no connection."""

    daemon_threads = True

    def __init__(self, folder: Path) -> None:
        super().__init__(("127.0.0.1", 0), Relay)
        self.primary, self.replica = (RedisServer(folder) for _ in range(2))
        self.url = f"redis://127.0.0.1:{self.server_address[1]}/0"

    def begin(self) -> None:
        for each in (self.primary, self.replica):
            each.start()
        self._follow()

    def fail_over(self) -> None:
        # What the replica does not know would be lost, which is a matter of Redis. WAIT goes by
        # what its own connection wrote.
        with self.primary.client.pipeline(transaction=False) as primary:
            primary.set("mark", 1)
            primary.wait(1, 10_000)
            primary.execute()
        self.replica.client.execute_command("REPLICAOF", "NO", "ONE")
        self.primary, self.replica = self.replica, self.primary
        self._follow()

    def end(self) -> None:
        for each in (self.primary, self.replica):
            each.stop()

    def _follow(self) -> None:
        replica = self.replica.client
        replica.execute_command("REPLICAOF", "127.0.0.1", self.primary.port)
        eventually(lambda: replica.info("replication")["master_link_status"] == "up")


def _forward(source: socket.socket, target: socket.socket) -> None:
    with suppress(OSError):
        while data := source.recv(65536):
            target.sendall(data)
    for each in (source, target):
        with suppress(OSError):
            each.shutdown(socket.SHUT_RDWR)


@contextmanager
def failing_over(folder: Path) -> Generator[FailingOver]:
    with FailingOver(folder) as redis:
        threading.Thread(target=redis.serve_forever, daemon=True).start()
        redis.begin()
        try:
            yield redis
        finally:
            redis.end()
            redis.shutdown()
