"""What the measurements of the web runtime share: a Redis and server processes, ended by their pid."""

import os
import subprocess
import sys
from collections.abc import Generator, Sequence
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from tempfile import TemporaryDirectory

from redis import Redis
from redis.exceptions import ConnectionError as NotThere

from benchmarks.stand import free_ports
from cluster.console import wait_for
from osnovci.app_contract import ENV_APP, AppDocument
from osnovci.contract import ENV_NAMESPACE, ENV_POD, ENV_REDIS_URL

NAMESPACE = "bench"
READY_SECONDS = 60.0


@contextmanager
def redis_server() -> Generator[Redis]:
    """Run a Redis for the time of the block."""
    port = free_ports(1)
    with TemporaryDirectory() as folder:
        options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", folder]
        with _running(["redis-server", *options], {}), Redis(port=port) as redis:
            wait_for("Redis", lambda: _pings(redis), READY_SECONDS)
            yield redis


@contextmanager
def server(
    app: str, environment: dict[str, str], core: int | None = None
) -> Generator[tuple[int, int]]:
    """Run uvicorn on a core for the time of the block; give its port and pid."""
    port = free_ports(1)
    options = ["--no-access-log", "--no-proxy-headers", "--no-server-header", "--log-level=warning"]
    command = [sys.executable, "-m", "uvicorn", app, f"--port={port}", *options]
    with _running(command, environment) as process:
        if core is not None:
            os.sched_setaffinity(process.pid, {core})
        wait_for(app, lambda: _answers(port), READY_SECONDS)
        yield port, process.pid


@contextmanager
def serving(app: str, environment: dict[str, str]) -> Generator[int]:
    """Run `osnovci serve` for the time of the block; give its port."""
    port = free_ports(1)
    program = Path(sys.executable).parent / "osnovci"
    with _running([program, "serve", app, "--host=127.0.0.1", f"--port={port}"], environment):
        wait_for(app, lambda: _answers(port), READY_SECONDS)
        yield port


def pod(redis: Redis, name: str, document: AppDocument) -> dict[str, str]:
    """Give the environment of a web pod."""
    port = redis.connection_pool.connection_kwargs["port"]
    return {
        ENV_NAMESPACE: NAMESPACE,
        ENV_POD: name,
        ENV_REDIS_URL: f"redis://127.0.0.1:{port}/0",
        ENV_APP: document.model_dump_json(),
    }


@contextmanager
def _running(
    command: Sequence[str | Path], environment: dict[str, str]
) -> Generator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(
        command,
        env={**os.environ, **environment},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _pings(redis: Redis) -> bool:
    try:
        return bool(redis.ping())
    except NotThere:
        return False


def _answers(port: int) -> bool:
    connection = HTTPConnection("127.0.0.1", port, timeout=2)
    with suppress(OSError):
        connection.request("GET", "/api/homework")
        return connection.getresponse().status == 200
    return False
