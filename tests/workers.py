"""Workers for tests: a pool's document by keywords, and `osnovci worker` as a real process."""

import os
import random
import signal
import socket
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path
from typing import Any

from redis import Redis
from waiting import eventually

from osnovci.contract import (
    ENV_NAMESPACE,
    ENV_POD,
    ENV_POOL,
    ENV_REDIS_URL,
    Heartbeat,
    Isolation,
    PoolDocument,
    QueueDocument,
    RateDocument,
    RetryDocument,
    ScheduleDocument,
    heartbeat_key,
)

EXAMPLE = Path(__file__).parents[1] / "examples" / "homework"
TESTS = Path(__file__).parent
NAMESPACE = "tests"
POD = "worker-1"
NO_RETRIES = RetryDocument(limit=0, initial_seconds=1, factor=2, max_seconds=60)


def queue_document(
    name: str = "email",
    *,
    timeout: float = 30,
    retries: RetryDocument = NO_RETRIES,
    keep_completed: int = 100,
    keep_failed: int = 500,
    paused: bool = False,
    max_active: int | None = None,
    rate: RateDocument | None = None,
) -> QueueDocument:
    return QueueDocument(
        name=name,
        timeout_seconds=timeout,
        retries=retries,
        keep_completed=keep_completed,
        keep_failed=keep_failed,
        paused=paused,
        max_active=max_active,
        rate=rate,
    )


def pool_document(
    *queues: QueueDocument,
    tasks: tuple[str, ...] = ("homework.jobs",),
    concurrency: int = 1,
    grace: float = 30,
    isolation: Isolation = Isolation.PROCESS,
    memory_max_bytes: int | None = None,
    schedules: tuple[ScheduleDocument, ...] = (),
) -> PoolDocument:
    return PoolDocument(
        pool="homework-jobs",
        tasks=tasks,
        concurrency=concurrency,
        queues=queues or (queue_document(),),
        grace_seconds=grace,
        isolation=isolation,
        memory_max_bytes=memory_max_bytes,
        schedules=schedules,
    )


def environment(redis_url: str, pool: PoolDocument, pod: str = POD) -> dict[str, str]:
    return {
        ENV_NAMESPACE: NAMESPACE,
        ENV_POD: pod,
        ENV_REDIS_URL: redis_url,
        ENV_POOL: pool.model_dump_json(),
        "PYTHONPATH": f"{EXAMPLE}:{TESTS}",
        "PATH": os.environ["PATH"],
    }


def command(port: int) -> list[str]:
    return [str(Path(sys.executable).parent / "osnovci"), "worker", f"--probe-port={port}"]


def free_port() -> int:
    """Give a port that nobody has, below those that the kernel gives to who connects."""
    while True:
        with socket.socket() as found, suppress(OSError):
            port = random.randrange(20_000, 32_000)
            found.bind(("", port))
            return port


@dataclass
class RunningWorker:
    """A worker's process, and what can be seen of it."""

    process: subprocess.Popen[str]
    port: int
    log: Path
    redis: Redis
    pod: str = POD

    @classmethod
    def start(
        cls, redis: Redis, redis_url: str, pool: PoolDocument, log: Path, pod: str = POD
    ) -> "RunningWorker":
        return cls.begin(redis, environment(redis_url, pool, pod), log)

    @classmethod
    def begin(cls, redis: Redis, environment: dict[str, str], log: Path) -> "RunningWorker":
        """Start one whose environment has more than every worker's."""
        port = free_port()
        with log.open("w") as output:
            process = subprocess.Popen(command(port), env=environment, stderr=output, text=True)
        return cls(process, port, log, redis, environment[ENV_POD])

    def probe(self, path: str) -> tuple[int, str]:
        """Ask as the kubelet does; 0 where nobody listens."""
        connection = HTTPConnection("127.0.0.1", self.port, timeout=5)
        try:
            connection.request("GET", path)
            response = connection.getresponse()
            return response.status, response.read().decode().strip()
        except OSError:
            return 0, ""
        finally:
            connection.close()

    @property
    def ready(self) -> bool:
        return self.probe("/ready") == (200, "ok")

    @property
    def heartbeat(self) -> Heartbeat | None:
        document = self.redis.get(heartbeat_key(NAMESPACE, self.pod))
        return Heartbeat.model_validate_json(document) if document else None

    @property
    def busy(self) -> int:
        return self.heartbeat.busy if self.heartbeat else 0

    @property
    def waiting(self) -> int:
        """How many clients Redis has that wait for a job."""
        clients: Any = self.redis.info("clients")
        return clients["blocked_clients"]

    @property
    def children(self) -> set[int]:
        listed = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children")
        return {int(pid) for pid in listed.read_text().split()}

    def catches(self, number: int) -> bool:
        """Whether the process has a handler for a signal."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        caught = next(line for line in status.splitlines() if line.startswith("SigCgt:"))
        return bool(int(caught.split()[1], 16) >> (number - 1) & 1)

    def stop(self, number: int = signal.SIGTERM) -> None:
        self.process.send_signal(number)

    def ends(self, within: float) -> int:
        return self.process.wait(timeout=within)


StartWorker = Callable[[PoolDocument], RunningWorker]
"""The fixture `start_worker`: start a worker of this pool, and wait until it is ready."""


def end(worker: RunningWorker) -> None:
    """End a worker as the end of its container would: all its processes at once."""
    if worker.process.poll() is None:
        children = worker.children
        worker.stop(signal.SIGKILL)
        for pid in children:
            os.kill(pid, signal.SIGKILL)
    worker.ends(within=5)
    # A job pushed before Redis noticed would go to a process that is dead, and be lost.
    eventually(lambda: worker.waiting == 0)


def entries(redis: Redis, key: str) -> list[bytes]:
    """Give what homework.jobs.record appended."""
    found: Any = redis.lrange(key, 0, -1)
    return found
