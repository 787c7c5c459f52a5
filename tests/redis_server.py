"""A real Redis for tests."""

import signal
import subprocess
from pathlib import Path

import pytest
from redis import Redis
from redis.exceptions import ConnectionError as NotThere
from waiting import eventually
from workers import free_port

from cluster.programs import program

HERE = "this machine's"
SERVERS = {
    HERE: lambda: "redis-server",
    "Redis 8": lambda: program("redis", "usr/bin/redis-server"),
    "Valkey 8": lambda: program("valkey", "usr/bin/valkey-server"),
}
"""Gives each server that Osnovci works on, by name; those of images are unpacked where they are not yet."""
EVERY_SERVER = [
    HERE,
    *(pytest.param(name, marks=pytest.mark.more_programs) for name in SERVERS if name != HERE),
]
"""For a test to run on each."""
OPTIONS = (
    *("--bind", "127.0.0.1", "--save", ""),
    # A replica has its data at once, and not after 5 s in which others might ask for theirs.
    *("--repl-diskless-sync-delay", "0"),
    # A primary ends at once, and waits for no replica.
    *("--shutdown-timeout", "0"),
)


class RedisServer:
    """A Redis, or what speaks like one, on a free port of the loopback; it may be stopped and started."""

    options: tuple[str, ...] = ()

    def __init__(self, folder: Path, server: str = HERE) -> None:
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.client = Redis.from_url(self.url)
        self._folder = folder
        self._program = SERVERS[server]()
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        place = ["--port", str(self.port), "--dir", str(self._folder)]
        command = [self._program, *place, *OPTIONS, *self.options]
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        eventually(self._answers)

    @property
    def pid(self) -> int:
        assert self._process
        return self._process.pid

    def stop(self) -> None:
        assert self._process
        self._process.terminate()
        self._process.wait(timeout=10)
        self.client.close()

    def kill(self) -> None:
        assert self._process
        self._process.kill()
        self._process.wait()

    def pause(self) -> None:
        """Have it answer nobody, and refuse nobody."""
        assert self._process
        self._process.send_signal(signal.SIGSTOP)

    def resume(self) -> None:
        assert self._process
        self._process.send_signal(signal.SIGCONT)

    def _answers(self) -> bool:
        try:
            return bool(self.client.ping())
        except NotThere:
            return False


class DurableRedis(RedisServer):
    """A redis-server with an append-only file.

    It hands every command to the kernel before it answers, so its own death loses none; only the
    machine's could, which is a matter of `appendfsync`.
    """

    options = ("--appendonly", "yes")

    def cut(self) -> None:
        """Cut every connection, as a network does."""
        self.client.client_kill_filter(_type="normal", skipme=True)
        self.client.client_kill_filter(_type="pubsub", skipme=True)
