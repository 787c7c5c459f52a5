"""An OsnovciApp on the cluster, as its tests speak of it: a server of the standard library."""

import http.client
import json
import os
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from redis import Redis
from waiting import PATIENCE_SECONDS, eventually

from cluster import tools
from cluster.kubectl import kubectl
from cluster.paths import KUBECONFIG
from osnovci.app_contract import config_key

NAMESPACE = "homework"
READY_SECONDS = 240.0
IMPATIENT = {"minReady": "1s", "deadline": "10s"}
"""How a revision is rolled out that is not to become ready."""

SERVER = """
import http.server, os, signal, threading, time

class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = (os.environ["SERVER_ID"] + " " + os.environ.get("VERSION", "1")).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass

class Server(http.server.ThreadingHTTPServer):
    request_queue_size = 128

server = Server(("", 3000), Answer)

def stop(*_):
    time.sleep(12)
    os._exit(0)

signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=stop).start())
server.serve_forever()
"""
"""Answers every path with its name and version; serves on for 12 s when it is told to stop.

So long a busy machine may take until nobody is sent there any more.
"""

BROKEN = "raise SystemExit('no such table: homework')"


def osnovci(*arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command as a person does who has kubectl and the cluster's kubeconfig."""
    environment = {
        **os.environ,
        "PATH": f"{tools.kubernetes()}:{os.environ['PATH']}",
        "KUBECONFIG": str(KUBECONFIG),
        "OSNOVCI_NAMESPACE": NAMESPACE,
    }
    program = Path(sys.executable).parent / "osnovci"
    return subprocess.run(
        [program, *arguments], env=environment, capture_output=True, text=True, check=False
    )


def condition_of(thing: dict[str, Any], kind: str, reason: str) -> dict[str, Any]:
    """Give a condition of an object if it has this reason for the newest spec; else say what there is."""
    conditions = thing.get("status", {}).get("conditions", [])
    found = next((each for each in conditions if each["type"] == kind), {})
    newest = thing["metadata"]["generation"]
    assert (found.get("reason"), found.get("observedGeneration")) == (reason, newest), conditions
    return found


@dataclass
class Traffic:
    """What was asked of an app in the background."""

    answered: int = 0
    failed: int = 0
    error: str = ""
    """The last one, and when."""


@dataclass(frozen=True)
class TestApp:
    """One OsnovciApp."""

    __test__ = False

    name: str
    service: str = ""
    """The Service that is asked, where it is not that of the app's name."""

    def apply(
        self,
        *,
        program: str = SERVER,
        version: str = "1",
        labels_of_pod: dict[str, str] | None = None,
        **spec: object,
    ) -> None:
        """Bring the app to what is said; the rest has short times, so that a test ends soon."""
        pod = {
            "image": "osnovci/homework:dev",
            "command": ["python", "-u", "-c", program],
            "env": [{"name": "VERSION", "value": version}],
            "resources": {"requests": {"cpu": "5m", "memory": "32Mi"}},
            "labels": labels_of_pod or {},
        }
        whole = {
            "pod": pod,
            **({} if "scaling" in spec else {"replicas": 2}),
            "rollout": {"minReady": "1s", "deadline": "3m"},
            **spec,
        }
        manifest = {
            "apiVersion": "osnovci.app/v1alpha1",
            "kind": "OsnovciApp",
            "metadata": {"name": self.name, "namespace": NAMESPACE},
            "spec": whole,
        }
        kubectl(
            "apply", "--server-side", "--force-conflicts", "-f", "-", stdin=json.dumps(manifest)
        )

    def get(self, kind: str = "oapp", name: str = "") -> dict[str, Any]:
        found = kubectl("-n", NAMESPACE, "get", kind, name or self.name, "-o", "json")
        return json.loads(found)

    def documents(self) -> dict[str, str]:
        """Give what its pods start with, by release."""
        return self.get("configmap", f"{self.name}-document")["data"]

    def releases(self) -> list[str]:
        return sorted(self.documents())

    def configs(self, redis: Redis) -> dict[str, dict[str, int]]:
        """Give the revision and a field of each release's config that is published."""
        found: dict[str, dict[str, int]] = {}
        for release in self.releases():
            fields: Any = redis.hgetall(config_key(NAMESPACE, self.name, release))
            if fields:
                most = json.loads(fields["document"])["health"]["max_in_flight"]
                found[release] = {"revision": int(fields["revision"]), "max_in_flight": most}
        return found

    def jobs(self) -> list[dict[str, Any]]:
        """Give the Jobs of its migrations."""
        selector = f"osnovci.app/app={self.name}"
        found = kubectl("-n", NAMESPACE, "get", "jobs", "-l", selector, "-o", "json")
        return json.loads(found)["items"]

    def pods(self, label: str = "osnovci.app/app") -> set[str]:
        """Name the pods that stay; those that leave may be of an app of this name before it."""
        selector = f"{label}={self.name}"
        listed = kubectl("-n", NAMESPACE, "get", "pods", "-l", selector, "-o", "json")
        found = (each["metadata"] for each in json.loads(listed)["items"])
        return {each["name"] for each in found if "deletionTimestamp" not in each}

    def condition(self, kind: str) -> dict[str, Any]:
        conditions = self.get().get("status", {}).get("conditions", [])
        return next((each for each in conditions if each["type"] == kind), {})

    def wait(self, kind: str, reason: str, within: float = READY_SECONDS) -> dict[str, Any]:
        """Wait until a condition has a reason for the newest spec; give the condition."""
        return eventually(lambda: condition_of(self.get(), kind, reason), within=within)

    def ask(self) -> str:
        """Ask the app through its Service, on a connection of its own."""
        connection = http.client.HTTPConnection(self._address(), timeout=PATIENCE_SECONDS)
        try:
            connection.request("GET", "/")
            answer = connection.getresponse()
            assert answer.status == 200, answer.status
            return answer.read().decode()
        finally:
            connection.close()

    def serves(self) -> bool:
        """Whether the Service leads to a pod yet; the node learns of it after the API server."""
        try:
            return bool(self.ask())
        except OSError:
            return False

    @contextmanager
    def traffic(self) -> Generator[Traffic]:
        """Ask again and again until the end of the block."""
        traffic, ended = Traffic(), threading.Event()

        def run() -> None:
            while not ended.wait(0.02):
                try:
                    self.ask()
                    traffic.answered += 1
                except (OSError, AssertionError, http.client.HTTPException) as error:
                    traffic.failed += 1
                    traffic.error = f"{error!r} at {datetime.now(UTC):%H:%M:%S}"

        eventually(self.serves)
        thread = threading.Thread(target=run)
        thread.start()
        try:
            yield traffic
        finally:
            ended.set()
            thread.join()

    def _address(self) -> str:
        service = self.service or self.name
        if service not in _ADDRESSES:
            _ADDRESSES[service] = self.get("service", service)["spec"]["clusterIP"]
        return _ADDRESSES[service]


_ADDRESSES: dict[str, str] = {}
