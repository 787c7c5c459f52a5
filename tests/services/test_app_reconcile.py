"""In which order an app's objects are applied, and what is left where the API server refuses one.

The API server is a web server that keeps what is applied and refuses a kind; a real one is in
tests/cluster.
"""

import json
from collections.abc import AsyncGenerator
from datetime import timedelta
from typing import Any

import pytest
from aiohttp import web
from apps import APP, app_body
from builders import NAMESPACE, NOON
from kubernetes.aio import client
from workers import free_port

from osnovci.app_contract import AppDocument
from osnovci_operator.app.reconcile import Apps
from osnovci_operator.app_channel import Channels
from osnovci_operator.events import Events
from osnovci_operator.kube import Kube
from osnovci_operator.resource import Key
from osnovci_operator.settings import Settings
from osnovci_operator.store import Store

KEY = Key("OsnovciApp", NAMESPACE, APP)
SETTINGS = Settings(
    namespaces=(NAMESPACE,),
    own_namespace="osnovci-system",
    identity="operator-1",
    redis_hosts=frozenset(),
    port=8080,
    log_level="INFO",
    tick=timedelta(milliseconds=50),
)


class ApiServer:
    """Keeps objects by their paths."""

    def __init__(self) -> None:
        self.objects: dict[str, dict[str, Any]] = {}
        self.refused = ""
        self.writes = 0

    async def answer(self, request: web.Request) -> web.Response:
        path = request.path
        if request.method == "GET":
            found = self.objects.get(path)
            return web.json_response(
                found or {"message": "not found"}, status=200 if found else 404
            )
        body = json.loads(await request.text())
        if self.refused and self.refused in path:
            return web.json_response({"message": "denied"}, status=422)
        self.writes += 1
        number = str(self.writes)
        named = {"name": number, "uid": path, "resourceVersion": number, "generation": self.writes}
        body["metadata"] = {**named, **body["metadata"]}
        self.objects[path] = body
        return web.json_response(body)

    def find(self, kind: str) -> dict[str, Any]:
        return next((each for each in self.objects.values() if each["kind"] == kind), {})

    @property
    def status(self) -> Any:
        return self.objects[next(path for path in self.objects if path.endswith("/status"))][
            "status"
        ]

    def condition(self, name: str) -> str:
        found = next(each for each in self.status["conditions"] if each["type"] == name)
        return f"{found['reason']}: {found['message']}"

    @property
    def most_in_flight(self) -> int:
        """Of the config that pods start with."""
        text = self.find("ConfigMap")["data"]["document"]
        return AppDocument.model_validate_json(text).health.max_in_flight


class Stand:
    """An operator's apps, and the API server that they are applied to."""

    def __init__(self, server: ApiServer, kube: Kube) -> None:
        self.server = server
        self.store = Store()
        self.channels = Channels(SETTINGS, kube, self.store, lambda _: None)
        events = Events(kube, "operator-1")
        self.apps = Apps(self.store, kube, self.channels, events, lambda: NOON)

    async def apply(self, **spec: Any) -> None:
        body = app_body(**spec)
        self.store.put(body)
        await self.apps.reconcile(KEY)


@pytest.fixture
async def stand() -> AsyncGenerator[Stand]:
    server, port = ApiServer(), free_port()
    site = web.Application()
    site.router.add_route("*", "/{path:.*}", server.answer)
    runner = web.AppRunner(site, access_log=None)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    async with client.ApiClient(client.Configuration(host=f"http://127.0.0.1:{port}")) as api:
        yield Stand(server, Kube(api))
    await runner.cleanup()


async def test_a_revision_that_is_refused_leaves_the_config(stand: Stand) -> None:
    await stand.apply(health={"maxInFlight": 7})
    assert stand.server.most_in_flight == 7
    stand.server.refused = "/deployments"
    await stand.apply(pod={"image": "homework:2"}, health={"maxInFlight": 9})
    assert stand.server.most_in_flight == 7
    message = "PodRefused: the API server refused the Deployment: denied"
    assert stand.server.condition("Ready") == message
    stay = f"{message}; pods and config stay as they are"
    assert stand.server.condition("Progressing") == stay
    stand.server.refused = ""
    await stand.apply(pod={"image": "homework:2"}, health={"maxInFlight": 9})
    assert stand.server.most_in_flight == 9


async def test_the_rest_of_an_app_whose_service_is_anothers_goes_on(stand: Stand) -> None:
    await stand.apply(replicas=2)
    service = stand.server.find("Service")
    service["metadata"]["ownerReferences"] = []
    service["metadata"]["labels"] = {}
    stand.store.remove({**service, "metadata": {**service["metadata"], "labels": LABELS}})
    await stand.apply(replicas=4)
    assert stand.server.find("Deployment")["spec"]["replicas"] == 4
    assert stand.server.status["desiredReplicas"] == 4
    assert stand.server.condition("Ready").startswith("NameTaken: Service homework exists")
    assert stand.server.find("Service")["metadata"]["labels"] == {}


async def test_a_deployment_that_is_a_pools_is_left_alone(stand: Stand) -> None:
    pool = {"kind": "QueuePool", "name": "jobs", "uid": "another"}
    path = f"/apis/apps/v1/namespaces/{NAMESPACE}/deployments/{APP}"
    other = {"kind": "Deployment", "metadata": {"name": APP, "ownerReferences": [pool]}}
    stand.server.objects[path] = other
    await stand.apply()
    assert stand.server.objects[path] == other
    assert stand.server.condition("Ready") == (
        f"NameTaken: Deployment {APP} is that of QueuePool jobs: rename the app or the pool"
    )
    assert not stand.server.find("ConfigMap")


LABELS = {"osnovci.app/app": APP}
