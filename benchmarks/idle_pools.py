"""What the operator uses, and what it writes, with 1,000 QueuePools that have no jobs.

Each pool keeps one worker, which is a pod on a kwok node. The API server's audit log tells the
operator's requests one by one. Beside it, in the same minute, a floor: a process that has only
imported what the operator stands on.
"""

import json
import sys
import time
from collections import Counter
from dataclasses import dataclass

from benchmarks.api import Api
from benchmarks.report import Figure, Result
from benchmarks.stand import POOLS, Stand, pool, stand
from benchmarks.usage import Usage
from cluster.console import step

NAMESPACES = tuple(f"bench-{number}" for number in range(4))
POOLS_EACH = 250
NODES = 10
MINUTE = 60.0
WORKERS_SECONDS = 200.0
LOOK_SECONDS = 2.0
"""A look at every pool is work for the API server, which has better to do."""

QUIET_SECONDS = 10.0
SETTLE_SECONDS = 60.0
WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})
LEASE = "update leases"
FLOOR = "import time, kopf, kubernetes.aio.client; time.sleep(600)"
MIB = 2**20


@dataclass(frozen=True)
class Minute:
    """What happened within a minute in which nothing was to do."""

    seconds: float
    before: dict[str, Usage]
    after: dict[str, Usage]
    requests: Counter[str]

    def cpu(self, name: str) -> float:
        """Give how much of one core a process took, in percent."""
        spent = self.after[name].cpu_seconds - self.before[name].cpu_seconds
        return round(100 * spent / self.seconds, 2)

    def writes(self, *, lease: bool) -> int:
        """Count the writes to the Lease, or all others."""
        return sum(
            count
            for what, count in self.requests.items()
            if what.split()[0] in WRITES and (what == LEASE) == lease
        )


def measure() -> Result:
    """Set everything up, wait until it is quiet, and watch for a minute."""
    count = POOLS_EACH * len(NAMESPACES)
    with stand(NAMESPACES, audit=True) as made:
        pids = {
            "operator": made.start_operator(),
            "floor": made.start("floor", [sys.executable, "-c", FLOOR]),
        }
        with step(f"Making {count:,} pools with a worker each", "about 90 s"):
            made.start_kwok(NODES)
            _pools(made)
        with step("Waiting until the operator is quiet", "about 10 s"):
            settled = _quiet(made)
        with step("Watching", "a minute"):
            minute = _minute(made, pids)
        made.check()
    return Result(
        name="idle_pools",
        question=f"The operator with {count:,} QueuePools that have no jobs",
        setting=f"{len(NAMESPACES)} namespaces, {count:,} pods on {NODES} kwok nodes",
        figures=_figures(minute),
        detail={
            "seconds": round(minute.seconds, 1),
            "quiet_before_it": settled,
            "requests": dict(minute.requests.most_common()),
        },
    )


def _figures(minute: Minute) -> list[Figure]:
    """Give the figures of the operator, then those of the floor."""
    figures = [
        Figure("writes in the minute, without the Lease", minute.writes(lease=False), "", bar=0),
        Figure("writes of the Lease", minute.writes(lease=True), ""),
    ]
    for name, title in {"operator": "operator", "floor": "floor: imports only"}.items():
        after = minute.after[name]
        figures += [
            Figure(f"{title}, RSS", round(after.rss / MIB, 1), "MiB"),
            Figure(f"{title}, PSS", round(after.pss / MIB, 1), "MiB"),
            Figure(f"{title}, CPU", minute.cpu(name), "% of a core"),
        ]
    return figures


def _pools(made: Stand) -> None:
    api = made.api
    for namespace in NAMESPACES:
        for number in range(POOLS_EACH):
            made_pool = pool(f"pool-{number:03}", namespace, minimum=1)
            api.request("POST", POOLS.format(namespace), made_pool)
    deadline = time.monotonic() + WORKERS_SECONDS
    while not all(_ready(made, api, namespace) for namespace in NAMESPACES):
        if time.monotonic() > deadline:
            raise RuntimeError(f"not every pool had its worker within {WORKERS_SECONDS:g}s")
        time.sleep(LOOK_SECONDS)


def _ready(made: Stand, api: Api, namespace: str) -> bool:
    """Tell whether each pool has its worker; raises if that will never be."""
    made.processes.check("operator")
    made.processes.check("kwok")
    pools = api.request("GET", POOLS.format(namespace))["items"]
    return all(each.get("status", {}).get("readyReplicas") == 1 for each in pools)


def _quiet(made: Stand) -> bool:
    """Wait until nothing but the Lease was written for a while; tell whether that came."""
    deadline = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < deadline:
        start = made.audit_log.stat().st_size
        time.sleep(QUIET_SECONDS)
        writes = [each for each in _requests(made, start) if each.split()[0] in WRITES]
        if set(writes) <= {LEASE}:
            return True
    return False


def _minute(made: Stand, pids: dict[str, int]) -> Minute:
    start, started = made.audit_log.stat().st_size, time.monotonic()
    before = {name: Usage.of(pid) for name, pid in pids.items()}
    time.sleep(MINUTE)
    seconds = time.monotonic() - started
    after = {name: Usage.of(pid) for name, pid in pids.items()}
    return Minute(seconds, before, after, _requests(made, start))


def _requests(made: Stand, start: int) -> Counter[str]:
    """Count the operator's requests since the log was so long, by verb and resource."""
    with made.audit_log.open("rb") as log:
        log.seek(start)
        lines = log.read().splitlines()
    return Counter(_request(json.loads(line)) for line in lines)


def _request(entry: dict[str, dict[str, str]]) -> str:
    about = entry.get("objectRef", {})
    resource = "/".join(filter(None, (about.get("resource"), about.get("subresource"))))
    return f"{entry['verb']} {resource}"
