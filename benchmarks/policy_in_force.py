"""How long an applied RateLimitPolicy takes until its status says that each of 20 pods enforces it.

From the request to the API server to the status as a watch sees it, through the operator's process.
The pods are kwok's, and beside each runs `osnovci serve` in its name. Once as it is, and once with
every announcement lost, so that the processes only look.
"""

import random
import sys
import time
from pathlib import Path
from typing import Any

from redis import Redis

from benchmarks.api import Api, Watch
from benchmarks.report import Result, spread
from benchmarks.stand import Stand, free_ports, stand
from cluster.console import step, wait_for
from osnovci.app_contract import ENV_APP, ENV_RELEASE, config_key
from osnovci.contract import ENV_NAMESPACE, ENV_POD, ENV_REDIS_URL

NAMESPACE, APP, POLICY = "bench", "web", "limits"
OBJECTS = f"/apis/osnovci.app/v1alpha1/namespaces/{NAMESPACE}/"
POLICIES = f"{OBJECTS}ratelimitpolicies"
PODS = 20
CHANGES = 30
START_SECONDS = 180
MOST_SECONDS = 1.0
USER = "web"
"""The pods' user in Redis, from whom announcements can be kept."""


def measure() -> Result:
    """Change a limit many times, in both ways."""
    with stand((NAMESPACE,)) as made:
        made.start_operator()
        made.start_kwok(1)
        made.redis.execute_command("ACL", "SETUSER", USER, "on", ">pods", "~*", "+@all", "&*")
        with step(f"Starting {PODS} pods with a server process each", "about a minute"):
            _start_pods(made)
        announced = _delays(made, 0)
        made.redis.execute_command("ACL", "SETUSER", USER, "resetchannels")
        lost = _delays(made, CHANGES)
        made.check()
    return Result(
        name="policy_in_force",
        question=f"How long until the status says that each of {PODS} pods enforces a change?",
        setting=f"{CHANGES} changes each way; from the apply to the status that a watch brings",
        figures=[
            *spread("announced", announced, MOST_SECONDS),
            *spread("every announcement lost", lost, MOST_SECONDS),
        ],
        detail={},
    )


def _start_pods(made: Stand) -> None:
    """Make an app, and run a server process in the name of each of its pods."""
    api = made.api
    pod = {"image": "osnovci/benchmark:none", "resources": {"requests": {"cpu": "1m"}}}
    shutdown = {"drain": "1ms", "grace": "1s"}
    app = _object("OsnovciApp", APP, pod=pod, replicas=PODS, shutdown=shutdown)
    api.apply(f"{OBJECTS}osnovciapps/{APP}", app)
    path = f"/api/v1/namespaces/{NAMESPACE}/pods"
    wait_for("the pods", lambda: len(api.request("GET", path)["items"]) == PODS, START_SECONDS)
    maps = f"/api/v1/namespaces/{NAMESPACE}/configmaps/{APP}-document"
    [(release, document)] = api.request("GET", maps)["data"].items()
    names = [each["metadata"]["name"] for each in api.request("GET", path)["items"]]
    program = Path(sys.executable).parent / "osnovci"
    for name in names:
        made.start(
            name,
            [program, "serve", "benchmarks.web_apps:wrapped", f"--port={free_ports(1)}"],
            **{
                ENV_NAMESPACE: NAMESPACE,
                ENV_POD: name,
                ENV_REDIS_URL: f"redis://{USER}:pods@127.0.0.1:{made.redis_port}/0",
                ENV_RELEASE: release,
                ENV_APP: document,
            },
        )
    wait_for("their heartbeats", lambda: _reporting(made.redis, names), START_SECONDS)


def _reporting(redis: Redis, names: list[str]) -> bool:
    prefix = config_key(NAMESPACE, APP).rpartition("config:")[0]
    return redis.exists(*(f"{prefix}heartbeat:{name}:0" for name in names)) == len(names)


def _delays(made: Stand, before: int) -> list[float]:
    """Give the seconds of each change."""
    api, watch = made.api, Watch(made.api, POLICIES)
    found: list[float] = []
    for number in range(before + 1, before + CHANGES + 1):
        # so that it falls anywhere between two looks
        time.sleep(random.uniform(0.5, 1.5))
        began = time.perf_counter()
        generation = _limit(api, number)
        found.append(watch.until(lambda each, told=generation: _in_force(each, told)) - began)
    return found


def _limit(api: Api, most: int) -> int:
    """Apply the policy with this limit; give its generation."""
    limits = [{"name": "api", "max": most, "window": "1m"}]
    body = _object("RateLimitPolicy", POLICY, targetRef={"name": APP}, limits=limits)
    return int(api.apply(f"{POLICIES}/{POLICY}", body)["metadata"]["generation"])


def _in_force(policy: dict[str, Any], generation: int) -> bool:
    status = policy.get("status", {})
    programmed = {
        each["status"]
        for each in status.get("conditions", ())
        if each["type"] == "Programmed" and each["observedGeneration"] == generation
    }
    return programmed == {"True"} and status["enforcedPods"] == PODS


def _object(kind: str, name: str, **spec: Any) -> dict[str, Any]:
    return {
        "apiVersion": "osnovci.app/v1alpha1",
        "kind": kind,
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": spec,
    }
