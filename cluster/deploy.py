"""What `make up` deploys: the operator and the example, the same way on every provider."""

import json
import secrets
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Protocol
from urllib.error import HTTPError
from urllib.request import urlopen

from cluster import images, tools
from cluster.console import OUT, run, step, wait_for
from cluster.kubectl import kubectl
from cluster.paths import ROOT, STATE

INSTALL = ROOT / "manifests" / "install.yaml"
EXAMPLE = ROOT / "examples" / "homework"
APPLICATION_URL = "http://127.0.0.1:8080"


class Loads(Protocol):
    """Something that takes images."""

    def load(self, archive: Path) -> None:
        """Take in an archive."""


def load(provider: Loads, names: Sequence[str]) -> list[str]:
    """Give the cluster these images, as far as it has not got them; tell which are new."""
    fresh: list[str] = []
    for name in names:
        archive = images.archive(name)
        marker = STATE / "images" / name
        if marker.exists() and marker.read_text() == archive.name:
            continue
        with step(f"Loading the image {images.IMAGES[name].reference}"):
            provider.load(archive)
        marker.parent.mkdir(parents=True, exist_ok=True)
        marker.write_text(archive.name)
        fresh.append(name)
    return fresh


def deploy(provider: Loads) -> None:
    """Bring operator and example to what the checkout says, and wait for them."""
    fresh = load(provider, images.SERVICES + images.APPLICATION)
    kubectl("apply", "--server-side", "-f", EXAMPLE / "deploy" / "namespace.yaml")
    kubectl("apply", "--server-side", "--force-conflicts", "-k", ROOT / "manifests" / "local")
    crds = [
        f"{plural}.osnovci.app" for plural in ("queuepools", "osnovciapps", "ratelimitpolicies")
    ]
    kubectl("wait", "--for=condition=Established", "crd", *crds)
    make_session_keys()
    kubectl("apply", "--server-side", "--force-conflicts", "-k", EXAMPLE / "deploy")
    if "operator" in fresh:
        kubectl("-n", "osnovci-system", "rollout", "restart", "deployment/osnovci-operator")
    if "homework" in fresh:
        for of in ("osnovci.app/pool", "osnovci.app/app=homework"):
            kubectl("-n", "homework", "delete", "pods", "-l", of, "--wait=false")
    with step("Waiting for the operator, the example and what it uses", "up to a minute"):
        for namespace in ("homework", "osnovci-system"):
            rollout = ("rollout", "status", "deployment", "-l", "app.kubernetes.io/part-of=osnovci")
            kubectl("-n", namespace, *rollout, "--timeout=120s")
        ready = ("wait", "--for=condition=Ready", "qpool/homework-jobs", "oapp/homework")
        kubectl("-n", "homework", *ready, "--timeout=120s")
        programmed = ("wait", "--for=condition=Programmed", "rlp/homework-limits")
        kubectl("-n", "homework", *programmed, "--timeout=60s")
        # The gate leads to nginx, which learns of the pods a moment after the API server.
        wait_for(f"an answer of {APPLICATION_URL}", _application_answers, 60)
    OUT.print(f"The homework application answers at {APPLICATION_URL}")


def make_session_keys() -> None:
    """Make the key that signs the example's sessions, where there is none yet; it is in no file."""
    name = "osnovci-sessions"
    if kubectl("-n", "homework", "get", "secret", name, "--ignore-not-found", "-o", "name"):
        return
    secret = {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": "homework"},
        "stringData": {"keys": f"1:{secrets.token_hex(32)}"},
    }
    # By its input: the arguments of a program can be seen by others.
    kubectl("create", "-f", "-", stdin=json.dumps(secret))


def _application_answers() -> bool:
    try:
        with urlopen(APPLICATION_URL, timeout=5) as answer:
            return answer.status == HTTPStatus.OK
    except HTTPError as error:
        # Its limits count this machine's requests, whoever makes them.
        return error.code == HTTPStatus.TOO_MANY_REQUESTS
    except OSError:
        return False


def install_manifest() -> str:
    """Give the manifest that installs the operator on any cluster by one `kubectl apply`."""
    program = tools.kubernetes() / "kubectl"
    header = "# Generated from manifests/default by `make crds`. Do not edit.\n"
    return header + run([program, "kustomize", ROOT / "manifests" / "default"])
