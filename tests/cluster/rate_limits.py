"""A RateLimitPolicy on the cluster, and pods that report what config they have in force."""

import json
from dataclasses import dataclass
from typing import Any

from waiting import eventually
from web_apps import NAMESPACE, READY_SECONDS, SERVER, condition_of

from cluster.kubectl import kubectl

REPORTING = (
    """
import asyncio, os, socket, threading
from osnovci.app_contract import AppHeartbeat, AppState
from osnovci.settings import AppSettings
from osnovci.web.link import Link

async def report():
    settings = AppSettings.parse(os.environ, socket.gethostname())
    link, config = Link(settings), settings.config
    figures = dict(in_flight=0, requests_per_second=0, error_rate=0, at_ms=0)
    while True:
        heartbeat = AppHeartbeat(
            app=config.document.app, pod=settings.pod, process=settings.process,
            state=AppState.RUNNING, config_revision=config.revision,
            config_checksum=config.checksum, **figures)
        (revision, _), _ = await link.exchange(heartbeat.model_dump_json())
        if revision and int(revision) != config.revision:
            config = await link.fetch()
        await asyncio.sleep(0.2)

threading.Thread(target=lambda: asyncio.run(report()), daemon=True).start()
"""
    + SERVER
)
"""Takes every config and says so, as the web runtime does; its image needs no web server."""

API = {"name": "api", "max": 60, "window": "1m"}


@dataclass(frozen=True)
class TestPolicy:
    """One RateLimitPolicy."""

    __test__ = False

    name: str
    app: str

    def apply(self, **spec: object) -> None:
        """Bring the policy to what is said."""
        manifest = {
            "apiVersion": "osnovci.app/v1alpha1",
            "kind": "RateLimitPolicy",
            "metadata": {"name": self.name, "namespace": NAMESPACE},
            "spec": {"targetRef": {"name": self.app}, "limits": [API], **spec},
        }
        kubectl(
            "apply", "--server-side", "--force-conflicts", "-f", "-", stdin=json.dumps(manifest)
        )

    def delete(self) -> None:
        kubectl("-n", NAMESPACE, "delete", "rlp", self.name, "--ignore-not-found", "--wait=false")

    def get(self) -> dict[str, Any]:
        return json.loads(kubectl("-n", NAMESPACE, "get", "rlp", self.name, "-o", "json"))

    def wait(self, kind: str, reason: str, within: float = READY_SECONDS) -> dict[str, Any]:
        """Wait until a condition has a reason for the newest spec; give the condition."""
        return eventually(lambda: condition_of(self.get(), kind, reason), within=within)
