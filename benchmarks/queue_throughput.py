"""Jobs a second, idle pickup and memory: Osnovci's worker beside its peers, in one run.

    python -m benchmarks.queue_throughput [--only PART] [--quick]

Each system finds a backlog and works it off; the figure is the rate between 85 % and 15 % of it,
so neither start nor end count. Redis runs on the same machine for all.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from redis import Redis

from benchmarks import queue_backlog, queue_pickup
from benchmarks import queue_peers as peers
from benchmarks.queue_bars import verdicts
from benchmarks.queue_peers import System, wait_for, worker
from benchmarks.queue_recovery import rerun_delays
from osnovci.contract import Isolation

PORT = 6397
SERVER = f"redis://127.0.0.1:{PORT}"
URL = f"{SERVER}/0"
RESULTS = Path(__file__).parent / "results"
PINGS = 400
KILLS = 50


@contextmanager
def redis_server() -> Generator[Redis]:
    """A Redis of our own."""
    with tempfile.TemporaryDirectory() as folder:
        options = ["--port", str(PORT), "--save", "", "--dir", folder, "--bind", "127.0.0.1"]
        process = subprocess.Popen(["redis-server", *options], stdout=subprocess.DEVNULL)
        redis = Redis.from_url(URL)
        while True:
            try:
                redis.ping()
                break
            except Exception:  # noqa: BLE001  # not there yet
                time.sleep(0.05)
        try:
            yield redis
        finally:
            process.terminate()
            process.wait()


def throughput(redis: Redis, system: System, share: float) -> float:
    """Measure jobs a second."""
    redis.flushall()
    jobs = int(system.jobs * share)
    system.enqueue(jobs)
    jobs = system.backlog(redis)
    with worker(system):
        first, began = wait_for(redis, system, jobs * 0.85)
        last, ended = wait_for(redis, system, jobs * 0.15)
    return (first - last) / (ended - began)


def round_trips(redis: Redis) -> float:
    """Measure the scripts called for a job on a busy queue."""
    system = peers.ours(URL, Isolation.PROCESS, 2, "noop", 20_000)
    redis.flushall()
    system.enqueue(system.jobs)
    with worker(system):
        first, _ = wait_for(redis, system, system.jobs * 0.85)
        before: Any = redis.info("commandstats")
        last, _ = wait_for(redis, system, system.jobs * 0.15)
        after: Any = redis.info("commandstats")
    calls = [each["cmdstat_evalsha"]["calls"] for each in (before, after)]
    return (calls[1] - calls[0]) / (first - last)


def idle_memory_mib() -> float:
    """Measure the memory of an idle pod with two processes, shared pages counted once."""
    system = peers.ours(URL, Isolation.PROCESS, 2, "noop", 0)
    with worker(system) as process:
        time.sleep(4)
        return sum(_pss_kib(pid) for pid in _tree(process.pid)) / 1024


def _tree(pid: int) -> list[int]:
    listed = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(each for child in listed for each in _tree(int(child)))]


def _pss_kib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss:"))


def noop_systems() -> list[System]:
    """Everything that is compared on no-op jobs."""
    thread, process = Isolation.THREAD, Isolation.PROCESS
    return [
        peers.stock_rq(URL, "rq.Worker", 600),
        peers.stock_rq(URL, "rq.SimpleWorker", 2_000),
        *(peers.bullmq(PORT, each, "noop", 20_000) for each in (1, 10, 50)),
        *(peers.ours(URL, thread, each, "noop_async", 30_000) for each in (1, 10, 50)),
        peers.ours(URL, process, 1, "noop", 30_000),
    ]


def python_systems() -> list[System]:
    """The peers from PyPI, each on 2 cores."""
    two = peers.ours(URL, Isolation.PROCESS, 2, "noop", 30_000)
    return [*peers.python_peers(URL), two]


def io_systems() -> list[System]:
    """Everything that is compared on jobs that wait 10 ms."""
    return [
        *(peers.bullmq(PORT, each, "io10", count) for each, count in SIZES),
        *(peers.ours(URL, Isolation.THREAD, each, "io10", count) for each, count in SIZES),
    ]


MEASURED = (("noop", noop_systems), ("python", python_systems), ("io10", io_systems))
SIZES = ((1, 500), (10, 3_000), (50, 10_000))


def main() -> int:
    """Measure, print, write; 1 if a bar was not met."""
    parts = ("noop", "python", "io10", "trips", "pickup", "rerun", "memory", "backlog")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--only", choices=parts, action="append")
    parser.add_argument("--quick", action="store_true", help="a quarter of the jobs")
    parser.add_argument("--waiting", type=int, default=1_000_000)
    given = parser.parse_args()
    chosen: list[str] = given.only or list(parts)
    share = 0.25 if given.quick else 1.0
    peers.install()
    found: dict[str, Any] = {"load before": os.getloadavg(), "cores": os.cpu_count()}
    with redis_server() as redis:
        for part, systems in MEASURED:
            for system in systems() if part in chosen else ():
                rate = round(throughput(redis, system, share))
                found[f"{part}: {system.name}"] = rate
                print(f"{part:6} {system.name:24} {rate:>8,} jobs/s", flush=True)
        found |= _others(redis, chosen, given.waiting)
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / "queue_throughput.json"
    known = json.loads(path.read_text()) if path.exists() and given.only else {}
    path.write_text(json.dumps(known | found, indent=2) + "\n")
    bars = verdicts(found)
    for bar, met in bars:
        print(f"{'met' if met else 'NOT MET':8} {bar}")
    return 0 if all(met for _, met in bars) else 1


def _others(redis: Redis, chosen: list[str], waiting: int) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if "trips" in chosen:
        found["round trips a job, busy queue"] = round(round_trips(redis), 3)
    if "pickup" in chosen:
        found |= queue_pickup.measure(redis, URL, PORT, PINGS)
    for told, when in ((False, "by its lease"), (True, "pod known gone")):
        delays = rerun_delays(redis, URL, KILLS, told=told) if "rerun" in chosen else []
        for percent in (50, 99) if delays else ():
            value = delays[min(len(delays) * percent // 100, len(delays) - 1)]
            found[f"rerun after kill -9 p{percent} s: {when}"] = round(value, 2)
    if "memory" in chosen:
        found["idle pod of 2 processes, MiB"] = round(idle_memory_mib(), 1)
    if "backlog" in chosen:
        found |= {
            f"{waiting:,} waiting: {k}": round(v, 2)
            for k, v in queue_backlog.measure(SERVER, waiting).items()
        }
    for name, value in found.items():
        print(f"{name:40} {value}", flush=True)
    return found


if __name__ == "__main__":
    sys.exit(main())
