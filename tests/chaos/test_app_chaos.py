"""What an application stands on fails, part by part: it answers what it can, comes back by itself, loses
no job that it accepted, and its status is true.

`make chaos` freezes the API server for a minute, `make test` for ten seconds.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest
from ledger_site import NAME, PEOPLE, RECOVERY_SECONDS, Site, redis
from operator_log import errors_since, restarts
from pools import TestPool
from waiting import eventually
from web_apps import NAMESPACE, TestApp

from cluster.kubectl import kubectl
from cluster.paths import STATE
from cluster.processes import Processes

FROZEN_SECONDS = 60 if os.environ.get("CHAOS") == "full" else 10
KEPT = {"201", "503"}
FOUND = {"200", "503"}


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """Bring the ledger up, and have people use it all the time."""
    with redis() as client:
        site = Site(TestApp(NAME), TestPool(f"{NAME}-jobs", client))
        try:
            site.deploy()
            with site.people():
                eventually(site.is_well, within=RECOVERY_SECONDS)
                yield site
        finally:
            site.delete()


@pytest.fixture(autouse=True)
def no_errors_of_the_operator() -> Iterator[None]:
    since = datetime.now(UTC)
    yield
    assert errors_since(since, restarts()) == []


@contextmanager
def away(deployment: str) -> Generator[None]:
    """Stop a server of the example in order, and bring it back after the block."""
    scale = ("-n", NAMESPACE, "scale", "deployment", deployment)
    kubectl(*scale, "--replicas=0")
    try:
        yield
    finally:
        kubectl(*scale, "--replicas=1")
        kubectl("-n", NAMESPACE, "rollout", "status", "deployment", deployment, "--timeout=180s")


def restarted() -> bool:
    """Whether a container of the app was started anew, which is what a kernel with cgroups v2 does."""
    of = ("-n", NAMESPACE, "get", "pods", "-l", f"osnovci.app/app={NAME}", "-o")
    counts = kubectl(*of, "jsonpath={.items[*].status.containerStatuses[*].restartCount}")
    return any(map(int, counts.split()))


def logs() -> str:
    return kubectl("-n", NAMESPACE, "logs", "-l", f"osnovci.app/app={NAME}", "--tail=-1")


@contextmanager
def frozen(pid: int) -> Generator[None]:
    """Stop a process for the block; it goes on also where this one is killed meanwhile."""
    thaw = f"sleep {FROZEN_SECONDS + 60}; kill -CONT {pid}"
    watchdog = subprocess.Popen(["/bin/sh", "-c", thaw], start_new_session=True)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)
        os.killpg(watchdog.pid, signal.SIGTERM)
        watchdog.wait()


def database_is_missed(site: Site) -> bool:
    """Whether the replica that answered is unhealthy for want of its database: each finds out by itself."""
    status, body = site.ask("GET", "/api/health")
    return status == "503" and json.loads(body)["checks"]["database"]["status"] == "unhealthy"


def test_postgresql_is_restarted(site: Site) -> None:
    site.answers()
    with away("postgres"):
        eventually(lambda: database_is_missed(site), within=RECOVERY_SECONDS)
        eventually(lambda: site.told("add", "503") and site.told("count", "503"))
        assert site.app.condition("Ready")["status"] == "True"
    eventually(site.is_well, within=RECOVERY_SECONDS)
    print(answers := site.answers())
    assert answers.add.keys() == KEPT
    assert answers.count.keys() == FOUND
    assert answers.plain.keys() == {"200"}
    site.account()


def test_redis_is_restarted(site: Site) -> None:
    site.answers()
    with away("redis"):
        eventually(lambda: site.app.condition("ConfigEnforced")["status"] == "Unknown")
        eventually(lambda: site.app.condition("ScalingActive")["reason"] == "BackendUnreadable")
        eventually(lambda: site.pool.condition("BackendReachable")["status"] == "False")
        eventually(lambda: site.told("add", "503"))
        assert site.app.condition("ScalingActive")["status"] == "False"
        assert site.app.condition("Ready")["status"] == "True"
    eventually(site.is_well, within=RECOVERY_SECONDS)
    print(answers := site.answers())
    assert answers.add.keys() == KEPT
    assert answers.count.keys() == answers.plain.keys() == {"200"}
    site.account()


def test_a_pod_runs_out_of_memory(site: Site) -> None:
    site.answers()
    fate, _ = site.ask("POST", "/eat")
    assert not fate.isdecimal(), "the pod lived on"
    eventually(lambda: restarted() or "ended with -9, started anew" in logs())
    eventually(site.is_well, within=RECOVERY_SECONDS)
    print(answers := site.answers())
    # Who was being answered is cut off; the socket outlives its server. Not so the whole container.
    for each in (answers.add, answers.count, answers.plain):
        cut = sum(number for told, number in each.items() if not told.isdecimal())
        assert cut <= PEOPLE or restarted()
    site.account()


def test_the_api_server_is_frozen(site: Site) -> None:
    server = Processes(STATE).running("kube-apiserver")
    assert server
    site.answers()
    done, since = len(site.done()), time.monotonic()
    with frozen(server.pid):
        eventually(
            lambda: time.monotonic() - since > FROZEN_SECONDS and len(site.done()) > done + 20,
            within=FROZEN_SECONDS + 50,
        )
    eventually(site.is_well, within=RECOVERY_SECONDS)
    print(answers := site.answers())
    assert answers.add.keys() == {"201"}
    assert answers.count.keys() == answers.plain.keys() == {"200"}
    site.account()
