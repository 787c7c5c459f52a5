"""A count that is only told, floors, and what `osnovci explain` and `osnovci trace` say of a live pool."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from pools import NAMESPACE, TestPool
from waiting import eventually

from cluster.console import ClusterError

MakePool = Callable[..., TestPool]
BIN = Path(sys.executable).parent
REDIS = "redis://127.0.0.1:16379/0"


def osnovci(command: str, pool: TestPool) -> str:
    place = ("--redis", REDIS, "-n", NAMESPACE)
    words = [BIN / "osnovci", command, f"qpool/{pool.name}", *place]
    return subprocess.run(words, check=True, capture_output=True, text=True).stdout


def test_what_is_recommended_is_told_and_kubectl_scale_sets_the_count(pool: MakePool) -> None:
    jobs = pool(replicas=1, scaling={"mode": "Recommend", "maxReplicas": 3, "idle": "3s"})
    eventually(lambda: jobs.status().get("readyReplicas") == 1, within=150)
    jobs.enqueue("pause", 1, times=40)
    eventually(lambda: jobs.status()["desiredReplicas"] == 3)
    told = jobs.condition("ScalingActive")
    assert (told["status"], told["reason"]) == ("False", "Recommending")
    assert told["message"].endswith("; replicas says 1")
    assert len(jobs.pods()) == 1
    jobs.kubectl("scale", "qpool", jobs.name, "--replicas=2")
    eventually(lambda: jobs.status().get("readyReplicas") == 2, within=150)
    eventually(lambda: "(only told: the pool has 2)" in osnovci("explain", jobs))
    enforce = json.dumps({"spec": {"scaling": {"mode": "Enforce"}}})
    with pytest.raises(ClusterError, match="replicas and scaling exclude each other"):
        jobs.kubectl("patch", "qpool", jobs.name, "--type=merge", "-p", enforce)
    eventually(lambda: len(osnovci("trace", jobs).splitlines()) == 41, within=150)


def test_a_floor_that_holds_keeps_its_workers(pool: MakePool) -> None:
    floor = {"name": "always", "start": "* * * * *", "end": "0 0 1 1 *", "minReplicas": 2}
    jobs = pool(scaling={"maxReplicas": 3, "idle": "3s", "floors": [floor]})
    jobs.wait(ready=2)
    assert jobs.condition("ScalingActive")["reason"] == "ScheduledFloor"
    eventually(lambda: jobs.status().get("expectedWait") == "0s")
    eventually(lambda: "0 -> 2  ScheduledFloor" in osnovci("explain", jobs))
