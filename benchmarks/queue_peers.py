"""The peers of the comparison: where they are installed, how jobs reach them, how their workers start."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from redis import Redis
from rq import Queue

from osnovci.contract import (
    ENV_NAMESPACE,
    ENV_POD,
    ENV_POOL,
    ENV_REDIS_URL,
    Isolation,
    PoolDocument,
    QueueDocument,
    RetryDocument,
)
from osnovci.queues import operations
from osnovci.queues.client import Queues

HERE = Path(__file__).parent / "peers"
CACHE = Path.home() / ".cache" / "osnovci" / "peers"
"""Peers are installed here, outside the checkout and apart from our own dependencies."""

NODE = CACHE / "node"
PEERS = {
    "celery": "celery[redis]",
    "dramatiq": "dramatiq[redis]",
    "saq": "saq[redis] typing_extensions",
    "arq": "arq",
}
NAMESPACE = "bench"
OURS = Path(sys.executable).parent
LIMIT_SECONDS = 60.0


@dataclass(frozen=True)
class System:
    """One worker, in one setting."""

    name: str
    enqueue: Callable[[int], None]
    command: list[str]
    backlog: Callable[[Redis], int]
    """How many jobs wait that no worker has taken."""
    jobs: int
    env: dict[str, str] = field(default_factory=dict[str, str])


def install() -> None:
    """Install the peers where they are missing, by the ordinary clients of their registries."""
    for name, packages in PEERS.items():
        # one environment each: they ask for different versions of redis
        if not (CACHE / name / "bin" / name).exists():
            subprocess.run([sys.executable, "-m", "venv", CACHE / name], check=True)
            target = ["--python", str(CACHE / name / "bin" / "python")]
            subprocess.run(
                [OURS / "uv", "pip", "install", "-q", *target, *packages.split()], check=True
            )
    if not (NODE / "node_modules" / "ioredis").exists():
        NODE.mkdir(parents=True, exist_ok=True)
        quiet = ["--no-audit", "--no-fund", "--silent"]
        subprocess.run(["npm", "install", *quiet, "bullmq", "ioredis"], cwd=NODE, check=True)


def _size(key: str) -> Callable[[Redis], int]:
    """Give the length of a list or a sorted set."""

    def size(redis: Redis) -> int:
        kind: Any = redis.type(key)
        found: Any = redis.zcard(key) if kind == b"zset" else redis.llen(key)
        return found if kind != b"none" else 0

    return size


def pool(concurrency: int, isolation: Isolation) -> PoolDocument:
    """Give the pool of one setting."""
    never = RetryDocument(limit=0, initial_seconds=1, factor=2, max_seconds=60)
    queue = QueueDocument(
        name="bench", timeout_seconds=60, retries=never, keep_completed=100, keep_failed=500
    )
    return PoolDocument(
        pool="bench",
        tasks=("bench_tasks",),
        concurrency=concurrency,
        isolation=isolation,
        queues=(queue,),
        grace_seconds=5,
    )


def ours(url: str, isolation: Isolation, concurrency: int, task: str, jobs: int) -> System:
    """Osnovci in one setting."""
    sys.path.insert(0, str(HERE))
    import bench_tasks

    def enqueue(count: int) -> None:
        queues = Queues(Redis.from_url(url), NAMESPACE)
        for _ in range(0, count, 500):
            many = [operations.request(getattr(bench_tasks, task)) for _ in range(500)]
            queues.run(operations.enqueue_many(many))

    return System(
        f"osnovci {isolation} {concurrency}",
        enqueue,
        [str(OURS / "osnovci"), "worker", "--probe-port=0"],
        _size("rq:queue:bench"),
        jobs,
        our_env(url, pool(concurrency, isolation)),
    )


def our_env(url: str, document: PoolDocument) -> dict[str, str]:
    """Give the environment of one of our workers."""
    return {
        ENV_NAMESPACE: NAMESPACE,
        ENV_POD: "bench-1",
        ENV_REDIS_URL: url,
        ENV_POOL: document.model_dump_json(),
        "PYTHONPATH": str(HERE),
    }


def stock_rq(url: str, worker_class: str, jobs: int) -> System:
    """Stock rq."""

    def enqueue(count: int) -> None:
        queue = Queue("bench", connection=Redis.from_url(url))
        queue.enqueue_many([Queue.prepare_data("bench_tasks.noop") for _ in range(count)])

    command = [str(OURS / "rq"), "worker", "-u", url, "-w", worker_class, "--quiet", "bench"]
    return System(
        worker_class, enqueue, command, _size("rq:queue:bench"), jobs, {"PYTHONPATH": str(HERE)}
    )


def bullmq(port: int, concurrency: int, kind: str, jobs: int) -> System:
    """BullMQ."""
    node = ["node", str(HERE / "bull.mjs"), str(port)]
    env = {"PEERS_NODE": str(NODE)}

    def enqueue(count: int) -> None:
        _run([*node, "enqueue", str(count), kind], env)

    command = [*node, "work", str(concurrency)]
    return System(f"BullMQ {concurrency}", enqueue, command, _size("bull:bench:wait"), jobs, env)


def python_peer(name: str, url: str, command: list[str], key: str, jobs: int) -> System:
    """A peer from PyPI; `app_NAME.py` enqueues its jobs."""
    env = {"PEER_REDIS": url, "PYTHONPATH": str(HERE)}

    def enqueue(count: int) -> None:
        _run([str(CACHE / name / "bin" / "python"), str(HERE / f"app_{name}.py"), str(count)], env)

    whole = [str(CACHE / name / "bin" / name), *command]
    return System(name, enqueue, whole, _size(key), jobs, env)


def python_peers(url: str) -> list[System]:
    """Each peer in the setting that was fastest on 2 cores."""
    celery = ["-A", "app_celery", "worker", "-c", "2", "-l", "error"]
    quiet = ["--without-gossip", "--without-mingle", "--without-heartbeat"]
    dramatiq = ["app_dramatiq", "--processes", "2", "--threads", "8"]
    return [
        python_peer("celery", url, [*celery, *quiet], "celery", 6_000),
        python_peer("dramatiq", url, dramatiq, "dramatiq:default", 20_000),
        python_peer("saq", url, ["app_saq.settings"], "saq:bench:queued", 10_000),
        python_peer("arq", url, ["app_arq.WorkerSettings"], "arq:queue", 3_000),
    ]


@contextmanager
def worker(system: System) -> Generator[subprocess.Popen[bytes]]:
    """Run a system's worker, and end all its processes."""
    process = subprocess.Popen(
        system.command,
        env=os.environ | system.env,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(timeout=3)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def wait_for(redis: Redis, system: System, below: float) -> tuple[int, float]:
    """Wait until the backlog is that small; give it and the moment."""
    deadline = time.monotonic() + LIMIT_SECONDS
    while (left := system.backlog(redis)) > below and time.monotonic() < deadline:
        time.sleep(0.002)
    return left, time.monotonic()


def _run(command: list[str], env: dict[str, str]) -> None:
    subprocess.run(command, env=os.environ | env, check=True)
