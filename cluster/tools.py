"""The programs of the cluster, built from their Go modules, once, into the cache."""

import json
import os
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from cluster.console import ClusterError, exclusive, run, step
from cluster.paths import CACHE, ROOT

KUBERNETES = "1.37.2"
NODE_SOURCE = ROOT / "cluster" / "node"
COMPONENTS = (
    "etcd",
    "kube-apiserver",
    "kube-controller-manager",
    "kube-proxy",
    "kube-scheduler",
    "kubectl",
    "kubelet",
)
GO_NEEDED = (1, 26)
GATEWAY_API = "v1.6.3"
"""The newest that this Go reads."""


@dataclass(frozen=True)
class Module:
    """Programs that are built from one Go module."""

    name: str
    module: str
    version: str
    programs: tuple[str, ...]
    takes: str


CONTAINERD = Module(
    "containerd",
    "github.com/containerd/containerd/v2",
    "v2.4.2",
    ("cmd/containerd", "cmd/containerd-shim-runc-v2", "cmd/ctr"),
    "about 2 min, once",
)
CNI = Module(
    "cni",
    "github.com/containernetworking/plugins",
    "v1.9.1",
    (
        "plugins/main/bridge",
        "plugins/main/loopback",
        "plugins/ipam/host-local",
        "plugins/meta/portmap",
    ),
    "about 30 s, once",
)
COREDNS = Module("coredns", "github.com/coredns/coredns", "v1.15.0", ("",), "about 3 min, once")
METRICS_SERVER = Module(
    "metrics-server",
    "sigs.k8s.io/metrics-server",
    "v0.9.0",
    ("cmd/metrics-server",),
    "about 3 min, once",
)
MAILPIT = Module("mailpit", "github.com/axllent/mailpit", "v1.27.11", ("",), "about 1 min, once")
KWOK = Module("kwok", "sigs.k8s.io/kwok", "v0.8.0", ("cmd/kwok",), "about 2 min, once")
KIND = Module("kind", "sigs.k8s.io/kind", "v0.33.0", ("",), "about 10 s, once")


def folder(module: Module) -> Path:
    """Give the folder with a module's programs; builds them if they are not there yet."""

    def build(making: Path) -> None:
        _need_go()
        packages = [f"{module.module}/{p}".rstrip("/") for p in module.programs]
        environment = {**os.environ, "CGO_ENABLED": "0", "GOBIN": str(making)}
        versioned = [f"{package}@{module.version}" for package in packages]
        run(["go", "install", "-trimpath", "-ldflags=-s -w", *versioned], env=environment)

    what = f"{module.name} {module.version} from its Go module"
    return built(f"{module.name}-{module.version}", what, module.takes, build)


def kubernetes() -> Path:
    """Give the folder in which each component of Kubernetes is a program; builds it if need be."""

    def build(making: Path) -> None:
        _need_go()
        flags = f"-ldflags=-s -w {_version()}"
        run(
            ["go", "build", "-trimpath", flags, "-o", making / "kubernetes", "."],
            cwd=NODE_SOURCE,
            env={**os.environ, "CGO_ENABLED": "0"},
        )
        for component in COMPONENTS:
            (making / component).symlink_to("kubernetes")

    sources = [*sorted(NODE_SOURCE.glob("*.go")), NODE_SOURCE / "go.mod", NODE_SOURCE / "go.sum"]
    digest = sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:12]
    what = f"Kubernetes {KUBERNETES} from source"
    takes = "6-9 min on 2 cores, once"
    return built(f"kubernetes-{KUBERNETES}-{digest}", what, takes, build)


def http_route_crd() -> Path:
    """Give the CRD of the Gateway API's HTTPRoute, which the tests apply as an administrator would."""
    _need_go()
    module = f"sigs.k8s.io/gateway-api@{GATEWAY_API}"
    downloaded = json.loads(run(["go", "mod", "download", "-json", module]))
    folder = Path(downloaded["Dir"]) / "config" / "crd" / "standard"
    return folder / "gateway.networking.k8s.io_httproutes.yaml"


def built(name: str, what: str, takes: str, build: Callable[[Path], None]) -> Path:
    """Give a folder of the cache; a folder is there only when its build was completed."""
    place = CACHE / "tools" / name
    if place.exists():
        return place
    with exclusive(CACHE / "locks" / name):
        if not place.exists():
            making = _fresh(place.with_name(f"{name}.making"))
            with step(f"Building {what}", takes):
                build(making)
            making.rename(place)
    return place


def _version() -> str:
    major, minor, _ = KUBERNETES.split(".")
    package = "k8s.io/component-base/version"
    values = {"gitVersion": f"v{KUBERNETES}", "gitMajor": major, "gitMinor": minor}
    return " ".join(f"-X {package}.{name}={value}" for name, value in values.items())


def _fresh(place: Path) -> Path:
    shutil.rmtree(place, ignore_errors=True)
    place.mkdir(parents=True)
    return place


def _need_go() -> None:
    wanted = ".".join(map(str, GO_NEEDED))
    if not shutil.which("go"):
        raise ClusterError(
            f"there is no Go compiler: install Go {wanted} or newer, and run this again"
        )
    text = subprocess.run(["go", "version"], capture_output=True, text=True, check=True).stdout
    found = re.search(r"go(\d+)\.(\d+)", text)
    if found and tuple(map(int, found.groups())) < GO_NEEDED:
        raise ClusterError(f"{text.strip()} is too old: install Go {wanted} or newer")
