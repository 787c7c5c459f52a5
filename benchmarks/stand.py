"""What a measurement runs on: a control plane, a Redis and an operator of its own.

In a temporary folder and on free ports, so that it meets no other cluster; everything that was
started is ended again, by its pid.
"""

import json
import random
import socket
import sys
from base64 import b64encode
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import yaml
from redis import Redis
from redis.exceptions import ConnectionError as NotThere

from benchmarks.api import Api
from cluster import tools
from cluster.console import run, wait_for
from cluster.controlplane import ControlPlane
from cluster.paths import ROOT
from cluster.processes import Processes
from osnovci_operator.kinds import KINDS
from osnovci_operator.resource import GROUP

SYSTEM = "osnovci-system"
ACCOUNT = "osnovci-operator"
USER = f"system:serviceaccount:{SYSTEM}:{ACCOUNT}"
POOLS = "/apis/osnovci.app/v1alpha1/namespaces/{}/queuepools"
STAGES = Path(__file__).parent / "kwok.yaml"
BELOW_EPHEMERAL = range(20000, 32000)
READY_SECONDS = 30.0
UNHURRIED = ("--kube-api-qps=1000", "--kube-api-burst=2000")
"""The controllers' own throttle is no part of any question here."""


@dataclass(frozen=True)
class Stand:
    """The parts of one measurement."""

    folder: Path
    namespaces: Sequence[str]
    plane: ControlPlane
    processes: Processes
    redis_port: int
    pids: dict[str, int] = field(default_factory=dict[str, int])
    """Of what was started, in this order."""

    @property
    def audit_log(self) -> Path:
        """Where the API server notes each request of the operator, and of nobody else."""
        return self.folder / "audit.log"

    @property
    def redis(self) -> Redis:
        """A client of its Redis."""
        return Redis(port=self.redis_port)

    @property
    def api(self) -> Api:
        """A connection to its API server."""
        return Api(self.plane.kubeconfig)

    def start(self, name: str, command: Sequence[str | Path], **env: str) -> int:
        """Start a program that ends with the stand; give its pid."""
        self.processes.start(name, command, env)
        started = self.processes.running(name)
        if not started:
            raise RuntimeError(f"{name} ended at once: {self.log(name)[-500:]}")
        self.pids[name] = started.pid
        return started.pid

    def start_operator(self) -> int:
        """Start the operator with the rights that the manifests give it; give its pid."""
        pid = self.start(
            "operator",
            [sys.executable, "-m", "osnovci_operator"],
            KUBECONFIG=str(_kubeconfig(self)),
            OSNOVCI_NAMESPACES=",".join(self.namespaces),
            OSNOVCI_IDENTITY="benchmark",
            OSNOVCI_REDIS_HOSTS="127.0.0.1",
            OSNOVCI_PORT=str(free_ports(1)),
        )
        lease = f"/apis/coordination.k8s.io/v1/namespaces/{SYSTEM}/leases"
        api = self.api
        wait_for("the operator's lead", lambda: bool(api.request("GET", lease)["items"]), 30)
        return pid

    def start_kwok(self, nodes: int) -> None:
        """Have kwok play some nodes and every pod on them."""
        api = self.api
        for number in range(nodes):
            api.request("POST", "/api/v1/nodes", _node(f"kwok-{number}"))
        program = tools.folder(tools.KWOK) / "kwok"
        options = [f"--config={STAGES}", "--manage-all-nodes", "--node-lease-duration-seconds=40"]
        self.start("kwok", [program, f"--kubeconfig={self.plane.kubeconfig}", *options])

    def log(self, name: str) -> str:
        """Give what a program has logged."""
        return (self.folder / "logs" / f"{name}.log").read_text()

    def check(self) -> None:
        """Raise when the operator ended or logged a failure: its figures would mean little."""
        self.processes.check("operator")
        bad = [line for line in self.log("operator").splitlines() if '"ERROR"' in line]
        if bad:
            raise RuntimeError(f"the operator logged {len(bad)} errors, the first: {bad[0]}")


@contextmanager
def stand(namespaces: Sequence[str], *, audit: bool = False) -> Generator[Stand]:
    """Set up a stand with everything but the operator; take all of it away in the end."""
    with TemporaryDirectory(prefix="osnovci-bench-") as name:
        folder = Path(name)
        extra: dict[str, Sequence[str]] = {
            "kube-controller-manager": UNHURRIED,
            "kube-scheduler": UNHURRIED,
        }
        if audit:
            extra["kube-apiserver"] = _audit(folder)
        plane = ControlPlane(folder, free_ports(3), free_ports(2), extra=extra)
        made = Stand(folder, namespaces, plane, Processes(folder), free_ports(1))
        try:
            _up(made)
            yield made
        finally:
            for each in reversed(made.pids):
                made.processes.stop(each)
            plane.down()


def free_ports(count: int) -> int:
    """Give the first of some neighbouring ports that nobody listens at."""
    while True:
        first = random.randrange(BELOW_EPHEMERAL.start, BELOW_EPHEMERAL.stop - count)
        if all(_free(first + each) for each in range(count)):
            return first


def pool(name: str, namespace: str, *, minimum: int) -> dict[str, Any]:
    """Build a QueuePool with one queue of its own name."""
    return {
        "apiVersion": "osnovci.app/v1alpha1",
        "kind": "QueuePool",
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "pod": {"image": "osnovci/benchmark:none", "resources": {"requests": {"cpu": "1m"}}},
            "tasks": ["homework.jobs"],
            "queues": [{"name": name}],
            "scaling": {"minReplicas": minimum, "maxReplicas": 5},
        },
    }


def _up(made: Stand) -> None:
    redis_options = ["--port", str(made.redis_port), "--bind", "127.0.0.1", "--save", ""]
    made.start("redis", ["redis-server", *redis_options, "--dir", made.folder])
    made.plane.up(controllers=True)
    wait_for("Redis", lambda: _answers(made.redis), READY_SECONDS)
    kubectl = [tools.kubernetes() / "kubectl", f"--kubeconfig={made.plane.kubeconfig}"]
    objects = yaml.safe_dump_all(_installation(made))
    run([*kubectl, "apply", "--server-side", "-f", "-"], stdin=objects)
    crds = [f"crd/{kind.plural}.{GROUP}" for kind in KINDS]
    run([*kubectl, "wait", "--for=condition=Established", *crds, "--timeout=30s"])


def _installation(made: Stand) -> list[dict[str, Any]]:
    """Give what the manifests install, without the operator's Deployment."""
    binding = _documents("manifests/namespace/rolebinding.yaml")[0]
    url = b64encode(f"redis://127.0.0.1:{made.redis_port}/0".encode()).decode()
    account = {"name": ACCOUNT, "namespace": SYSTEM}
    objects = [_object("Namespace", name) for name in (SYSTEM, *made.namespaces)]
    objects += [{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account}]
    for path in (*(f"crds/{kind.plural}.yaml" for kind in KINDS), "manifests/base/rbac.yaml"):
        objects += _documents(path)
    for name in made.namespaces:
        secret = _object("Secret", "osnovci-redis") | {"data": {"url": url}}
        for each in (secret, binding):
            objects.append(each | {"metadata": {**each["metadata"], "namespace": name}})
    return objects


def _documents(path: str) -> list[dict[str, Any]]:
    return list(yaml.safe_load_all((ROOT / path).read_text()))


def _object(kind: str, name: str) -> dict[str, Any]:
    return {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}}


def _node(name: str) -> dict[str, Any]:
    room = {"cpu": "32", "memory": "256Gi", "pods": "500"}
    return {
        **_object("Node", name),
        "metadata": {"name": name, "labels": {"kubernetes.io/hostname": name}},
        "status": {"allocatable": room, "capacity": room},
    }


def _kubeconfig(made: Stand) -> Path:
    """Write a kubeconfig of the operator's service account, with an hour's token."""
    path = f"/api/v1/namespaces/{SYSTEM}/serviceaccounts/{ACCOUNT}/token"
    body = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    token = made.api.request("POST", path, body)["status"]["token"]
    config = yaml.safe_load(made.plane.kubeconfig.read_text())
    config["users"][0]["user"] = {"token": token}
    place = made.folder / "operator.kubeconfig"
    place.touch(mode=0o600)
    place.write_text(yaml.safe_dump(config))
    return place


def _audit(folder: Path) -> list[str]:
    """Have the API server note the operator's requests before it answers them."""
    policy = folder / "audit-policy.json"
    document = {
        "apiVersion": "audit.k8s.io/v1",
        "kind": "Policy",
        "omitStages": ["RequestReceived"],
        "rules": [{"level": "Metadata", "users": [USER]}, {"level": "None"}],
    }
    policy.write_text(json.dumps(document))
    return [f"--audit-policy-file={policy}", f"--audit-log-path={folder / 'audit.log'}"]


def _free(port: int) -> bool:
    with socket.socket() as listener:
        try:
            listener.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _answers(redis: Redis) -> bool:
    try:
        return bool(redis.ping())
    except NotThere:
        return False
